"""The pictures that a network is shown: those in files, or a few test pictures of its run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy

from minialex import figures
from minialex.data.augment import centre_views
from minialex.errors import InputError
from minialex.inference import TrainedNetwork
from minialex.prediction import files_of
from minialex.trained_dataset import Images, name_of

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


def from_files(trained: TrainedNetwork, pictures: Sequence[Path | str]) -> Subjects:
    """The pictures in these files and folders, in the order given.

    InputError for more than MOST, or for one that cannot be read.
    """
    paths = [path for one in pictures for path in files_of(str(one))]
    if len(paths) > MOST:
        raise InputError(f"expected at most {MOST} pictures for one sheet, got {len(paths)}")
    read = trained.images(paths).read(range(len(paths)), centre_views(len(paths)))
    return Subjects(read, [Path(str(path)).name for path in paths], [None] * len(paths), paths)


def from_images(images: Images, count: int, seed: int = 0) -> Subjects:
    """`count` of the labelled pictures, the test pictures of a data set say, drawn with `seed`."""
    numbers = numpy.random.default_rng(seed).permutation(len(images))[:count]
    pictures = images.read(numbers, centre_views(len(numbers)))
    names, labels = [name_of(images, i) for i in numbers], images.labels[numbers].tolist()
    return Subjects(pictures, names, labels, [])


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
        answer = f"{figures.shortened(trained.class_names[k], 19)}: {row[k]:.1%}"
        result.append([(figures.shortened(name, 26), None), (answer, colour)])
    return result
