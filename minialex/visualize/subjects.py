"""Which pictures a network is looked at with: those in files, or a few of its run's test pictures."""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy

from minialex import backend, figures
from minialex.command import number
from minialex.data.augment import centre_views
from minialex.data.dataset import Dataset
from minialex.errors import InputError
from minialex.evaluate import dataset_of, name_of
from minialex.inference import Trained, add_trained_options
from minialex.predict import files_of, softmax
from minialex.weights import WEIGHTS_HELP, add_model_option

#: More pictures than that are too many for one sheet.
MOST = 60


@dataclass
class Subjects:
    """Pictures uint8 (N, S, S, C) as the network sees them, their names, and the numbers of their classes (None: not known).

    paths: the files they come from; none, if they are test pictures.
    """

    pictures: numpy.ndarray
    names: list[str]
    labels: list[int | None]
    paths: list[Path]


def add_subject_options(p: argparse.ArgumentParser, pictures: str = "*") -> None:
    """Adds the options of a kind that looks at pictures: at one (`pictures` "?") or at any number ("*")."""
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
        help="of the choice of test pictures (default: 0)",
    )
    add_trained_options(p)


def add_weights_option(p: argparse.ArgumentParser) -> None:
    """Adds --weights and, for weights that leave it open, --model."""
    p.add_argument("--weights", required=True, metavar="WEIGHTS", help=f"{WEIGHTS_HELP} (required)")
    add_model_option(p)


def subjects(
    given: argparse.Namespace, trained: Trained, count: int, dataset: Dataset | None = None
) -> Subjects:
    """The pictures that were `given`, or else `count` of the run's test pictures, drawn with --seed."""
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


def class_number(trained: Trained, name: str) -> int:
    """The number of the class called `name`; InputError if there is none."""
    if name not in trained.class_names:
        some = ", ".join(trained.class_names[:10]) + (
            ", …" if len(trained.class_names) > 10 else ""
        )
        raise InputError(f"class {name!r} is not one of {some}")
    return trained.class_names.index(name)


def probabilities(trained: Trained, pictures: numpy.ndarray) -> numpy.ndarray:
    """What the network says to pictures uint8 (N, S, S, C): (N, classes), on the host."""
    return softmax(backend.to_host(trained.engine.forward(trained.standardize(pictures))))


def captions(
    trained: Trained, chosen: Subjects, said: numpy.ndarray, explained: list[int]
) -> list[figures.Caption]:
    """For each picture its name, and the class `explained` with its probability, in green or red where the class is known."""
    result = []
    for name, label, row, k in zip(chosen.names, chosen.labels, said, explained, strict=True):
        colour = None if label is None else figures.RIGHT if label == k else figures.WRONG
        answer = f"{figures.shortened(trained.class_names[k], 19)} {row[k]:.1%}"
        result.append([(figures.shortened(name, 26), None), (answer, colour)])
    return result
