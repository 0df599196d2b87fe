"""The benchmarks: both sides compute the same, figures follow from times, and the commands run.

Tests that compare with PyTorch are skipped where it is not installed (pip install -e '.[bench]').
Nothing here asserts how long anything takes.
"""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
from command_runs import call
from PIL import Image

from benchmarks import gpu_cost, loader, measure, memory, peak_memory, speed, speed_table
from benchmarks.peers import Peer, check_agreement, import_torch, torch_layout, twin
from minialex import backend, fast, models, standin
from minialex.errors import InputError
from minialex.fast.conv import FastConv2d
from minialex.layers import (
    Conv2d,
    Dropout,
    Flatten,
    Layer,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    ReLU,
    SoftmaxCrossEntropy,
)
from minialex.network import Network

ROOT = Path(__file__).parents[2]


@pytest.fixture
def torch():
    return pytest.importorskip(
        "torch", reason="PyTorch is not installed: pip install -e '.[bench]'"
    )


def small_net(rng, dropout=0.5):
    """A net with everything that could differ between the two sides.

    Padding, stride, groups, LRN that matters, an overlapping pool, H ≠ W, and dropout between
    Flatten and Linear.
    """
    return Network(
        [
            ("conv1", Conv2d(3, 8, 3, stride=2, padding=1, rng=rng)),
            ("relu1", ReLU()),
            ("norm1", LocalResponseNorm(3, alpha=0.3, beta=0.75, k=1)),
            ("conv2", Conv2d(8, 6, 3, padding=1, groups=2, bias=0.1, rng=rng)),
            ("relu2", ReLU()),
            ("pool2", MaxPool2d(3, stride=2)),
            ("flatten", Flatten()),
            ("dropout3", Dropout(dropout, rng)),
            ("fc3", Linear(3 * 4 * 6, 10, rng=rng)),
            ("relu3", ReLU()),
            ("fc4", Linear(10, 5, rng=rng)),
        ],
        (13, 17, 3),
    )


NETS = {
    "small": small_net,
    "lenet": lambda rng: models.build("lenet", rng=rng),
    "alexnet-cifar": lambda rng: models.build("alexnet-cifar", rng=rng, lrn=True),
}


# Both sides compute the same


@pytest.mark.parametrize("name", NETS)
def test_the_twin_has_the_same_logits_and_gradients(name, rng, torch):
    network = NETS[name](rng)
    x, labels = measure.random_batch(network, 3)
    module = twin(network).eval()
    assert list(dict(module.named_parameters())) == list(network.params)
    logits = module(torch.from_numpy(x).permute(0, 3, 1, 2))
    numpy.testing.assert_allclose(logits.detach().numpy(), network.forward(x), rtol=1e-4, atol=1e-5)

    torch.nn.functional.cross_entropy(logits, torch.from_numpy(labels)).backward()
    for layer in network.layers.values():
        if isinstance(layer, Dropout):
            layer.p = 0.0
    loss = SoftmaxCrossEntropy()
    loss.forward(network.forward(x, train=True), labels)
    network.backward(loss.backward())
    expected = torch_layout(network, network.grads)
    for key, parameter in module.named_parameters():
        numpy.testing.assert_allclose(
            parameter.grad.numpy(), expected[key], rtol=1e-3, atol=1e-5, err_msg=key
        )


@pytest.mark.parametrize("mode", ["eager", "channels_last"])
def test_training_steps_give_the_same_losses(mode, rng, torch):
    """Both sides use the same rule (momentum, weight decay); the weights are copied, not shared."""
    network = small_net(rng, dropout=0.0)
    batch = measure.random_batch(network, 4)
    peer = Peer(mode, network, *batch, 1, lr=0.05)
    theirs = [float(peer.train_step()) for _ in range(5)]
    ours = measure.Minialex(network, *batch, 1, lr=0.05)
    losses = [float(ours.train_step()) for _ in range(5)]
    assert losses[4] < 0.9 * losses[0]
    assert theirs == pytest.approx(losses, rel=1e-4)


def test_inference_has_no_dropout_on_either_side_even_after_training(rng, torch):
    network = small_net(rng)
    batch = measure.random_batch(network, 4)
    contenders = measure.Minialex(network, *batch, 1, lr=0), Peer("eager", network, *batch, 1, lr=0)
    for contender in contenders:
        contender.train_step()
    assert (
        check_agreement(*(numpy.asarray(contender.infer()) for contender in contenders), "PyTorch")
        < 1e-5
    )


def test_a_net_that_differs_is_refused_before_it_is_timed(rng, torch, monkeypatch):
    given = speed.options(["--modes", "eager", "--threads", "1"])
    network = small_net(rng)
    batch = measure.random_batch(network, 2)
    speed.line_up(network, batch, given)

    def permuted(*args):
        arrays = torch_layout(*args)
        return {**arrays, "fc3.weight": arrays["fc3.weight"][:, ::-1].copy()}

    monkeypatch.setattr("benchmarks.peers.torch_layout", permuted)
    with pytest.raises(
        InputError, match=r"eager does not compute the same net .* logits differ by [0-9.]"
    ):
        speed.line_up(network, batch, given)


def test_logits_agree_up_to_rounding_and_never_if_they_are_nan():
    ours = numpy.float32([[1, -20], [3, 4]])
    assert check_agreement(ours, ours + 0.001, "it") == pytest.approx(5e-5, rel=0.01)
    for theirs in (ours + 0.003, ours * math.nan):
        with pytest.raises(InputError, match="it does not compute"):
            check_agreement(ours, theirs, "it")


def test_a_layer_without_a_pytorch_counterpart_is_named(torch):
    class Strange(Layer):
        pass

    with pytest.raises(InputError, match=r"counterpart of odd, Strange\(\)"):
        twin(Network([("odd", Strange())], (4, 4, 1)))


def test_without_pytorch_the_message_says_what_to_install(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(InputError, match=r"pip install -e '.\[bench\]'"):
        import_torch()
    code, _, err = call(speed.main, "--models", "lenet", "--out", tmp_path / "out", capsys=capsys)
    assert (code, err.count("\n"), (tmp_path / "out").exists()) == (2, 1, False)


# Times become figures


def test_flops_are_those_of_direct_convolution(rng):
    """conv1 7·9·8 outputs of 27, conv2 7·9·6 of 36, fc3 72·10, fc4 10·5 multiply-adds."""
    macs = 7 * 9 * 8 * 27 + 7 * 9 * 6 * 36 + 72 * 10 + 10 * 5
    assert measure.flops(small_net(rng), "infer") == 2 * macs
    assert measure.flops(small_net(rng), "train") == 2 * (3 * macs - 7 * 9 * 8 * 27)


def test_the_algorithm_is_set_where_it_can_be_used(rng):
    network = small_net(rng)  # Winograd does not apply to conv1, a 3×3 kernel with stride 2
    engine = fast.prepare(network, 2)
    x, _ = measure.random_batch(network, 2)
    logits = []
    for algorithm in ("auto", "im2col", "winograd"):
        measure.set_algorithm(engine, algorithm)
        logits.append(engine.forward(x))
        for layers in engine.split:
            convolutions = [layer for layer in layers if isinstance(layer, FastConv2d)]
            applied = [layer.chosen(numpy.empty((2, 7, 9, 1))) for layer in convolutions]
            forced = {"im2col": ["im2col", "im2col"], "winograd": ["im2col", "winograd"]}
            assert applied == forced.get(algorithm, applied)
    assert numpy.ptp(logits, axis=0).max() < 1e-4


def test_the_plain_layers_compute_the_same_step(rng):
    networks = [small_net(numpy.random.default_rng(0)) for _ in range(2)]
    batch = measure.random_batch(networks[0], 4)
    fast_one = measure.Minialex(networks[0], *batch, 2, 0.1)
    plain = measure.Plain(networks[1], *batch, 2, 0.1)
    for _ in range(3):
        assert float(fast_one.train_step()) == pytest.approx(float(plain.train_step()), rel=1e-4)
    numpy.testing.assert_allclose(fast_one.infer(), plain.infer(), atol=1e-4)


def test_contenders_take_turns_and_each_round_starts_with_another(monkeypatch):
    monkeypatch.setattr(measure, "PAUSE", 0)
    order = []
    steps = {name: lambda name=name: order.append(name) for name in "abc"}
    seconds = measure.take_turns(steps, rounds=2, at_least=0)
    assert order == list("abcbca")
    assert {name: len(times) for name, times in seconds.items()} == {"a": 2, "b": 2, "c": 2}


def test_a_short_step_is_repeated_and_its_first_call_does_not_count(monkeypatch):
    now = [0.0]
    durations = iter([0.4, 0.1, 0.2, 0.3])
    monkeypatch.setattr(measure.time, "perf_counter", lambda: now[0])

    def step():
        now[0] += next(durations)

    assert measure.seconds_a_call(step, at_least=0.5) == pytest.approx(0.2)


def test_a_gpus_clock_is_read_rarely(monkeypatch):
    """Each reading waits for the GPU, so the number of calls between two readings grows."""
    seconds, reads = [0.0], []

    class Event:
        def record(self):
            self.at = seconds[0]

        def synchronize(self):
            reads.append(seconds[0])

    def step():
        seconds[0] += 0.01

    elapsed = lambda start, stop: 1000 * (stop.at - start.at)  # noqa: E731
    monkeypatch.setattr(standin.cuda, "Event", Event, raising=False)
    monkeypatch.setattr(standin.cuda, "get_elapsed_time", elapsed, raising=False)
    assert measure.seconds_a_call(
        step, at_least=1, clock=measure.DeviceClock(standin)
    ) == pytest.approx(0.01)
    assert len(reads) < 16


def test_a_contender_and_the_large_product_run_on_a_device(compiler, rng, monkeypatch):
    monkeypatch.setattr(measure.Gemm, "SIZE", 8)
    network = small_net(rng, dropout=0.0)
    batch = measure.random_batch(network, 4)
    expected = [
        float(measure.Minialex(network, *batch, 1, lr=0.05).train_step()),
        network.forward(batch[0]),
    ]
    there = measure.Minialex(network, *batch, 2, lr=0.05, xp=standin)
    numpy.testing.assert_allclose(backend.to_host(there.infer()), expected[1], rtol=1e-4)
    assert isinstance(there.train_step(), standin.ndarray)
    gemm = measure.Gemm(1, standin)
    gemm.multiply()
    numpy.testing.assert_allclose(gemm.out.get(), gemm.a.get() @ gemm.b.get(), rtol=1e-5)


def test_gpu_cost_counts_a_step(compiler, capsys):
    code, out, err = call(
        gpu_cost.main, "--models", "alexnet-mini,lenet", "--batch-sizes", 4, capsys=capsys
    )
    assert code == 0, err
    mini, lenet = (line.split() for line in out.splitlines() if "×4" in line)
    assert mini[:2] == ["alexnet-mini", "×4"]
    kernels, moved, floor, ratio, flops, milliseconds, rate, starts = (
        float(figure.replace(",", "")) for figure in mini[2:]
    )
    macs = models.build("alexnet-mini").macs()
    assert flops == pytest.approx(4 * 2 * (3 * sum(macs.values()) - macs["conv1"]) / 1e9, abs=0.05)
    assert ratio == pytest.approx(moved / floor, abs=0.2) and 1 < ratio < 2
    assert 40 < kernels < 100
    assert starts == 4  # the learning rate, the graph, the loss, the right answers
    # each kernel of so small a step takes the shortest time
    assert milliseconds == pytest.approx(0.002 * kernels, rel=0.02)
    assert rate == pytest.approx(4 / (milliseconds / 1000), rel=0.01)
    assert float(lenet[5]) == pytest.approx(float(lenet[3]) / float(lenet[4]), abs=0.3)
    assert max(map(len, out.splitlines())) <= 80


def test_the_floor_of_gpu_cost_counts_each_array_once():
    """By hand for a convolution of 5×5×2 to 3×3×4.

    For one picture: x 50, y 36, columns 9·18, weights 76.
    """
    conv = Conv2d(2, 4, 3)
    assert gpu_cost.floors(conv, 1, (5, 5, 2), (3, 3, 4), first=False) == (
        4 * (50 + 76 + 36 + 2 * 162),
        4 * (36 + 50 + 2 * 76 + 50 + 4 * 162),
    )
    first = gpu_cost.floors(conv, 10, (5, 5, 2), (3, 3, 4), first=True)
    assert first == (4 * (500 + 76 + 360 + 3240), 4 * (360 + 500 + 2 * 76 + 3240))
    assert gpu_cost.floors(MaxPool2d(3, 2), 2, (5, 5, 1), (2, 2, 1), first=False) == (
        4 * 58 + 8,
        4 * 58 + 8,
    )


def row(model="alexnet", batch_size=128, what="train", **changes):
    seconds = {
        "minialex": [2.0, 4.0, 2.5],
        "eager": [3.0, 7.0, 7.5],
        "channels_last": [4.0, 4.0, 9.0],
    }
    figures = dict(
        algorithm="auto",
        flops_per_image=4 * 10**9,
        seconds=seconds,
        gemm_gflops=[100.0, 200.0, 300.0],
    )
    return {**dict(model=model, batch_size=batch_size, what=what), **figures, **changes}


def written(path, *rows, cpu="a CPU"):
    machine = dict(
        cpu=cpu, threads=2, numpy="2.4", blas="openblas for Zen", torch="2.13", python="3.11"
    )
    path.write_text(json.dumps({"machine": machine, "options": {}, "rows": rows}), encoding="utf-8")
    return path


def test_ratios_are_against_the_mode_with_the_smallest_median():
    assert speed_table.best_mode(row()) == "channels_last"
    assert speed_table.ratios(row()) == [2.0, 1.0, 3.6]
    assert speed_table.ratios(row(), "channels_last") == [1.0, 1.0, 1.0]
    assert speed_table.rate(row(), "minialex") == 128 / 2.5
    assert speed_table.gemm_share(row()) == pytest.approx(128 * 4 / 2.5 / 200)


def test_the_table_fits_80_columns_and_shows_a_dash_for_what_was_not_measured(tmp_path, capsys):
    wide = row("alexnet-cifar", what="infer", memory_mb={"minialex": 12345, "eager": 9834})
    wide["flops_per_image"] = 10**7
    wide["seconds"] = {"minialex": [0.01, 0.012], "eager": [0.2, 0.3], "compile": [0.12, 0.12]}
    code, out, _ = call(speed_table.main, written(tmp_path / "a.json", row(), wide), capsys=capsys)
    lines = out.splitlines()
    assert code == 0 and max(map(len, lines)) <= 80
    assert "a CPU, 2 threads\nNumPy 2.4 (openblas for Zen), PyTorch 2.13" in out
    first, second = (
        next(line for line in lines if line.startswith(name)).split()
        for name in ("alexnet ", "alexnet-cifar")
    )
    assert first == [
        "alexnet",
        "128",
        "51.2",
        "18.3",
        "32.0",
        "–",
        "2.00",
        "1.00–3.60",
        "102%",
        "–/–",
    ]
    assert (
        second[2:8] == ["11636", "512", "–", "1067", "11.0", "10.0–12.0"] and second[-1] == "12/9.8"
    )


def test_files_are_merged_and_the_later_one_counts(tmp_path, capsys):
    first = written(tmp_path / "a.json", row(), row(batch_size=1))
    second = written(
        tmp_path / "b.json", row(seconds={"minialex": [1.0], "eager": [7.0]}), cpu="another CPU"
    )
    chart = tmp_path / "chart.png"
    code, out, _ = call(
        speed_table.main, first, second, "--markdown", "--chart", chart, capsys=capsys
    )
    assert code == 0 and "a CPU" in out and "another CPU" in out
    assert out.count("| alexnet |") == 2 and "| alexnet | 128 | 128 | 18.3 | – | – | 7.00 |" in out
    with Image.open(chart) as picture:
        assert picture.width == 1000


@pytest.mark.parametrize(
    "content", ["", "[]", '{"machine": {}}', '{"machine": {"cpu": "a CPU"}, "rows": []}']
)
def test_a_file_without_a_measurement_is_refused_in_one_line(content, tmp_path, capsys):
    path = tmp_path / "other.json"
    path.write_text(content)
    code, _, err = call(speed_table.main, path, capsys=capsys)
    assert (
        code == 2 and err.startswith(f"error: {path} holds no measurement") and err.count("\n") == 1
    )


# The commands


def run_as_user(module, *arguments):
    command = [sys.executable, "-m", f"benchmarks.{module}", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


def test_speed_writes_table_json_and_chart(torch, tmp_path):
    quick = ["--modes", "eager", "--batch-sizes", 2, "--rounds", 1, "--seconds", 0, "--threads", 1]
    ended = run_as_user(
        "speed", "--models", "lenet", "--what", "train", *quick, "--out", tmp_path / "out"
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "Training step" in ended.stdout and "lenet, batch 2, train: minialex" in ended.stdout
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    [measured] = results["rows"]
    assert [len(measured["seconds"][name]) for name in ("minialex", "eager")] == [1, 1]
    assert measured["logits_differ_by"]["eager"] < 1e-4
    # torch itself is larger than lenet
    assert 0 < measured["memory_mb"]["minialex"] < measured["memory_mb"]["eager"]
    with Image.open(tmp_path / "out" / "speed.png") as chart:
        assert chart.format == "PNG"


def test_layers_times_every_layer_without_pytorch(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    out = tmp_path / "out"
    code, table, _ = call(
        speed.main,
        "--layers",
        "alexnet-cifar",
        "--batch-sizes",
        "4",
        "--rounds",
        1,
        "--threads",
        2,
        "--out",
        out,
        capsys=capsys,
    )
    network = models.build("alexnet-cifar")
    lines = table.splitlines()[:-2]
    assert code == 0 and max(map(len, lines)) <= 80
    assert [line.split()[0] for line in lines[3:]] == [*network.layers, "all"]
    [measured] = json.loads((out / "layers.json").read_text())
    work = sum(measured["layers"][-1]["flops"])
    assert measured["share"] == 2 and work == 2 * measure.flops(network, "train")


def test_a_measurement_is_never_overwritten(tmp_path, capsys):
    (tmp_path / "results.json").write_text("precious")
    code, _, err = call(speed.main, "--layers", "lenet", "--out", tmp_path, capsys=capsys)
    assert (
        code == 2
        and "nothing is overwritten" in err
        and (tmp_path / "results.json").read_text() == "precious"
    )


@pytest.mark.parametrize(
    "wrong",
    ["--models nope", "--batch-sizes 1,0", "--modes eager,fast", "--wha train", "--rounds 0"],
)
def test_wrong_options_are_refused_in_one_line(wrong, tmp_path, capsys):
    code, _, err = call(
        speed.main, "--models", "lenet", "--out", tmp_path / "out", *wrong.split(), capsys=capsys
    )
    assert code == 2 and err.count("\n") == 1 and "error" in err and not (tmp_path / "out").exists()


def test_peak_memory_is_not_that_of_the_parent_process():
    ballast = numpy.ones(50_000_000)  # 400 MB
    megabytes, _ = peak_memory.in_own_process("minialex", model="lenet", batch_size=2, what="train")
    assert 10 < megabytes < ballast.nbytes / 1e6


@pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="only Linux can reset the peak"
)
def test_the_peak_can_be_reset():
    numpy.ones(50_000_000)
    before = peak_memory.peak_mb()
    peak_memory.reset_peak()
    assert peak_memory.peak_mb() < before - 300


def test_missing_peak_memory_comes_with_the_reason():
    megabytes, reason = peak_memory.in_own_process("minialex", model="lenet", batch_size=0)
    assert megabytes is None and "--batch-size" in reason


def test_the_loader_is_measured_with_a_small_folder(tmp_path, capsys):
    for split, name in (("train", "cats"), ("train", "dogs"), ("val", "cats")):
        (tmp_path / split / name).mkdir(parents=True)
        pixels = numpy.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=numpy.uint8)
        Image.fromarray(pixels).save(tmp_path / split / name / "1.jpg")
    options = [
        "--data-dir",
        tmp_path,
        "--model",
        "lenet",
        "--batch-size",
        3,
        "--steps",
        2,
        "--rounds",
        1,
        "--threads",
        1,
    ]
    code, out, _ = call(loader.main, *options, capsys=capsys)
    assert code == 0 and "2 pictures in the folder" in out
    lines = out.splitlines()[1:4]
    assert [line.partition("  ")[0] for line in lines] == [
        "loader alone",
        "training alone",
        "training, fed",
    ]
    assert all(float(line.split()[-3]) > 0 for line in lines)
    assert "feeding slows training by" in out


def test_the_loader_needs_a_folder(tmp_path, capsys):
    code, _, err = call(loader.main, "--data-dir", tmp_path / "none", capsys=capsys)
    assert code == 2 and "no folder" in err


def test_the_memory_of_each_net_is_measured_and_written_to_the_page(tmp_path, capsys, monkeypatch):
    pytest.importorskip("torch", reason="PyTorch is not installed: pip install -e '.[bench]'")
    peaks = {("minialex", "train"): 150, ("eager", "train"): 300, ("minialex", "infer"): 90}

    def measured(contender, model, what, batch_size):
        assert (model, batch_size) == ("lenet", 5)
        return peaks.get((contender, what), 1200), ""

    monkeypatch.setattr(memory, "in_own_process", measured)
    page = tmp_path / "page.md"
    page.write_text("<!-- table: memory -->\nold\n<!-- end of table -->\n")
    options = ["--models", "lenet", "--batch-size", 5, "--page", page]
    code, _, err = call(memory.main, *options, capsys=capsys)
    assert (code, err) == (0, "")
    assert "| lenet | 150 | 300 | 0.50 | 90 | 1,200 | 0.07 |" in page.read_text()
    assert "old" not in page.read_text()
    monkeypatch.setattr(memory, "in_own_process", lambda *_, **how: (None, "ended by signal 9"))
    code, _, err = call(memory.main, capsys=capsys)
    assert (code, err) == (2, "error: minialex, alexnet, train: ended by signal 9\n")
