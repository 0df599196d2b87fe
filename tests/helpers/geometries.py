"""The one list of layers and input shapes over which plain layers are tested against loops, and
fast ones against plain ones."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy

from minialex.layers import (
    AvgPool2d,
    CeilMaxPool2d,
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

#: (height, width), the options of Conv2d; 4 input and 6 output channels.
CONVS = {
    "plain": ((5, 4), dict(kernel_size=3)),
    "stride 2, which leaves the last column over": ((7, 6), dict(kernel_size=3, stride=2)),
    "stride 4 of a kernel of 5, which leaves a row over": ((10, 9), dict(kernel_size=5, stride=4)),
    "stride larger than the kernel": ((8, 7), dict(kernel_size=2, stride=3)),
    "padding": ((4, 3), dict(kernel_size=3, padding=1)),
    "padding and stride": ((6, 5), dict(kernel_size=5, stride=2, padding=2)),
    "padding of more than half a kernel": ((3, 4), dict(kernel_size=2, padding=2)),
    "kernel as large as the picture": ((4, 4), dict(kernel_size=4)),
    "kernel as large as the padded picture": ((3, 5), dict(kernel_size=7, padding=2)),
    "kernel of one pixel": ((3, 4), dict(kernel_size=1)),
    "two groups": ((5, 4), dict(kernel_size=3, groups=2)),
    "two groups, padding and stride": (
        (6, 5),
        dict(kernel_size=3, stride=2, padding=1, groups=2),
    ),
    "several tiles": ((9, 7), dict(kernel_size=3)),
    "several tiles, kernel 5": ((9, 7), dict(kernel_size=5)),
    "several tiles, padding": ((7, 5), dict(kernel_size=3, padding=1)),
    "several tiles, kernel 5, padding": ((7, 5), dict(kernel_size=5, padding=2)),
    "padding as large as the kernel": ((4, 5), dict(kernel_size=3, padding=3)),
    "whole tiles of padding": ((4, 5), dict(kernel_size=3, padding=9)),
    "several tiles, two groups": ((8, 7), dict(kernel_size=3, padding=1, groups=2)),
    "kernel 5, two groups": ((6, 5), dict(kernel_size=5, padding=2, groups=2)),
    "a tile larger than the picture": ((1, 2), dict(kernel_size=3, padding=1)),
    "kernel 5 as large as the picture": ((5, 5), dict(kernel_size=5)),
    "stride 4, three blocks, the last in part": ((19, 24), dict(kernel_size=11, stride=4)),
    "stride 4, padding, pixels left over behind the last block": (
        (16, 24),
        dict(kernel_size=11, stride=4, padding=1),
    ),
    "stride 2, padding, pixels left over": ((10, 12), dict(kernel_size=5, stride=2, padding=1)),
    "stride 3, five blocks, more padding than the kernel reaches": (
        (13, 14),
        dict(kernel_size=13, stride=3, padding=4),
    ),
    "stride 2, blocks in two groups": (
        (9, 8),
        dict(kernel_size=6, stride=2, padding=2, groups=2),
    ),
}

#: (height, width), kernel size, stride, padding; 3 channels.
POOLS = {
    "side by side": ((6, 4), 2, 2, 0),
    "overlapping, as in the paper": ((7, 5), 3, 2, 0),
    "a column left over": ((7, 6), 3, 2, 0),
    "stride larger than the kernel": ((8, 7), 2, 3, 0),
    "every pixel": ((5, 4), 3, 1, 0),
    "the whole picture": ((4, 4), 4, 1, 0),
    "overlapping and padded": ((6, 7), 3, 2, 1),
    "padded by half the kernel": ((5, 4), 4, 3, 2),
    "a window of one pixel": ((3, 4), 1, 1, 0),
}

#: The channels, the options of LocalResponseNorm.
LRNS = {
    "as in the paper": (7, {}),
    "a large alpha": (8, dict(alpha=1.0)),
    "any power": (6, dict(size=3, alpha=0.5, beta=0.6, k=1.0)),
    "window as wide as the channels": (5, dict(size=5, alpha=1.0)),
    "window wider than the channels": (3, dict(size=17, alpha=1.0)),
    "a window of one channel": (4, dict(size=1, alpha=1.0)),
    "a single channel": (1, dict(size=3, alpha=1.0)),
    "two groups": (8, dict(alpha=1.0, groups=2)),
    "three groups, wide windows": (6, dict(size=7, alpha=1.0, groups=3)),
}


@dataclass(frozen=True)
class Geometry:
    """A layer, built from a generator, and the shape of one input."""

    build: Callable[[numpy.random.Generator], Layer]
    shape: tuple[int, ...]


def conv(rng: numpy.random.Generator, **options) -> Conv2d:
    """4 input and 6 output channels; no two filters have the same bias."""
    layer = Conv2d(4, 6, rng=rng, **options)
    layer.params["bias"] += numpy.arange(0.5, 6, dtype=numpy.float32)
    return layer


def geometries() -> dict[str, Geometry]:
    """All of them, by name."""
    found = {}
    for name, (sides, options) in CONVS.items():
        found[f"conv, {name}"] = Geometry(lambda rng, o=options: conv(rng, **o), (*sides, 4))
    for name, (sides, *window) in POOLS.items():
        found[f"max-pool, {name}"] = Geometry(lambda _, w=window: MaxPool2d(*w), (*sides, 3))
        found[f"ceil-pool, {name}"] = Geometry(lambda _, w=window: CeilMaxPool2d(*w), (*sides, 3))
        if window[2] == 0:
            found[f"mean-pool, {name}"] = Geometry(
                lambda _, w=window[:2]: AvgPool2d(*w), (*sides, 3)
            )
    for name, (channels, options) in LRNS.items():
        found[f"LRN, {name}"] = Geometry(
            lambda _, o=options: LocalResponseNorm(**o), (3, 2, channels)
        )
    return found | {
        "ReLU": Geometry(lambda rng: ReLU(), (4, 3, 5)),
        "ReLU of features": Geometry(lambda rng: ReLU(), (7,)),
        "tanh": Geometry(lambda rng: Tanh(), (4, 3, 5)),
        "sigmoid": Geometry(lambda rng: Sigmoid(), (4, 3, 5)),
        "dropout": Geometry(lambda rng: Dropout(0.3, rng.spawn(1)[0]), (4, 3, 5)),
        "flatten": Geometry(lambda rng: Flatten(), (4, 3, 5)),
        "linear": Geometry(lambda rng: Linear(7, 5, rng=rng), (7,)),
        "linear, wide": Geometry(lambda rng: Linear(3, 9, rng=rng), (3,)),
    }


GEOMETRIES = geometries()
