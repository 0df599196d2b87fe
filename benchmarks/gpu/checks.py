"""Is minialex right on this GPU? The stages that check it."""

import argparse
import contextlib
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy

from benchmarks.measure import random_batch
from minialex import doctor, fast, models, optim, train
from minialex.errors import InputError
from minialex.io.run_folder import read_metrics
from minialex.layers import SoftmaxCrossEntropy

#: What `pytest --backend` calls the device.
DEVICE = "cupy"

#: The tests that run on a device, the most telling first.
TESTS = (
    "tests/unit/fast/gpu/test_kernels.py",
    "tests/unit/fast/test_product.py",
    "tests/unit/fast/gpu/test_replay.py",
    "tests/unit/data/test_upload.py",
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

#: The command that trains, and the options of the run that users begin with.
TRAIN = (sys.executable, "-m", "minialex.train")
DEFAULT: tuple[str, ...] = ()

#: What makes that run long enough to be killed.
LONG = ("--epochs", "100")

#: The recipes for CIFAR-10 that are timed.
RECIPES = ("quick", "best")


def versions(given: argparse.Namespace) -> dict:
    """What minialex.doctor finds."""
    result = {"doctor": doctor.report()}
    if given.torch:
        result["torch"] = f"{given.torch.__version__} with CUDA {given.torch.version.cuda}"
        result["cudnn"] = given.torch.backends.cudnn.version()
    else:
        result["torch"] = given.without_torch
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
    command = [sys.executable, "-m", "pytest", *options, *in_order(root)]
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(command, cwd=root, stdout=file, stderr=subprocess.STDOUT)
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            code = None
            process.send_signal(signal.SIGINT)  # pytest then prints what has failed so far
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    return summary(log.read_text(encoding="utf-8"), code)


def in_order(root: Path) -> list[str]:
    """The files of TESTS, each once: pytest would put a file and the folder around it together."""
    files: dict[str, None] = {}
    for name in TESTS:
        path = root / name
        found = sorted(path.rglob("test_*.py")) if path.is_dir() else [path]
        files |= dict.fromkeys(str(file.relative_to(root)) for file in found)
    return list(files)


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
    if not result["passed"]:
        result["error"] = "no test passed: see tests.txt"
    elif result["failures"]:
        result["error"] = f"{len(result['failures'])} tests failed: see tests.txt"
    elif code not in (0, None):
        result["error"] = f"pytest ended with exit code {code}: see tests.txt"
    return result


def losses(given: argparse.Namespace) -> dict:
    """The losses of training alexnet-cifar from one seed on the CPU and on the GPU.

    In float32 the two differ more from step to step, since rounding is amplified; what tells
    whether they compute the same are those in float64.
    """
    devices = {"cpu": numpy, "gpu": given.xp}
    result: dict = {
        f"{name} {dtype}": losses_on(module, dtype)
        for dtype in ("float32", "float64")
        for name, module in devices.items()
    }
    cpu, gpu = (numpy.array(result[f"{name} float64"]) for name in devices)
    result["largest difference"] = float((abs(gpu - cpu) / cpu).max())
    if not result["largest difference"] < 1e-6:
        apart = f"{result['largest difference']:.2g}"
        result["error"] = f"the losses in float64 differ by up to {apart}, expected under 1e-6"
    return result


def losses_on(module: ModuleType, dtype: str, steps: int = 20) -> list[float]:
    """The loss of each step on the array module."""
    network = models.build("alexnet-cifar", rng=numpy.random.default_rng(0))
    x, labels = random_batch(network, steps * LOSS_BATCH)
    engine, loss = fast.prepare(network.astype(dtype).to(module)), SoftmaxCrossEntropy()
    training_step, found = fast.TrainingStep(engine, loss, optim.SGD(network, lr=0.001)), []
    for start in range(0, len(x), LOSS_BATCH):
        batch = slice(start, start + LOSS_BATCH)
        found.append(training_step(x[batch].astype(dtype), labels[batch])[0])
    return [float(value) for value in found]


def training(given: argparse.Namespace) -> dict:
    """The training run that users begin with, on the GPU."""
    start = time.monotonic()
    trained(given.out / "training", "--backend", DEVICE, *DEFAULT)
    seconds = time.monotonic() - start
    last = read_metrics(given.out / "training" / "metrics.jsonl")[-1]
    names = ("test_accuracy", "images_per_second")
    return {"run": round(seconds, 2), **{name: last[name] for name in names}}


def resume(given: argparse.Namespace) -> dict:
    """A run that is killed on one device and resumed on the other loads the same numbers, bit for
    bit; and how far its weights are from those of a run on the CPU alone a few steps later."""
    result: dict = {}
    for before, after in ((DEVICE, "numpy"), ("numpy", DEVICE)):
        name = f"{before} to {after}"
        folder = given.out / name.replace(" ", "-")
        killed(folder, "--backend", before, *DEFAULT, *LONG)
        saved, steps = arrays(folder), steps_taken(folder)
        resumed(folder, "--backend", after, "--max-steps", str(steps))  # takes no step
        loaded = arrays(folder)
        changed = [key for key in saved if saved[key].tobytes() != loaded[key].tobytes()]
        later = str(steps + 2)
        resumed(folder, "--backend", after, "--max-steps", later)
        whole = given.out / f"{folder.name}-whole"
        trained(whole, "--backend", "numpy", *DEFAULT, *LONG, "--max-steps", later)
        result[name] = largest_difference(folder, whole)
        if changed:
            result["error"] = f"{name}: {', '.join(changed[:3])} … are not what was saved"
    return result


def killed(folder: Path, *arguments: str) -> None:
    """Trains in a process of its own, and kills it once it has taken some steps and saved.
    InputError if it does not."""
    command = [*TRAIN, *arguments, "--out", str(folder), "--checkpoint-every", "2"]
    with folder.with_suffix(".txt").open("a", encoding="utf-8") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
    while process.poll() is None and not steps_taken(folder):
        time.sleep(0.005)
    process.kill()
    process.wait()
    if not steps_taken(folder):
        raise InputError(f"the training run saved nothing: see {folder.name}.txt")


def recipes(given: argparse.Namespace) -> dict:
    """The shortest and the best recipe for CIFAR-10, from the command to its last line."""
    if given.cifar10 is None:
        return {"left out": "it needs CIFAR-10: --cifar10 DIR"}
    result: dict = {}
    for name in RECIPES:
        start = time.monotonic()
        trained(given.out / name, "--backend", DEVICE, *recipe(name, given.cifar10))
        last = read_metrics(given.out / name / "metrics.jsonl")[-1]
        seconds = round(time.monotonic() - start, 2)
        result[name] = {"run": seconds, "test_accuracy": last["test_accuracy"]}
        given.keep(result)
    return result


def recipe(name: str, folder: Path) -> list[str]:
    """The options of a training run after the recipe."""
    return ["--dataset", "cifar10", "--data-dir", str(folder), "--recipe", name]


def trained(folder: Path, *arguments: str) -> Path:
    """Trains as the command does; its lines go to a file beside the folder."""
    command(folder, [*arguments, "--out", str(folder)])
    return folder


def resumed(folder: Path, *arguments: str) -> None:
    """Resumes the run in the folder."""
    command(folder, ["--resume", str(folder), *arguments])


def command(folder: Path, arguments: list[str]) -> None:
    """Runs the train command. KeyboardInterrupt if Ctrl-C stopped it."""
    with printed_to(folder.with_suffix(".txt")):
        code = train.main(arguments)
    if code > 128:
        raise KeyboardInterrupt


@contextlib.contextmanager
def printed_to(path: Path) -> Iterator[None]:
    """What is printed within it goes to the end of the file."""
    with path.open("a", encoding="utf-8") as file, contextlib.redirect_stdout(file):
        yield


def arrays(folder: Path) -> dict[str, numpy.ndarray]:
    """The arrays in the run's checkpoint."""
    with numpy.load(folder / "checkpoint.npz", allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files if name != "about"}


def steps_taken(folder: Path) -> int:
    """After how many steps the run's checkpoint was saved; 0 if there is none."""
    if not (folder / "checkpoint.npz").exists():
        return 0
    with numpy.load(folder / "checkpoint.npz", allow_pickle=False) as archive:
        progress = json.loads(str(archive["about"]))["progress"]
    an_epoch = -(-progress["pictures"][0] // progress["options"]["batch_size"])
    return progress["epochs"] * an_epoch + progress["steps"]


def largest_difference(folder: Path, other: Path) -> float:
    """The largest mean difference of a weight between two runs, relative to its mean size."""
    got, expected = arrays(folder), arrays(other)
    return max(
        float(abs(got[name] - array).mean() / abs(array).mean())
        for name, array in expected.items()
        if name.startswith("weight/")
    )
