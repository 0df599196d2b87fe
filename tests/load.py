"""python -m tests.load: many steps of training, after which no process has grown; and many files.

The train command runs on tiny pictures in a process of its own, on each engine and on two ranks.
Exit code 1 if one of them has grown by more than MOST since it was warm. With --files, own pictures
are listed instead, which may take MOST_SECONDS and MOST_A_FILE.
"""

import gc
import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy

from minialex import Network, Trainer, data, optim
from minialex.command import Parser, number, run
from minialex.data import from_arrays
from minialex.data.own import picture_checks
from minialex.data.own.listing import files_below
from minialex.layers import Conv2d, Dropout, Flatten, Linear, MaxPool2d, ReLU
from tests.crashes import family
from tests.fuzz.trials import field

EXAMPLES = """\
  python -m tests.load --steps 20000
      ten minutes on two cores
  python -m tests.load --files 500000
      half a minute
"""

WAYS = {
    "fast engine": ["--engine", "fast", "--workers", "2"],
    "plain engine": ["--engine", "plain"],
    "two ranks": ["--ranks", "2"],
}

#: Batches under way come and go: in so many steps, the least that is held counts.
WINDOW = 20

#: How much a process may grow, in bytes.
MOST = 4_000_000

#: How long listing own pictures may take, and how many bytes of memory for each of them.
MOST_SECONDS, MOST_A_FILE = 60, 1_000


def growth(engine: str, steps: int, stretches: int = 3, warm: int = 100) -> int:
    """By how many bytes what Python holds grows in so many steps of a Trainer.

    The least of several stretches: what is left behind at each step grows in all of them, and what
    is kept once, in any thread of the process, in one.
    """
    rng = numpy.random.default_rng(0)
    count = 8 * (warm + steps * stretches + 5 * WINDOW)  # before the end, fewer batches wait
    pictures, labels = rng.integers(0, 256, (count, 8, 8, 1), numpy.uint8), numpy.arange(count) % 2
    layers = [Conv2d(1, 4, 3, padding=1, rng=rng), ReLU(), MaxPool2d(2, stride=2)]
    layers += [Flatten(), Dropout(0.5, rng), Linear(64, 2, rng=rng)]
    network = Network(layers, (8, 8, 1))
    data = from_arrays(pictures, labels, pictures[:8], labels[:8])
    settings = dict(batch_size=8, workers=1, engine=engine, augment=["crop", "mirror"])
    trainer = Trainer(network, data, optim.Adam(network), **settings)
    windows: list[list[int]] = [[] for _ in range(stretches + 1)]
    gc.freeze()  # what was there before needs no look each time
    tracemalloc.start()
    try:
        for i, _ in enumerate(trainer.train_epoch(), -warm):
            stretch, step = divmod(i, steps)
            if i >= 0 and step < WINDOW:
                gc.collect()  # frees what Python keeps of objects that are gone
                windows[stretch].append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
        gc.unfreeze()
    return int(min(numpy.diff([min(held) for held in windows])))


def resident(pid: int) -> int:
    """The bytes of memory that a process and those that it has started have of their own."""
    own = (field(f"/proc/{each}/status", "RssAnon:") for each in family(pid))
    return sum(1024 * int(size.split()[0]) for size in own)


def sizes(way: Sequence[str], steps: int, folder: Path) -> Iterator[int]:
    """The memory of a run of the train command, about 20 times in its course."""
    pictures = folder / "pictures.npz"
    options = ["--dataset", "npz", "--data-dir", str(pictures), "--model", "alexnet-cifar"]
    options += ["--batch-size", "2", "--epochs", "100000", "--max-steps", str(steps)]
    options += ["--augment", "crop,mirror", "--log-every", str(max(1, steps // 20)), *way]
    command = [sys.executable, "-m", "minialex.train", *options, "--out", str(folder / "run")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "Step [" in line:
                yield resident(process.pid)
    if process.returncode:
        raise SystemExit(f"the run ended with exit code {process.returncode}")


def listed(count: int) -> int:
    """Lists so many empty files as own pictures, anew, from the cache and as predict does; whether
    that took too long or too much."""
    worst = [0.0, 0.0]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MINIALEX_CACHE"] = folder
        pictures = Path(folder) / "pictures"
        for name in ("cat", "dog"):
            (pictures / name).mkdir(parents=True)
            for i in range(count // 2):
                (pictures / name / f"{i:06}.jpg").touch()
        time.sleep(3)  # else it is not kept in the cache

        def load() -> object:
            dataset = data.load("folder", pictures, 32)
            return dataset, picture_checks.notes(dataset)

        ways = {"anew": load, "again": load, "predict": lambda: list(files_below(pictures))}
        for name, way in ways.items():
            start, before = time.perf_counter(), resident(os.getpid())
            held = way()
            took = [time.perf_counter() - start, resident(os.getpid()) - before]
            del held
            worst = list(map(max, worst, took))
            size = f"{took[0]:.1f} seconds, {took[1] / 1e6:,.0f} MB"
            print(f"{name:<14} {count:,} files: {size}", flush=True)
    return int(worst[0] > MOST_SECONDS or worst[1] > MOST_A_FILE * count)


def main(arguments: Sequence[str]) -> int:
    p = Parser("load", "Looks for memory that grows with the steps of a training.", EXAMPLES)
    p.prog = "python -m tests.load"
    p.add_argument("--steps", type=number(int, 100), default=20_000, metavar="N")
    p.add_argument("--files", type=number(int, 100), metavar="N", help="lists so many instead")
    given = p.parse_args(arguments)
    if given.files:
        return listed(given.files)
    steps = given.steps
    rng = numpy.random.default_rng(0)
    grown = []
    for name, way in WAYS.items():
        with tempfile.TemporaryDirectory() as folder:
            count = 2 * steps
            pictures = rng.integers(0, 256, (count, 16, 16, 3), numpy.uint8)
            labels = numpy.arange(count) % 2
            arrays = dict(x_train=pictures, y_train=labels, x_test=pictures[:9], y_test=labels[:9])
            numpy.savez(Path(folder) / "pictures.npz", **arrays)
            found = list(sizes(way, steps, Path(folder)))
        warm = max(found[: len(found) // 4])
        grown.append(max(found) - warm)
        megabytes = f"{warm / 1e6:,.1f} MB when warm, {grown[-1] / 1e6:,.1f} MB more at most later"
        print(f"{name:<14} {steps:,} steps: {megabytes}", flush=True)
    return 1 if max(grown) > MOST else 0


if __name__ == "__main__":
    run(main)
