"""python -m tests.load: many steps of training, after which no process has grown.

The train command runs on tiny pictures in a process of its own, on each engine and on two ranks.
Exit code 1 if one of them has grown by more than MOST since it was warm.
"""

import gc
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy

from minialex import Network, Trainer, optim
from minialex.command import Parser, number, run
from minialex.data import from_arrays
from minialex.layers import Conv2d, Dropout, Flatten, Linear, MaxPool2d, ReLU

EXAMPLES = """\
  python -m tests.load --steps 20000
      ten minutes on two cores
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


def growth(engine: str, steps: int, warm: int = 100) -> int:
    """By how many bytes what Python holds has grown in so many steps of a Trainer, after `warm`
    ones."""
    rng = numpy.random.default_rng(0)
    count = 8 * (warm + steps + WINDOW)
    pictures, labels = rng.integers(0, 256, (count, 8, 8, 1), numpy.uint8), numpy.arange(count) % 2
    layers = [Conv2d(1, 4, 3, padding=1, rng=rng), ReLU(), MaxPool2d(2, stride=2)]
    layers += [Flatten(), Dropout(0.5, rng), Linear(64, 2, rng=rng)]
    network = Network(layers, (8, 8, 1))
    data = from_arrays(pictures, labels, pictures[:8], labels[:8])
    settings = dict(batch_size=8, workers=1, engine=engine, augment=["crop", "mirror"])
    trainer = Trainer(network, data, optim.Adam(network), **settings)
    before, after = [], []
    tracemalloc.start()
    try:
        for i, _ in enumerate(trainer.train_epoch()):
            held = after if i >= warm + steps else before
            if i >= warm and len(held) < WINDOW:
                gc.collect()  # frees what Python keeps of objects that are gone
                held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    return min(after) - min(before)


def resident(pid: int) -> int:
    """The bytes of memory that a process and those that it has started have of their own."""
    folder, own = Path(f"/proc/{pid}"), 0
    for line in (folder / "status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            own = 1024 * int(line.split()[1])
    children = (folder / "task" / str(pid) / "children").read_text().split()
    return own + sum(resident(int(child)) for child in children)


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


def main(arguments: Sequence[str]) -> int:
    p = Parser("load", "Looks for memory that grows with the steps of a training.", EXAMPLES)
    p.prog = "python -m tests.load"
    p.add_argument("--steps", type=number(int, 100), default=20_000, metavar="N")
    steps = p.parse_args(arguments).steps
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
