"""For tests of minialex.explore: small networks, pictures as files, and what no page would send."""

import copy
import io
from pathlib import Path
from typing import Any

import numpy
from data_helpers import random_pictures
from PIL import Image

from minialex.data import from_arrays
from minialex.data.dataset import Dataset
from minialex.inference import TrainedNetwork
from minialex.io.run_folder import RunFolder
from minialex.layers import (
    AvgPool2d,
    Conv2d,
    Dropout,
    Flatten,
    Layer,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    ReLU,
    Sigmoid,
    Tanh,
)
from minialex.network import Network
from minialex.training import Trainer

#: The side of the pictures, and the names of their classes.
SIDE, CLASSES = 12, ["circle", "square", "triangle"]

#: A state and a question as the page sends them.
STATE = {
    "picture": "test/2",
    "moment": "latest",
    "covered": None,
    "changes": {"silenced": [], "bypassed": [], "unpadded": [], "dropping": [], "seed": 0},
}
QUESTION = {"class": 1, "quantity": "logit"}

#: JSON values that are mostly wrong wherever they stand.
ODD = [
    *(None, True, False, -1, 0, 7, 2**53, 2**64, 10**400, 1.5, -0.0, 1e308),
    *(float("nan"), float("inf"), "", "latest", "conv1", "test/0", "\ud800", "x" * 300),
    *([], {}, [[]], [None], [0, 0], ["conv1", 0], {"class": 0}, [[[[[[1]]]]]], [0] * 20_000),
]

#: JSON values that may be right where there was one of the same type.
LIKELY = {
    int: [0, 1, 2, 3, 5, 11, 12],
    str: ["test/0", "test/6", "latest", "blank", "conv1", "norm1", "fc4", "drop3", "bias", "loss"],
    list: [[], [0], [2], [1, 2], [3, 4, 1], [["conv2", 1]], ["norm1"], ["conv1"], ["drop3"]],
}


def small_network(seed: int = 3, side: int = SIDE) -> Network:
    """Most kinds of layers, with biases that are not 0."""
    rng = numpy.random.default_rng(seed)
    left = (side - 3) // 2 + 1
    layers: list[tuple[str, Layer]] = [
        ("conv1", Conv2d(3, 4, 3, padding=1, rng=rng)),
        ("relu1", ReLU()),
        ("norm1", LocalResponseNorm(3, alpha=0.5)),
        ("pool1", MaxPool2d(3, stride=2)),
        ("conv2", Conv2d(4, 6, 3, padding=1, groups=2, rng=rng)),
        ("relu2", ReLU()),
        ("flatten", Flatten()),
        ("fc3", Linear(6 * left**2, 8, rng=rng)),
        ("relu3", ReLU()),
        ("drop3", Dropout(0.5, rng=rng)),
        ("fc4", Linear(8, 3, rng=rng)),
    ]
    return with_biases(Network(layers, (side, side, 3)), rng)


def smooth_network(seed: int = 5) -> Network:
    """Without kinks and ties, so that finite differences are gradients."""
    rng = numpy.random.default_rng(seed)
    layers: list[tuple[str, Layer]] = [
        ("conv1", Conv2d(3, 4, 3, padding=1, rng=rng)),
        ("tanh1", Tanh()),
        ("norm1", LocalResponseNorm(3, alpha=0.5)),
        ("pool1", AvgPool2d(2, stride=2)),
        ("conv2", Conv2d(4, 6, 3, stride=2, padding=1, groups=2, rng=rng)),
        ("sigmoid2", Sigmoid()),
        ("flatten", Flatten()),
        ("fc3", Linear(54, 10, rng=rng)),
        ("tanh3", Tanh()),
        ("drop3", Dropout(0.5, rng=rng)),
        ("fc4", Linear(10, 3, rng=rng)),
    ]
    return with_biases(Network(layers, (SIDE, SIDE, 3)), rng)


def with_biases(network: Network, rng: numpy.random.Generator) -> Network:
    for name, array in network.params.items():
        if name.endswith(".bias"):
            array[...] = rng.normal(0, 0.3, array.shape)
    return network


def in_float64(network: Network) -> Network:
    """A copy that shares nothing."""
    return copy.deepcopy(network).astype("float64")


def in_use(network: Network, **progress: Any) -> TrainedNetwork:
    """The network as if it had been trained, on pictures with the mean 120 and deviation 60."""
    *_, side, channels = network.input_shape
    about = {
        "options": {"model": None, "lrn": None, "batch_size": 8},
        "source": None,
        "classes": CLASSES,
        "pictures": [24, 7, side, side, channels],
        "mean": [120.0] * channels,
        "std": [60.0] * channels,
    }
    return TrainedNetwork(network, about | progress, engine=network)


def small_dataset() -> Dataset:
    """24 pictures to train on and 7 to test."""
    train, test = numpy.arange(24) % 3, numpy.arange(7) % 3
    pictures, others = random_pictures(24, SIDE), random_pictures(7, SIDE, seed=1)
    return from_arrays(pictures, train, others, test, CLASSES)


def trained_run(path: Path) -> RunFolder:
    """A run that has kept its weights after 0, 2 and 3 of 3 steps, its only epoch."""
    folder = RunFolder.create(path, "small")
    trainer = Trainer(small_network(), small_dataset(), batch_size=8, engine="plain", workers=1)
    trainer.save(folder.kept_file(0), weights_only=True)
    for steps, _ in enumerate(trainer.train_epoch(), start=1):
        if steps == 2:
            trainer.save(folder.kept_file(2), weights_only=True)
    trainer.finish_epoch(trainer.evaluate())
    trainer.save(folder.kept_file(3), weights_only=True)
    trainer.save(folder.checkpoint)
    return folder


def as_file(picture: numpy.ndarray | Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """The bytes of a file of the picture, (H, W, C) or (H, W) if it is an array."""
    if not isinstance(picture, Image.Image):
        grey = picture.ndim == 3 and picture.shape[2] == 1
        picture = Image.fromarray(picture.squeeze(2) if grey else picture)
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def damaged(value: Any, rng: numpy.random.Generator) -> Any:
    """A JSON value with something in it replaced, left out or added; it may still make sense."""
    if isinstance(value, dict) and value and rng.random() < 0.85:
        key = list(value)[rng.integers(len(value))]
        kept = {name: each for name, each in value.items() if name != key}
        return kept if rng.random() < 0.15 else kept | {key: damaged(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.7:
        place = rng.integers(len(value))
        return [*value[:place], damaged(value[place], rng), *value[place + 1 :]]
    likely = LIKELY.get(type(value), ODD) if rng.random() < 0.6 else ODD
    return likely[rng.integers(len(likely))]
