"""python -m benchmarks.loader: does training wait for its pictures?

Measures three rates: the loader alone (JPEG decoding, random crop, mirroring), training alone on
the same batch again and again, and training fed by the loader, which prepares the next batches
meanwhile. A small folder is read repeatedly, as one long epoch, so its files come from the system's
cache and not from the disk.
"""

import contextlib
import itertools
import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy

from benchmarks.measure import LEARNING_RATE, Minialex
from minialex import data, models
from minialex.command import Parser, number, run
from minialex.cores import usable_cores
from minialex.data.batches import Batches
from minialex.data.folder_images import FolderImages
from minialex.data.statistics import standardize_from

EXAMPLES = """\
  python -m benchmarks.loader --data-dir PICTURES    with train/CLASS/*.jpg and val/CLASS/*.jpg
  python -m benchmarks.loader --data-dir PICTURES --model alexnet-owt --batch-size 32 --steps 20
"""


def main(arguments: Sequence[str]) -> None:
    parser = Parser("loader", "Measures whether training waits for its pictures.", EXAMPLES)
    parser.prog = "python -m benchmarks.loader"
    parser.add_argument(
        "--data-dir", type=Path, required=True, metavar="DIR", help="an image folder"
    )
    parser.add_argument(
        "--model", choices=models.MODELS, default="alexnet", metavar="NAME", help="default: alexnet"
    )
    parser.add_argument(
        "--batch-size", type=number(int, 1), default=128, metavar="N", help="default: 128"
    )
    parser.add_argument(
        "--steps",
        type=number(int, 1),
        default=8,
        metavar="N",
        help="training steps in one measurement (default: 8)",
    )
    parser.add_argument(
        "--rounds",
        type=number(int, 1),
        default=3,
        metavar="N",
        help="how often each is measured (default: 3)",
    )
    parser.add_argument(
        "--threads",
        type=number(int, 1),
        default=usable_cores(),
        metavar="N",
        help="default: one per core",
    )
    given = parser.parse_args(arguments)
    dataset = data.load("folder", given.data_dir, models.image_size(given.model))
    pictures = given.batch_size * (given.steps + 1)
    standardize = standardize_from(dataset.train)
    batches = Batches(
        repeated(dataset.train, pictures),
        given.batch_size,
        standardize,
        seed=0,
        as_bytes=True,
        crop=True,
        mirror=True,
    )
    network = models.build(
        given.model,
        num_classes=dataset.num_classes,
        in_channels=dataset.channels,
        rng=numpy.random.default_rng(0),
    )
    with contextlib.closing(batches.epoch(0)) as epoch:
        x, labels = next(epoch)
    trainer = Minialex(network, x, labels, given.threads, LEARNING_RATE)
    rates = {"loader alone": [], "training alone": [], "training, fed": []}
    for r in range(given.rounds):
        rates["loader alone"].append(loader_rate(batches, r))
        rates["training alone"].append(
            training_rate(trainer, itertools.repeat((x, labels), given.steps + 1))
        )
        with contextlib.closing(batches.epoch(r)) as epoch:
            rates["training, fed"].append(training_rate(trainer, epoch))
    print(
        f"{given.model}, batch {given.batch_size}, {given.threads} threads, "
        f"{len(dataset.train)} pictures in the folder"
    )
    report(rates)


def repeated(images: FolderImages, n: int) -> FolderImages:
    """n pictures to read: those of `images`, repeated."""
    which = numpy.arange(n) % len(images)
    return FolderImages(
        [images.paths[i] for i in which], images.labels[which], images.image_size, images.channels
    )


def loader_rate(batches: Batches, epoch: int) -> float:
    """Pictures per second from the loader alone, starting with an empty pipeline."""
    start = time.perf_counter()
    for _ in batches.epoch(epoch):
        pass
    return len(batches.images) / (time.perf_counter() - start)


def training_rate(trainer: Minialex, batches: Iterator) -> float:
    """Pictures per second of training on `batches`, including the time spent waiting for them.

    The first batch, on which the pipeline starts, is not counted.
    """
    start, pictures = 0.0, 0
    for i, (trainer.x, trainer.labels) in enumerate(batches):
        trainer.train_step()
        if i == 0:
            start = time.perf_counter()
        else:
            pictures += len(trainer.x)
    return pictures / (time.perf_counter() - start)


def report(rates: dict[str, list[float]]) -> None:
    """Prints the median rates with their range, and how much feeding slows training.

    The slowdown is given as measured, and as it would be if loading and training did not overlap.
    """
    for name, measured in rates.items():
        spread = f"{min(measured):.1f}–{max(measured):.1f}"
        print(f"{name:<16}{statistics.median(measured):8.1f} images/s ({spread})")
    loader, alone, fed = map(statistics.median, rates.values())
    print(f"feeding slows training by {1 - fed / alone:.1%};")
    print(f"without overlap it would be {alone / (loader + alone):.1%}")


if __name__ == "__main__":
    run(main)
