"""python -m benchmarks.gpu from end to end on the stand-in, and what it does when things fail."""

import json
import os
import sys
import time
from pathlib import Path

import numpy
import pytest
import trained_runs
from command_runs import call
from data_helpers import picture_folder
from pngs import opened
from train_on_standin import with_standin
from trained_runs import on_folder

from benchmarks.gpu import __main__ as gpu
from benchmarks.gpu import checks, measurements, profile, report
from benchmarks.measure import Minialex, random_batch
from minialex import backend, models, standin

pytestmark = pytest.mark.usefixtures("compiler")


@pytest.fixture
def on_standin(monkeypatch, tmp_path):
    """The command finds a device, has small things to do, and runs where nothing else is."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        backend, "get", lambda name="auto", *_: numpy if name == "numpy" else standin
    )
    monkeypatch.setattr(gpu, "torch_with_cuda", lambda: (None, "PyTorch is not here"))
    monkeypatch.setattr(checks, "DEVICE", "standin")
    monkeypatch.setattr(checks, "TESTS", ("tests/unit/layers/test_activations.py",))
    run = [*on_folder(picture_folder(tmp_path / "pictures")), "--workers", 1]
    monkeypatch.setattr(checks, "DEFAULT", tuple(map(str, run)))
    script = Path(__file__).parents[1] / "helpers" / "train_on_standin.py"
    monkeypatch.setattr(checks, "TRAIN", (sys.executable, str(script)))
    monkeypatch.setattr(checks.train.options, "parser", with_standin(checks.train.options.parser))
    for module in (measurements, profile):
        for name, value in dict(ROUNDS=2, SECONDS=0, BATCH=4).items():
            monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(profile, "PROFILED", ["alexnet-mini"])
    monkeypatch.setattr(measurements, "PICTURES", 32)
    monkeypatch.setattr(checks, "LOSS_BATCH", 4)


def run(capsys, *options):
    """(exit code, stdout) and the results."""
    arguments = ["--models", "alexnet-mini", "--batch-sizes", 4, "--out", "out", *options]
    code, out, err = call(gpu.main, *arguments, capsys=capsys)
    assert err == ""
    with open("out/results.json", encoding="utf-8") as file:
        return code, out, json.load(file)


def test_every_stage_runs_and_is_written_down(on_standin, capsys, tmp_path):
    code, out, found = run(capsys)
    assert code == 0, out
    assert list(found) == list(gpu.STAGES)
    assert found["tests"]["passed"] > 4 and found["tests"]["failed"] == 0
    assert found["tests"]["all ran"]
    for dtype, rel in (("float32", 1e-3), ("float64", 1e-9)):
        cpu, device = (found["losses"][f"{name} {dtype}"] for name in ("cpu", "gpu"))
        assert device == pytest.approx(cpu, rel=rel)
        assert len(set(device)) == 20
    assert found["training"]["test_accuracy"] >= 0
    assert found["resume"]["standin to numpy"] < 0.02 > found["resume"]["numpy to standin"]
    cases = [(row["batch_size"], row["what"], row["tf32"]) for row in found["speed"]["rows"]]
    assert cases == [
        (4, "train", False), (4, "infer", False), (1, "infer", False),
        (4, "train", True), (4, "infer", True), (1, "infer", True),
    ]  # fmt: skip
    assert {row["layer"].split()[0] for row in found["layers"]["alexnet-mini"]} >= {"conv1", "fc4"}
    assert "PyTorch is not here" in found["kernels"]["left out"]
    assert "--cifar10" in found["recipes"]["left out"]
    assert found["pipeline"]["images/s"] > 0
    text = (tmp_path / "out" / "report.md").read_text("utf-8")
    for title in ("Losses", "Training", "Resume", "Speed", "Layers", "Pipeline"):
        assert f"## {title}" in text
    opened((tmp_path / "out" / "speed.png").read_bytes())


def test_a_stage_that_fails_is_recorded_and_the_next_one_runs(on_standin, capsys, monkeypatch):
    def fails(given):
        raise RuntimeError("no such\nkernel")

    monkeypatch.setitem(gpu.STAGES, "losses", (fails, 10))
    code, out, found = run(capsys, "--only", "losses,pipeline")
    assert code == 1
    assert found["losses"]["error"] == "RuntimeError: no such kernel"
    assert found["pipeline"]["images/s"] > 0
    assert "losses: error: RuntimeError: no such kernel" in out
    with open("out/losses.txt", encoding="utf-8") as file:
        assert "in fails" in file.read()


def test_a_stage_that_crashes_or_hangs_costs_only_itself(on_standin, capsys, monkeypatch):
    """What it had kept until then stays."""

    def crashes(given):
        given.keep({"TB/s": 1.5, "TFLOP/s": 2.5})
        os._exit(3)

    def hangs(given):
        given.keep({"images/s": 3.0, "side": 8, "GB/s": 1.0})
        time.sleep(60)

    monkeypatch.setattr(gpu, "PATIENCE", 0.2)
    monkeypatch.setitem(gpu.STAGES, "layers", (crashes, 10))
    monkeypatch.setitem(gpu.STAGES, "pipeline", (hangs, 1))
    code, _, found = run(capsys, "--only", "layers,pipeline")
    assert code == 1
    assert found["layers"]["TB/s"] == 1.5
    assert found["layers"]["error"] == "its process ended with exit code 3"
    assert found["pipeline"]["side"] == 8
    assert "it was stopped after 1 s" in found["pipeline"]["error"]


def test_recipes_are_timed(on_standin, capsys, monkeypatch):
    monkeypatch.setattr(checks, "recipe", lambda name, folder: checks.DEFAULT)
    code, out, found = run(capsys, "--only", "recipes", "--cifar10", "data")
    assert code == 0, out
    assert all(found["recipes"][name]["run"] > 0 for name in ("quick", "best"))
    assert "- quick: " in out


def test_wrong_losses_are_an_error(on_standin, capsys, monkeypatch):
    true = checks.losses_on
    monkeypatch.setattr(
        checks,
        "losses_on",
        lambda module, dtype: [
            (1 + 0.01 * (module is standin)) * x for x in true(module, dtype, 3)
        ],
    )
    code, _, found = run(capsys, "--only", "losses")
    assert code == 1
    assert "differ by up to 0.01" in found["losses"]["error"]


def test_what_cannot_be_resumed_exactly_is_an_error(on_standin, capsys, monkeypatch):
    monkeypatch.setattr(checks, "resumed", resumed_with_a_changed_weight(checks.resumed))
    code, _, found = run(capsys, "--only", "resume")
    assert code == 1
    assert "weight/conv1.weight … are not what was saved" in found["resume"]["error"]


def resumed_with_a_changed_weight(resumed):
    def changed(folder, *arguments):
        resumed(folder, *arguments)
        trained_runs.change(
            folder / "checkpoint.npz",
            arrays=lambda arrays: arrays.update(
                {"weight/conv1.weight": arrays["weight/conv1.weight"] + 1}
            ),
        )

    return changed


def test_a_row_that_fails_costs_only_itself(on_standin, capsys, monkeypatch):
    true, calls = measurements.measured, []

    def second_fails(given, **about):
        calls.append(about)
        if len(calls) == 2:
            raise MemoryError("no room")
        return true(given, **about)

    monkeypatch.setattr(measurements, "measured", second_fails)
    code, out, found = run(capsys, "--only", "speed")
    rows = found["speed"]["rows"]
    assert code == 1
    assert [row.get("error") for row in rows] == [None, "MemoryError: no room", *4 * [None]]
    assert "1 of 6 failed, the first: MemoryError: no room" in out


def test_files_of_tests_run_once_in_the_order_of_their_importance():
    files = checks.in_order(Path(checks.__file__).parents[2])
    assert files[0] == "tests/unit/fast/gpu/test_kernels.py"
    assert len(set(files)) == len(files)
    assert "tests/unit/fast/test_engine.py" in files


def test_without_time_stages_are_left_out(on_standin, capsys):
    code, _, found = run(capsys, "--minutes", 0.001)
    assert code == 0
    assert all(result == {"left out": "no time was left"} for result in found.values())


def test_without_cupy_it_says_so(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(backend, "cupy_problem", lambda *_: backend.Problem("there is no GPU"))
    code, _, err = call(gpu.main, "--only", "losses", capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert "there is no GPU" in err
    assert not list(tmp_path.iterdir())


LOG = """
tests/a.py::test_one[numpy] PASSED                                       [  1%]
tests/a.py::test_two[a b] FAILED                                         [  2%]
tests/a.py::test_three SKIPPED (no such thing)                           [  3%]
tests/a.py::test_four ERROR                                              [  4%]
tests/a.py::test_five """


@pytest.mark.parametrize("code", [None, 1])
def test_pytest_s_output_is_counted_even_if_it_was_stopped(code):
    found = checks.summary(LOG, code)
    assert [found[what] for what in ("passed", "failed", "skipped", "errors")] == [1, 1, 1, 1]
    assert found["failures"] == ["tests/a.py::test_two[a b]", "tests/a.py::test_four"]
    assert found["all ran"] == (code is not None)
    assert found["error"] == "2 tests failed: see tests.txt"
    assert checks.summary("", None)["error"] == "no test passed: see tests.txt"


def test_pytest_that_could_not_start_is_an_error():
    assert "no test passed" in checks.summary("usage: …", 4)["error"]


def test_kernels_are_summed_by_name():
    events = [("a", 0, 10), ("sgemm_1", 15, 20), ("a", 20, 40), ("Xgemm", 45, 50)]
    found = profile.kernel_table(events, 2, {"matrix products": 2e-6})
    assert (found["kernels"], found["ms"], found["idle"]) == (2, 0.025, pytest.approx(0.2))
    assert [row["kernel"] for row in found["costliest"]] == ["a", "matrix products"]
    assert found["costliest"][0] == dict(kernel="a", calls=1, ms=0.015, share=0.75, floor=None)
    assert found["costliest"][1]["floor"] == pytest.approx(2 / 5)
    table = report.kernels({"alexnet": found})
    assert "| `matrix products` | 1 | 0.005 | 25% | 40% |" in table
    assert "alexnet: 2 kernels in 0.03 ms, 20% of which" in table


def test_the_least_that_kernels_and_products_can_take():
    """Of lenet's step: im2col writes a column for each place in a window; products as macs say."""
    network = models.build("lenet", rng=numpy.random.default_rng(0))
    contender = Minialex(network, *random_batch(network, 4), 1, 0.01, standin)
    least = profile.least_seconds(contender, {"bytes": 1e6, "flops": 1e3})
    macs = network.macs()
    flops = 4 * 2 * (3 * sum(macs.values()) - macs["conv1"])
    biases = sum(2 * 4 * side**2 * channels for side, channels in ((28, 6), (10, 16)))
    assert least["matrix products"] == pytest.approx((flops + biases) / 1e3)
    columns = [(28, 25 * 1, 28 * 28 * 1), (10, 25 * 6, 14 * 14 * 6)]
    written = sum(4 * 4 * (side**2 * numbers + pixels) for side, numbers, pixels in columns)
    assert least["minialex_im2col"] == pytest.approx(2 * written / 1e6)
    assert profile.Kernel.__call__.__name__ == "__call__"  # as it was


def test_the_table_has_the_ratio_to_pytorch_s_best_mode():
    seconds = {
        "minialex": [1.0, 1.0, 1.0],
        "eager": [3.0, 2.0, 4.0],
        "channels_last": [2.0, 1.5, 9.0],
    }
    row = dict(model="alexnet", batch_size=128, what="train", tf32=False, seconds=seconds)
    row["memory_mb"] = {"minialex": 1000.0, "eager": 2000.0, "channels_last": 3000.0}
    cells = report.speed_cells(row)
    assert cells == [
        "alexnet",
        "128",
        "train",
        "float32",
        "128",
        "43",
        "64",
        "2.00",
        "3.00",
        "1,000",
        "2,000",
    ]
