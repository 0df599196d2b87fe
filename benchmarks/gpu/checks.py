"""Is minialex right on this GPU? The stages that check it."""

import argparse
import contextlib
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

import numpy

from benchmarks.measure import random_batch
from minialex import doctor, fast, models, optim, train
from minialex.errors import InputError
from minialex.layers import SoftmaxCrossEntropy

#: What `pytest --backend` calls the device.
DEVICE = "cupy"

#: The tests that run on a device, the most telling first.
TESTS = (
    "tests/unit/fast/test_kernels.py",
    "tests/unit/fast/test_twins.py",
    "tests/unit/layers",
    "tests/unit/test_network.py",
    "tests/unit/test_optim.py",
    "tests/unit/fast/test_update.py",
    "tests/gpu/test_device.py",
    "tests/unit/fast",
    "tests/unit/test_models.py",
    "tests/unit/test_evaluation.py",
    "tests/unit/io/test_checkpoint.py",
    "tests/unit/visualize",
)

#: How many pictures are in the batches whose losses are compared.
LOSS_BATCH = 32

#: Options of a short training run, and of the one that users begin with.
SHORT = ("--epochs", "1", "--max-steps", "20")
DEFAULT: tuple[str, ...] = ()


def versions(given: argparse.Namespace) -> dict:
    """What minialex.doctor finds."""
    result = {"doctor": doctor.report()}
    if given.torch:
        result["torch"] = f"{given.torch.__version__} with CUDA {given.torch.version.cuda}"
        result["cudnn"] = given.torch.backends.cudnn.version()
    return result


def tests(given: argparse.Namespace) -> dict:
    """The tests that run on a device, as far as the time goes; their output is in tests.txt."""
    try:
        import pytest  # noqa: F401
    except ImportError:
        return {"left out": "pytest is not installed"}
    log = given.out / "tests.txt"
    root = Path(__file__).parents[2]
    seconds = max(1.0, given.deadline - time.monotonic())
    # The project's own options need pytest-xdist, which may be missing here.
    options = [
        "--backend",
        DEVICE,
        "-o",
        "addopts=--import-mode=importlib -v",
        "-p",
        "no:cacheprovider",
    ]
    command = [sys.executable, "-m", "pytest", *options, *TESTS]
    with log.open("w", encoding="utf-8") as file:
        try:
            code = subprocess.run(
                command, cwd=root, stdout=file, stderr=subprocess.STDOUT, timeout=seconds
            ).returncode
        except subprocess.TimeoutExpired:
            code = None
    return summary(log.read_text(encoding="utf-8"), code)


def summary(log: str, code: int | None) -> dict:
    """How many tests passed, failed and were skipped, and which failed.

    log: the output of `pytest -v`; code: its exit code, None if it was stopped.
    """
    found = re.findall(r"^(\S+::.+?) (PASSED|FAILED|SKIPPED|ERROR)", log, re.MULTILINE)
    counts = {"passed": "PASSED", "failed": "FAILED", "skipped": "SKIPPED", "errors": "ERROR"}
    result: dict = {
        what: sum(outcome == mark for _, outcome in found) for what, mark in counts.items()
    }
    result["failures"] = [name for name, outcome in found if outcome in ("FAILED", "ERROR")]
    result["all ran"] = code is not None
    if result["failures"]:
        result["error"] = f"{len(result['failures'])} tests failed: see tests.txt"
    elif code not in (0, None):
        result["error"] = f"pytest ended with exit code {code}: see tests.txt"
    return result


def losses(given: argparse.Namespace) -> dict:
    """The losses of training alexnet-cifar from one seed on the CPU and on the GPU."""
    found = {
        name: losses_on(module, 20, LOSS_BATCH)
        for name, module in (("cpu", numpy), ("gpu", given.xp))
    }
    apart = numpy.abs(numpy.subtract(found["gpu"], found["cpu"])) / found["cpu"]
    result = {**found, "largest difference": float(apart.max())}
    if not apart.max() < 1e-3:
        result["error"] = f"the losses differ by up to {apart.max():.2g}, expected less than 0.001"
    return result


def losses_on(module: ModuleType, steps: int, batch_size: int) -> list[float]:
    """The loss of each step on the array module."""
    network = models.build("alexnet-cifar", rng=numpy.random.default_rng(0))
    x, labels = random_batch(network, steps * batch_size)
    engine, loss = fast.prepare(network.to(module)), SoftmaxCrossEntropy()
    optimizer, found = optim.SGD(network, lr=0.001), []
    for start in range(0, len(x), batch_size):
        batch = slice(start, start + batch_size)
        found.append(engine.step(x[batch], labels[batch], loss)[0])
        engine.update(optimizer)
    return [float(value) for value in found]


def training(given: argparse.Namespace) -> dict:
    """The training run that users begin with, on the GPU."""
    start = time.monotonic()
    trained(given.out / "training", "--backend", DEVICE, *DEFAULT)
    seconds, last = time.monotonic() - start, metrics(given.out / "training")[-1]
    names = ("test_accuracy", "images_per_second")
    return {"run": round(seconds, 2), **{name: last[name] for name in names}}


def resume(given: argparse.Namespace) -> dict:
    """Runs that stop half-way and resume on the other device end like one on the CPU alone."""
    half = str(int(SHORT[-1]) // 2)
    first, last = (*SHORT[:-1], half), SHORT
    whole = trained(given.out / "whole", "--backend", "numpy", *DEFAULT, *last)
    result: dict = {}
    for name, before, after in (
        ("gpu then cpu", DEVICE, "numpy"),
        ("cpu then gpu", "numpy", DEVICE),
    ):
        folder = trained(given.out / name.replace(" ", "-"), "--backend", before, *DEFAULT, *first)
        resumed(folder, "--backend", after, "--max-steps", last[-1])
        result[name] = largest_difference(folder, whole)
        if not result[name] < 0.02:
            result["error"] = f"{name}: weights differ by {result[name]:.2g} of what they moved"
    return result


def trained(folder: Path, *arguments: str) -> Path:
    """Trains as the command does; its lines go to a file beside the folder."""
    with printed_to(folder.with_suffix(".txt")):
        code = train.main([*arguments, "--out", str(folder)])
    if code:
        raise InputError(f"training ended with exit code {code}")
    return folder


def resumed(folder: Path, *arguments: str) -> None:
    """Resumes the run in the folder."""
    with printed_to(folder.with_suffix(".txt")):
        train.main(["--resume", str(folder), *arguments])


@contextlib.contextmanager
def printed_to(path: Path) -> Iterator[None]:
    """What is printed within it goes to the end of the file."""
    with path.open("a", encoding="utf-8") as file, contextlib.redirect_stdout(file):
        yield


def metrics(folder: Path) -> Sequence[dict]:
    """The lines of the run's metrics.jsonl."""
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def weights(folder: Path) -> dict[str, numpy.ndarray]:
    """The weights in the run's checkpoint."""
    with numpy.load(folder / "checkpoint.npz", allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files if name.startswith("weight/")}


def largest_difference(folder: Path, other: Path) -> float:
    """The largest mean difference of a parameter between two runs, relative to its mean size."""
    got, expected = weights(folder), weights(other)
    return max(
        float(abs(got[name] - array).mean() / abs(array).mean()) for name, array in expected.items()
    )
