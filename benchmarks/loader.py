"""python -m benchmarks.loader: does training wait for its pictures?

Measures the loader alone (JPEG decoding, random crop, mirroring, standardising), training alone on one batch again and
again, and training fed by the loader, which prepares the next batches meanwhile. A small folder is gone through
repeatedly, as one long epoch, so its files come from the system's cache and not from the disk.
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
from minialex.command import Parser, number, run, usable_cores
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
        help="of one measurement (default: 8)",
    )
    parser.add_argument(
        "--rounds",
        type=number(int, 1),
        default=3,
        metavar="N",
        help="measurements, in turn (default: 3)",
    )
    parser.add_argument(
        "--threads",
        type=number(int, 1),
        default=usable_cores(),
        metavar="N",
        help="default: one a core",
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
        f"{given.model}, batch {given.batch_size}, {given.threads} threads, {len(dataset.train)} pictures in the folder"
    )
    report(rates)


def repeated(images: FolderImages, n: int) -> FolderImages:
    """n pictures to read: those of `images` over and over."""
    which = numpy.arange(n) % len(images)
    return FolderImages(
        [images.paths[i] for i in which], images.labels[which], images.image_size, images.channels
    )


def loader_rate(batches: Batches, epoch: int) -> float:
    """Pictures a second that come out of the loader when nobody else works, from an empty pipeline on."""
    start = time.perf_counter()
    for _ in batches.epoch(epoch):
        pass
    return len(batches.images) / (time.perf_counter() - start)


def training_rate(trainer: Minialex, batches: Iterator) -> float:
    """Pictures a second of training on `batches`, the waiting for them included; the first one, the start, is not counted."""
    start, pictures = 0.0, 0
    for i, (trainer.x, trainer.labels) in enumerate(batches):
        trainer.train_step()
        if i == 0:
            start = time.perf_counter()
        else:
            pictures += len(trainer.x)
    return pictures / (time.perf_counter() - start)


def report(rates: dict[str, list[float]]) -> None:
    """Prints the median rates with their range, and by how much feeding slows training, with and without overlap."""
    for name, measured in rates.items():
        print(
            f"{name:<16}{statistics.median(measured):8.1f} images/s ({min(measured):.1f}–{max(measured):.1f})"
        )
    loader, alone, fed = map(statistics.median, rates.values())
    print(
        f"feeding slows training by {1 - fed / alone:.1%}; loading and training one after the other would by ",
        end="",
    )
    print(f"{alone / (loader + alone):.1%}")


if __name__ == "__main__":
    run(main)
