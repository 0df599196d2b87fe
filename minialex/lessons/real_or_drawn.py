"""The pictures of a lesson: real ones if they are on this machine, else drawn shapes."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy

from minialex import data
from minialex.data import shapes
from minialex.data.augment import Standardize, centre_views
from minialex.data.download import cache_folder
from minialex.data.published.mnist import DEBIAN
from minialex.data.statistics import standardize_from
from minialex.errors import InputError


@dataclass
class Pictures:
    """Pictures to learn from and pictures to test on.

    name: the data set they come from; class_names: what the labels stand for;
    images, test_images: uint8 (N, S, S, C); labels, test_labels: (N,);
    x, test_x: the images standardised with `standardize`, float32 (N, S, S, C).
    """

    name: str
    images: numpy.ndarray
    labels: numpy.ndarray
    test_images: numpy.ndarray
    test_labels: numpy.ndarray
    class_names: list[str]
    standardize: Standardize

    def __post_init__(self):
        self.x, self.test_x = self.standardize(self.images), self.standardize(self.test_images)


def pictures(name: str, train: int, test: int) -> Pictures:
    """The first `train` training and `test` test pictures of "fashion-mnist" or "cifar10".

    If the data set is not on this machine, as many shapes are drawn instead. Prints which it is.
    InputError if the data set has fewer pictures.
    """
    dataset = found(name)
    if dataset is None:
        print(f"{name} is not on this machine (lessons/README.md): drawn shapes instead.")
        # Standardising takes the mean and spread of all training pictures: draw enough for both.
        dataset = shapes.load(train_size=max(train, 1000), test_size=test)
    else:
        print(f"The pictures are real: {name}.")
    sizes = len(dataset.train), len(dataset.test)
    if sizes[0] < train or sizes[1] < test:
        raise InputError(
            f"expected {train:,} training and {test:,} test pictures or more, "
            f"{name} on this machine has {sizes[0]:,} and {sizes[1]:,}"
        )
    images = dataset.train.read(range(train), centre_views(train))
    test_images = dataset.test.read(range(test), centre_views(test))
    labels, test_labels = dataset.train.labels[:train], dataset.test.labels[:test]
    standardize = standardize_from(dataset.train)
    return Pictures(
        dataset.name, images, labels, test_images, test_labels, dataset.class_names, standardize
    )


def found(name: str) -> data.Dataset | None:
    """The data set if it is on this machine, else None; downloads nothing.

    Looks in $MINIALEX_DATA, among earlier downloads and in Debian's folder.
    """
    folders = [Path(os.environ.get("MINIALEX_DATA", "no folder")), cache_folder(name), DEBIAN]
    for folder in filter(Path.is_dir, folders):
        try:
            return data.load(name, folder)
        except InputError:
            continue
    return None
