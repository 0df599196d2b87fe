"""The pictures that a network is shown: those in files, or a few test pictures of its run."""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy

from minialex import figures
from minialex.command import number
from minialex.data.augment import centre_views
from minialex.data.dataset import Dataset
from minialex.errors import InputError
from minialex.inference import TrainedNetwork
from minialex.prediction import files_of
from minialex.trained_dataset import dataset_of, name_of
from minialex.weight_options import WEIGHTS_HELP, add_trained_options, add_weight_options

#: How many pictures fit on a sheet.
MOST = 60


@dataclass
class Subjects:
    """N pictures to show to a network.

    pictures   uint8 (N, S, S, C), as the network sees them
    names      to be shown
    labels     the numbers of their classes, None where unknown
    paths      the files they come from; empty for test pictures
    """

    pictures: numpy.ndarray
    names: list[str]
    labels: list[int | None]
    paths: list[Path]


def add_subject_options(p: argparse.ArgumentParser, pictures: str = "*") -> None:
    """Adds the options of a kind that shows pictures: one (`pictures` "?") or any number ("*")."""
    several = pictures == "*"
    about = "files, or folders of them" if several else "a file"
    about += " (default: from the run's test pictures)"
    p.add_argument("pictures", nargs=pictures, metavar="PICTURE", help=about)
    add_weights_option(p)
    p.add_argument(
        "--data-dir", type=Path, metavar="DIR", help="the run's data set (default: as in training)"
    )
    p.add_argument(
        "--seed",
        type=number(int, 0),
        default=0,
        metavar="N",
        help="for choosing test pictures (default: 0)",
    )
    add_trained_options(p)


def add_weights_option(p: argparse.ArgumentParser) -> None:
    """Adds --weights and --model."""
    p.add_argument("--weights", required=True, metavar="WEIGHTS", help=f"{WEIGHTS_HELP} (required)")
    add_weight_options(p)


def subjects(
    given: argparse.Namespace, trained: TrainedNetwork, count: int, dataset: Dataset | None = None
) -> Subjects:
    """The pictures that were `given`, or `count` test pictures of the run, drawn with --seed.

    dataset: the run's, if it is loaded already.
    """
    if given.pictures:
        named = given.pictures if isinstance(given.pictures, list) else [given.pictures]
        paths = [path for one in named for path in files_of(one)]
        if len(paths) > MOST:
            raise InputError(f"expected at most {MOST} pictures for one sheet, got {len(paths)}")
        pictures = trained.images(paths).read(range(len(paths)), centre_views(len(paths)))
        return Subjects(
            pictures, [Path(str(path)).name for path in paths], [None] * len(paths), paths
        )
    test = (dataset or dataset_of(trained, given.data_dir)).test
    numbers = numpy.random.default_rng(given.seed).permutation(len(test))[:count]
    pictures = test.read(numbers, centre_views(len(numbers)))
    return Subjects(
        pictures, [name_of(test, i) for i in numbers], test.labels[numbers].tolist(), []
    )


def class_number(trained: TrainedNetwork, name: str) -> int:
    """The number of the class called `name`; InputError if there is none."""
    if name not in trained.class_names:
        some = ", ".join(trained.class_names[:10]) + (
            ", …" if len(trained.class_names) > 10 else ""
        )
        raise InputError(f"class {name!r} is not one of {some}")
    return trained.class_names.index(name)


def captions(
    trained: TrainedNetwork, chosen: Subjects, said: numpy.ndarray, explained: numpy.ndarray
) -> list[figures.Caption]:
    """For each picture its name, and one class with its probability, in green or red if known.

    said: the probabilities (N, classes). explained: the numbers of the classes to show, (N,).
    """
    result = []
    for name, label, row, k in zip(chosen.names, chosen.labels, said, explained, strict=True):
        colour = None if label is None else figures.RIGHT if label == k else figures.WRONG
        answer = f"{figures.shortened(trained.class_names[k], 19)} {row[k]:.1%}"
        result.append([(figures.shortened(name, 26), None), (answer, colour)])
    return result
