"""python lessons/ablations.py: the claims of the paper, measured at small scale.

Trains one small AlexNet with everything and five that lack one thing each: ReLU, local response
normalisation, overlapping pools, dropout, augmentation. All start from the same weights, see the
same pictures in the same order, and train for the same number of epochs at the same learning rate,
with several seeds. The result is how much worse a net is without each thing, and how certain that
is. The rate, 0.02, suits both ReLU and tanh: of 0.01, 0.02 and 0.04 it gave both their lowest test
error (one run each, with another seed: ReLU 39.3, 36.7 and 37.0%, tanh 35.0 and 33.3%; at 0.04
tanh diverges for a while, 50.6% over seeds 0 to 2).

Each finished run is a line in OUT/results.jsonl: a stopped program resumes after the last one, and
seeds can be added later.
"""

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy
from ablation_report import ABLATIONS, COMPLETE, draw, markdown, report
from tqdm import tqdm

from minialex import backend, data, fast, optim, schedules
from minialex.command import Parser, add_common_options, number, run
from minialex.cores import usable_cores
from minialex.data.batches import Batches
from minialex.data.dataset import Dataset, in_memory
from minialex.data.statistics import standardize_from
from minialex.errors import InputError
from minialex.evaluation import evaluate
from minialex.files import atomic_write
from minialex.layers import (
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    ReLU,
    SoftmaxCrossEntropy,
    Tanh,
)
from minialex.network import Network

BATCH, RATE = 64, 0.02

#: Pixels are divided by their standard deviation here, about 64, and LRN's α multiplies squares: so
#: 1e-4 · 64² does to them what the paper's 1e-4 does to pixels of 0 to 255. With 1e-4 the squares
#: would be negligible beside k = 2.
ALPHA = 1e-4 * 64**2

EXAMPLES = """\
  python lessons/ablations.py
      CIFAR-10, downloaded if it is not in $MINIALEX_DATA; three quarters of an
      hour on one core. Start it again to resume after an interruption
  python lessons/ablations.py --seeds 5
      two more seeds
  python lessons/ablations.py --dataset shapes --pictures 1000 --epochs 5 \\
                              --without lrn,dropout --out runs/trial
      a trial of a minute: drawn shapes, two of the five
"""


def network(without: str, classes: int, seed: int) -> Network:
    """A small AlexNet for pictures of 32×32×3, COMPLETE or without one thing.

    The same seed gives all kinds the same weights.
    """
    rng = numpy.random.default_rng(seed)
    activation = Tanh if without == "relu" else ReLU
    window = (
        dict(kernel_size=2, stride=2)
        if without == "overlap"
        else dict(kernel_size=3, stride=2, padding=1)
    )
    layers = []
    for i, before, after, kernel, stride in ((1, 3, 32, 5, 2), (2, 32, 64, 3, 1)):
        layers += [
            (f"conv{i}", Conv2d(before, after, kernel, stride, padding=kernel // 2, rng=rng)),
            (f"activation{i}", activation()),
            *([] if without == "lrn" else [(f"norm{i}", LocalResponseNorm(alpha=ALPHA))]),
            (f"pool{i}", MaxPool2d(**window)),
        ]
    layers += [
        ("conv3", Conv2d(64, 64, 3, padding=1, rng=rng)),
        ("activation3", activation()),
        ("flatten", Flatten()),
    ]
    for i, before in ((4, 4 * 4 * 64), (5, 512)):
        layers += [(f"fc{i}", Linear(before, 512, rng=rng)), (f"activation{i}", activation())]
        layers += [] if without == "dropout" else [(f"dropout{i}", Dropout(0.5, rng.spawn(1)[0]))]
    return Network([*layers, ("fc6", Linear(512, classes, weight_std=0.01, rng=rng))], (32, 32, 3))


def train(
    engine: fast.Engine, dataset: Dataset, augment: bool, epochs: int, seed: int, said: str
) -> dict:
    """Trains the engine's network. Returns the mean loss of each epoch and the final errors.

    "train_error" and "test_error" are in percent, measured on unaugmented pictures without dropout.
    `said` labels the progress bar.
    """
    standardize = standardize_from(dataset.train)
    batches = Batches(dataset.train, BATCH, standardize, seed, crop=augment, mirror=augment)
    optimizer = optim.SGD(engine.network, RATE)
    schedule = schedules.build("cosine", RATE, epochs)
    loss_layer = SoftmaxCrossEntropy()
    losses = []
    with tqdm(
        total=epochs * len(batches), desc=said, unit=" steps", leave=False, disable=None
    ) as bar:
        for epoch in range(epochs):
            total = 0.0
            with contextlib.closing(batches.epoch(epoch)) as prepared:
                for i, (x, labels) in enumerate(prepared):
                    optimizer.lr = schedule(epoch + i / len(batches))
                    loss, _ = engine.step(x, labels, loss_layer)
                    total += loss * len(labels)
                    engine.update(optimizer)
                    bar.update()
            losses.append(round(float(total) / len(dataset.train), 4))
    result = {"losses": losses}
    for split, images in (("train", dataset.train), ("test", dataset.test)):
        accuracy = evaluate(engine, Batches(images, 500, standardize))["accuracy"]
        result[f"{split}_error"] = round(100 * (1 - accuracy), 2)
    return result


def load(name: str, data_dir: Path | None, pictures: int) -> Dataset:
    """The data set with only the first `pictures` of its training pictures."""
    whole = data.load(name, data_dir)
    if pictures > len(whole.train):
        raise InputError(
            f"expected at most {len(whole.train):,} (--pictures), the training pictures of {name}, "
            f"got {pictures:,}"
        )
    train = whole.train.images[:pictures], whole.train.labels[:pictures]
    return in_memory(name, train, (whole.test.images, whole.test.labels), whole.class_names)


def read_results(path: Path, settings: dict) -> list[dict]:
    """The finished runs, a dict each; InputError if they were made with other settings."""
    if not path.exists():
        return []
    try:
        results = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        made_with = [{name: result[name] for name in settings} for result in results]
        for result in results:
            (
                result["seed"],
                result["without"],
                result["losses"],
                result["train_error"],
                result["test_error"],
            )
    except (ValueError, KeyError, TypeError):
        raise InputError(
            f"{path} does not contain results of this program: choose another --out"
        ) from None
    for found, name in ((found, name) for found in made_with for name in settings):
        if found[name] != settings[name]:
            raise InputError(
                f"{path} has results for {name} {found[name]}, expected {settings[name]}: "
                "choose another --out"
            )
    return results


def ablations(text: str) -> list[str]:
    """An argparse type: names from ABLATIONS, separated by commas."""
    names = text.split(",")
    if not set(names) <= set(ABLATIONS):
        raise argparse.ArgumentTypeError(f"expected any of {','.join(ABLATIONS)}, got {text!r}")
    return [name for name in ABLATIONS if name in names]


def parser() -> Parser:
    """The program's options."""
    p = Parser(
        "ablations",
        "Trains one small AlexNet with everything, and others that lack one thing each.",
        EXAMPLES,
    )
    p.prog = "python lessons/ablations.py"
    p.add_argument(
        "--seeds",
        type=number(int, 1),
        default=3,
        metavar="N",
        help="runs of each net (default: 3)",
    )
    p.add_argument(
        "--epochs",
        type=number(int, 1),
        default=60,
        metavar="N",
        help="epochs of each run (default: 60)",
    )
    p.add_argument(
        "--pictures",
        type=number(int, 1),
        default=5000,
        metavar="N",
        help="training pictures (default: 5000)",
    )
    names = f"what to take out: {', '.join(ABLATIONS)} (default: all)"
    p.add_argument("--without", type=ablations, default=list(ABLATIONS), metavar="A,B", help=names)
    p.add_argument(
        "--dataset", choices=("cifar10", "shapes"), default="cifar10", help="default: cifar10"
    )
    p.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="folder of CIFAR-10's files (default: $MINIALEX_DATA, else downloaded)",
    )
    p.add_argument(
        "--out",
        type=Path,
        default=Path("runs/ablations"),
        metavar="DIR",
        help="default: runs/ablations",
    )
    add_common_options(p)
    return p


def main(arguments: Sequence[str]) -> None:
    """Runs the program with `arguments`."""
    given = parser().parse_args(arguments)
    xp = backend.get(given.backend or "auto")
    threads = (given.workers or usable_cores()) if xp is numpy else 1
    settings = {"dataset": given.dataset, "pictures": given.pictures, "epochs": given.epochs}
    path = given.out / "results.jsonl"
    results = read_results(path, settings)
    done = {(result["seed"], result["without"]) for result in results}
    wanted = [
        (seed, without) for seed in range(given.seeds) for without in (COMPLETE, *given.without)
    ]
    missing = [pair for pair in wanted if pair not in done]
    if missing:
        folder = os.environ.get("MINIALEX_DATA") if given.dataset == "cifar10" else None
        dataset = load(given.dataset, given.data_dir or folder, given.pictures)
        given.out.mkdir(parents=True, exist_ok=True)
    for count, (seed, without) in enumerate(missing, len(wanted) - len(missing) + 1):
        kind = "with everything" if without == COMPLETE else f"without {ABLATIONS[without].thing}"
        said = f"{count}/{len(wanted)} {kind}, seed {seed}"
        engine = fast.prepare(network(without, dataset.num_classes, seed).to(xp), threads)
        trained = train(engine, dataset, without != "augmentation", given.epochs, seed, said)
        results.append({**settings, "without": without, "seed": seed, **trained})
        with atomic_write(path) as file:
            file.write_text(
                "".join(json.dumps(result) + "\n" for result in results), encoding="utf-8"
            )
        tqdm.write(
            f"{said}: training error {trained['train_error']:.1f}%, "
            f"test error {trained['test_error']:.1f}%"
        )
        sys.stdout.flush()
    wanted = set(wanted)
    shown = [result for result in results if (result["seed"], result["without"]) in wanted]
    for file, text in (
        ("table.md", markdown(shown, given.without)),
        ("table.txt", report(shown, given.without) + "\n"),
    ):
        with atomic_write(given.out / file) as part:
            part.write_text(text, encoding="utf-8")
    draw(shown, given.without, given.out / "ablations.png")
    print(f"\n{report(shown, given.without)}")
    print(f"\nAlso in {given.out}: table.txt, table.md, ablations.png")


if __name__ == "__main__":
    run(main)
