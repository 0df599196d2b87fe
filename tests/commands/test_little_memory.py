"""Commands with too little memory say in a line which batch would fit."""

import re
import subprocess
import sys
import types
from pathlib import Path

import little_memory
import pytest
import trained_runs
from command_runs import call
from data_helpers import picture_folder

from benchmarks import speed
from minialex import backend, batch_memory, evaluate, fast, predict, report, standin, train
from minialex.fast.answer_footprint import answer_bytes
from minialex.inference import load
from minialex.visualize import __main__ as visualize

ROOT = Path(__file__).parents[2]

#: What is said of a batch that is too large, before the work and where memory has run out.
BEFORE = (
    r"error: a batch of {} needs [\d,]+ MB of memory, and \d+ are free: about [\d,]+ should fit\n"
)
WITHIN = r"error: out of memory: {}: a batch of {} is too large, about \d+ should fit\n"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return picture_folder(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def folder(pictures, tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "run"
    return trained_runs.trained(path, *trained_runs.on_folder(pictures), "--max-steps", 1)


#: Commands that answer many pictures, and how many those are.
ANSWERING = {
    "evaluate": (evaluate, "{folder} --out {out}", 20),
    "report": (report, "{folder} --out {out}/report.html", 20),
    "predict": (predict, "{pictures}/val --weights {folder}", 20),
    "nearest": (visualize, "nearest --weights {folder} --out {out}/n.png", 40),
    "occlusion": (visualize, "occlusion --weights {folder} --out {out}/o.png", 256),
}


@pytest.fixture(params=list(ANSWERING))
def answering(request, folder, pictures, tmp_path, monkeypatch, capsys):
    """Calls one of the commands that answer pictures: how many they are, and a function that
    returns (exit code, stderr)."""
    command, words, count = ANSWERING[request.param]
    (tmp_path / "out").mkdir()
    words = words.format(folder=folder, pictures=pictures, out=tmp_path / "out").split()

    def called(*options):
        code, _, err = call(command.main, *words, "--workers", 1, *options, capsys=capsys)
        return code, err

    return count, called


def test_pictures_that_do_not_fit_are_named(pictures, tmp_path, capsys, monkeypatch):
    def full(images):
        raise MemoryError("Unable to allocate 300. GiB")

    monkeypatch.setattr(train, "statistics_of", full)
    words = [*trained_runs.on_folder(pictures), "--image-size", 16, "--out", tmp_path / "run"]
    _, _, err = call(train.main, *words, capsys=capsys)
    wanted = "Unable to allocate 300. GiB: pictures of --image-size 16 are too large"
    assert err == f"error: out of memory: {wanted}\n"


def test_answers_that_cannot_fit_are_refused_before_they_begin(answering, folder, monkeypatch):
    count, called = answering
    there = answer_bytes(fast.prepare(load(folder).network), count // 2)
    monkeypatch.setattr(batch_memory, "available_memory", lambda: there)
    code, err = called("--batch-size", 1000)
    assert code == 2
    assert re.fullmatch(BEFORE.format(count), err), err


@pytest.mark.parametrize("error", [MemoryError, standin.OutOfMemoryError])
def test_where_memory_runs_out_it_is_said_which_answers_fit(error, answering, monkeypatch, request):
    """The host's memory, or the GPU's."""
    count, called = answering
    if error is not MemoryError:
        request.getfixturevalue("compiler")
        monkeypatch.setattr(backend, "get", lambda *_: standin)
        monkeypatch.setattr(standin.machine, "free_memory", 100_000_000)

    def full(engine, x, *more):
        if len(x) > 6:  # those that `visualize` shows fit
            raise error("there is no room")
        return forward(engine, x, *more)

    forward = fast.Engine.forward
    monkeypatch.setattr(fast.Engine, "forward", full)
    code, err = called("--batch-size", 1000)
    assert code == 2
    assert re.fullmatch(WITHIN.format("there is no room", count), err), err


def test_where_memory_runs_out_in_training_it_is_said_which_batch_fits(
    pictures, tmp_path, monkeypatch, capsys
):
    """Not only where the estimate was right."""

    def full(*_):
        raise MemoryError("Unable to allocate 3 GiB")

    monkeypatch.setattr(fast.TrainingStep, "__call__", full)
    options = [*trained_runs.on_folder(pictures), "--out", tmp_path / "run"]
    code, _, err = call(train.main, *options, capsys=capsys)
    assert (code, err) == (
        2,
        "error: out of memory: Unable to allocate 3 GiB: a batch of 8 is too large, "
        "about 6 should fit\n",
    )


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are Linux's")
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], BEFORE.format("8,000")),
        (
            ["--engine", "plain"],
            r"error: out of memory: Unable to allocate .* \(a smaller --batch-size needs less\)\n",
        ),
    ],
)
def test_a_run_without_enough_address_space_is_one_line(options, said, tmp_path):
    """`ulimit -v` in the shell, and no estimate for the plain engine."""
    words = ["--dataset", "shapes", "--batch-size", "8000", "--max-steps", "1", "--workers", "1"]
    words += ["--backend", "numpy", *options, "--out", str(tmp_path / "run")]
    command = [sys.executable, little_memory.__file__, "300", "minialex.train", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert re.fullmatch(said, done.stderr), done.stderr


@pytest.mark.parametrize("what", ["train", "infer"])
def test_a_benchmark_that_cannot_fit_is_refused(what, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(speed, "import_torch", lambda: types.SimpleNamespace(__version__="2"))
    monkeypatch.setattr(batch_memory, "available_memory", lambda: 50_000_000)
    options = ["--models", "lenet", "--batch-sizes", 10**6, "--what", what, "--out", tmp_path / "o"]
    code, _, err = call(speed.main, *options, capsys=capsys)
    assert code == 2
    assert re.fullmatch(BEFORE.format("1,000,000"), err), err


def test_where_no_thread_can_be_started_it_is_said_so(capsys):
    def main(_):
        raise RuntimeError("can't start new thread")

    code, _, err = call(main, capsys=capsys)
    said = "error: can't start new thread: no memory is left for it, or no more threads are allowed"
    assert (code, err) == (2, said + "\n")
