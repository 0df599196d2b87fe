"""The benchmark of time to accuracy: what it runs, keeps and shows; and that PyTorch trains the
same. Nothing here asserts how long anything takes."""

import json
import re
from types import SimpleNamespace

import cifar_files
import numpy
import pytest
from command_runs import call

from benchmarks.accuracy import __main__ as accuracy
from benchmarks.accuracy import peer, report
from benchmarks.peers import torch_layout
from minialex import models, optim, presets, train
from minialex.layers import SoftmaxCrossEntropy

MISSING = "PyTorch is not installed: pip install -e '.[bench]'"
MARKS = "<!-- table: accuracy-cifar10 -->\n<!-- end of table -->\n"


def of(contender, recipe, seed, *epochs):
    which = dict(dataset="cifar10", recipe=recipe, contender=contender, seed=seed)
    return which | dict(options=presets.RECIPES["cifar10"][recipe], epochs=list(epochs))


RUNS = [
    of("minialex", "quick", 0, (10, 0.5), (21, 0.76)),
    of("minialex", "quick", 1, (10, 0.5), (25, 0.74)),
    of("PyTorch", "quick", 0, (30, 0.5), (61, 0.75)),
    of("minialex", "best", 0, (700, 0.9)),
]


def test_a_row_has_the_mean_of_its_seeds_and_how_they_differ():
    (table,) = report.tables(RUNS)
    quick, best = table.rows
    assert quick[:3] == ["quick", "alexnet-mini", "2"]
    assert quick[3:] == ["23 s", "75.00% ± 1.41% (2 runs)", "1 min 01 s", "75.00% (1 run)"]
    assert best[3:] == ["11 min 40 s", "90.00% (1 run)", "–", "–"]


def test_the_chart_is_drawn():
    assert report.chart(RUNS).startswith(b"\x89PNG")


@pytest.fixture
def docs(tmp_path):
    (tmp_path / "results.md").write_text(f"before\n{MARKS}after\n")
    return tmp_path


@pytest.fixture
def pictures(tmp_path):
    """Forty pictures to train on and eight to test with, as CIFAR-10's binary files."""
    folder = tmp_path / "cifar"
    folder.mkdir()
    rng = numpy.random.default_rng(0)
    for name in (*cifar_files.TRAIN, "test_batch"):
        few = rng.integers(0, 256, (8, 32, 32, 3), dtype="uint8")
        (folder / f"{name}.bin").write_bytes(cifar_files.binary(few, range(8)))
    return folder


def test_a_run_is_kept_and_shown_and_one_of_the_same_seed_replaces_it(docs, monkeypatch, capsys):
    reached = iter([0.7, 0.8])
    monkeypatch.setattr(accuracy, "trained", lambda *_: [(5.0, 0.4), (9.0, next(reached))])
    for expected in ("70.00%", "80.00%"):
        options = ["--recipe", "quick", "--seeds", 1, "--docs", docs]
        code, out, err = call(accuracy.main, *options, capsys=capsys)
        assert (code, err) == (0, "")
        page = (docs / "results.md").read_text()
        assert f"| quick | alexnet-mini | 2 | 9 s | {expected} (1 run) | – | – |" in page
        assert page.startswith("before\n") and page.endswith("after\n")
        assert f"seed 0  minialex  {expected} in 9 s" in out
    (kept,) = json.loads((docs / "accuracy.json").read_text())
    assert kept["epochs"] == [[5.0, 0.4], [9.0, 0.8]]
    assert kept["machine"]["threads"] >= 1
    assert (docs / "accuracy.png").exists()


def test_only_the_runs_that_are_missing_are_made(docs, monkeypatch):
    made = []

    def trained(module, which, data_dir):
        made.append((which["contender"], which["seed"]))
        return [(9.0, 0.7)]

    monkeypatch.setattr(accuracy, "trained", trained)
    monkeypatch.setattr(accuracy, "import_torch", lambda: SimpleNamespace(__version__="2"))
    options = ["--recipe", "quick", "--docs", str(docs), "--continue"]
    accuracy.main([*options, "--seeds", "1"])
    accuracy.main([*options, "--seeds", "2", "--peer"])
    assert made == [("minialex", 0), ("PyTorch", 0), ("PyTorch", 1), ("minialex", 1)]


@pytest.mark.parametrize("change", ["machine", "options"])
def test_runs_with_other_options_or_on_another_machine_do_not_stay(docs, monkeypatch, change):
    monkeypatch.setattr(accuracy, "trained", lambda *_: [(9.0, 0.7)])
    for recipe in ("quick", "good"):
        accuracy.main(["--recipe", recipe, "--seeds", "2", "--docs", str(docs)])
    if change == "machine":
        monkeypatch.setattr(accuracy, "machine", lambda *_: dict(cpu="another", threads=1, blas=""))
    else:
        monkeypatch.setitem(presets.RECIPES["cifar10"]["quick"], "epochs", 3)
    accuracy.main(["--recipe", "quick", "--seeds", "1", "--docs", str(docs)])
    kept = json.loads((docs / "accuracy.json").read_text())
    assert [(run["recipe"], run["seed"]) for run in kept] == [
        ("good", 0),
        ("good", 1),
        ("quick", 0),
    ]


@pytest.mark.parametrize("damaged", ["[", "", "{}", "[1, 2]", '[{"dataset": "cifar10"}]', "3"])
def test_a_damaged_file_of_runs_is_named_and_stays(docs, damaged, monkeypatch, capsys):
    monkeypatch.setattr(accuracy, "trained", lambda *_: pytest.fail("it trained"))
    (docs / "accuracy.json").write_text(damaged)
    for seeds in (0, 1):
        code, _, err = call(accuracy.main, "--seeds", seeds, "--docs", docs, capsys=capsys)
        assert (code, err.count("\n")) == (2, 1)
        assert f"expected runs as this benchmark keeps them in {docs / 'accuracy.json'}" in err
        assert (docs / "accuracy.json").read_text() == damaged


@pytest.mark.parametrize("page", [None, "no place for a table\n"])
def test_without_a_place_for_the_table_nothing_is_trained(tmp_path, page, monkeypatch, capsys):
    monkeypatch.setattr(accuracy, "trained", lambda *_: pytest.fail("it trained"))
    if page:
        (tmp_path / "results.md").write_text(page)
    code, _, err = call(accuracy.main, "--seeds", 1, "--docs", tmp_path, capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert f"expected {tmp_path / 'results.md'} with a place for a table" in err


def test_the_whole_command_is_timed_and_each_epochs_accuracy_read(pictures):
    which = dict(dataset="cifar10", recipe="quick", seed=3)
    epochs = accuracy.trained("minialex.train", which, pictures)
    assert len(epochs) == presets.RECIPES["cifar10"]["quick"]["epochs"]
    assert epochs[0][0] < epochs[1][0]
    assert all(0 <= share <= 1 for _, share in epochs)


def test_a_run_that_fails_is_one_line(docs, tmp_path, capsys):
    options = ["--seeds", 1, "--docs", docs, "--data-dir", tmp_path / "nowhere"]
    code, _, err = call(accuracy.main, *options, capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert "minialex.train ended with exit code 2: error: there is no folder" in err
    code, _, err = call(accuracy.main, "--seeds", 0, "--docs", docs, capsys=capsys)
    assert (code, "accuracy.json yet: measure with --seeds 1" in err) == (2, True)
    code, _, err = call(accuracy.main, "--recipe", "nope", capsys=capsys)
    assert (code, err) == (
        2,
        "error: cifar10 has the recipes quick, good, best, record, not 'nope'\n",
    )


def test_pytorch_trains_the_same(pictures, tmp_path, capsys):
    """The recipe with every augmentation, smoothed labels and mirror images: the same losses, as
    long as rounding has not grown."""
    pytest.importorskip("torch", reason=MISSING)
    options = ["--dataset", "cifar10", "--data-dir", pictures, "--recipe", "best", "--seed", 3]
    losses = []
    for main, more in ((train.main, ["--out", tmp_path / "run"]), (peer.main, [])):
        code, out, _ = call(main, *options, *more, capsys=capsys)
        assert code == 0
        losses.append([float(loss) for loss in re.findall(r"train loss ([\d.]+)", out)])
    own, theirs = losses
    assert len(own) == len(theirs) == presets.RECIPES["cifar10"]["best"]["epochs"]
    numpy.testing.assert_allclose(theirs[:6], own[:6], rtol=0.01)


def test_pytorchs_muon_is_minialexs():
    torch = pytest.importorskip("torch", reason=MISSING)
    rng = numpy.random.default_rng(0)
    network = models.build("alexnet-mini", image_size=16, rng=rng)
    x, labels = rng.standard_normal((8, 16, 16, 3), dtype="float32"), numpy.arange(8)
    muon = optim.Muon(network, 0.03, weight_decay=0.1)
    module = peer.TorchNetwork(network).module
    step = peer.muon_step(module, network, muon)
    for lr in (0.03, 0.01):
        muon.lr = lr
        network.step(x, labels, SoftmaxCrossEntropy())
        muon.step()
        for weight in module.parameters():
            weight.grad = None
        logits = module(peer.as_pictures(x))
        torch.nn.functional.cross_entropy(logits, torch.from_numpy(labels)).backward()
        step(lr)
    expected = torch_layout(network, network.params)
    for name, weight in module.named_parameters():
        numpy.testing.assert_allclose(weight.detach().numpy(), expected[name], atol=2e-4)
