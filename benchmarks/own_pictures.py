"""python -m benchmarks.own_pictures: what minialex.own_pictures chooses for few small pictures, and
what it does not choose.

Trains on some of CIFAR-10's training pictures and tests with 2,000 others of them; the test
pictures are not used.
"""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy

from minialex import data, models, optim, own_pictures, schedules
from minialex.command import Parser, number, run
from minialex.data.dataset import ArrayImages, Dataset
from minialex.own_pictures import Pictures
from minialex.presets import ADAM
from minialex.training import Trainer

#: How many pictures are trained with, and tested with.
COUNTS, TESTED = (150, 1_500, 15_000), 2_000

EXAMPLES = """\
  python -m benchmarks.own_pictures                         about half an hour
  python -m benchmarks.own_pictures --most 1500             about five minutes
"""


def part_of(whole: Dataset, count: int) -> Dataset:
    """The first `count` of the shuffled training pictures, tested with the last TESTED."""
    order = numpy.random.default_rng(0).permutation(len(whole.train))
    parts = [order[:count], order[-TESTED:]]
    images, labels = whole.train.images, whole.train.labels
    train, test = (ArrayImages(images[part], labels[part]) for part in parts)
    return Dataset(f"{count:,} pictures", train, test, whole.class_names)


def accuracy(dataset: Dataset, chosen: dict, seed: int) -> float:
    """The share of the test pictures that is answered right after the last epoch."""
    rng = numpy.random.default_rng(seed)
    side, classes = dataset.train.image_size, dataset.num_classes
    network = models.build(chosen["model"], num_classes=classes, image_size=side, rng=rng)
    optimizer = optim.build(chosen["optimizer"], network, chosen["lr"], 0.9, chosen["weight_decay"])
    schedule = schedules.build(chosen["schedule"], chosen["lr"], chosen["epochs"])
    options = dict(batch_size=chosen["batch_size"], augment=chosen["augment"].split(","))
    trainer = Trainer(network, dataset, optimizer, schedule, seed=seed, **options)
    for _ in range(chosen["epochs"]):
        for _ in trainer.train_epoch():
            pass
        trainer.finish_epoch(dict(loss=0.0, accuracy=0.0, top5=0.0))
    return trainer.evaluate()["accuracy"]


def rivals(count: int) -> dict[str, dict]:
    """What is chosen for so many pictures, and others, by name."""
    chosen = own_pictures.preset(Pictures(count, side=32, grey=False))
    other = {"alexnet-mini": "alexnet-midi", "alexnet-midi": "alexnet-mini"}[chosen["model"]]
    adam = {name: ADAM[name] for name in ("optimizer", "lr")}
    return {
        "chosen": chosen,
        f"with {other}": chosen | dict(model=other),
        "with Adam": chosen | adam,
        "with alexnet-cifar and Adam": chosen | adam | dict(model="alexnet-cifar"),
        "with half of the epochs": chosen | dict(epochs=chosen["epochs"] // 2),
        "with twice the epochs": chosen | dict(epochs=chosen["epochs"] * 2),
    }


def main(arguments: Sequence[str]) -> None:
    parser = Parser("own_pictures", "Compares ways to train on few small pictures.", EXAMPLES)
    parser.prog = "python -m benchmarks.own_pictures"
    parser.add_argument(
        "--data-dir", type=Path, metavar="DIR", help="CIFAR-10 (if there is none: downloaded)"
    )
    most = "leaves out larger numbers of pictures"
    parser.add_argument("--most", type=number(int, 1), default=max(COUNTS), metavar="N", help=most)
    parser.add_argument("--seed", type=number(int, 0), default=0, metavar="N")
    given = parser.parse_args(arguments)
    whole = data.load("cifar10", given.data_dir)
    columns = ("options", "model", "epochs", "accuracy", "time")
    print("pictures  {:<28} {:<13} {:>6} {:>8} {:>6}".format(*columns))
    for count in (each for each in COUNTS if each <= given.most):
        dataset = part_of(whole, count)
        for name, chosen in rivals(count).items():
            start = time.perf_counter()
            share = accuracy(dataset, chosen, given.seed)
            seconds = time.perf_counter() - start
            row = f"{count:>8,}  {name:<28} {chosen['model']:<13} {chosen['epochs']:>6}"
            print(f"{row} {share:>8.1%} {seconds:>5.0f}s", flush=True)


if __name__ == "__main__":
    run(main)
