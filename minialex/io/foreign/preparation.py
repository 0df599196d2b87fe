"""What networks of other programs do with pictures, as it becomes part of a loaded network."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy

from minialex.errors import InputError
from minialex.io.description import describe
from minialex.io.identify import MEAN, RESIZE, STD, class_names
from minialex.network import Network

#: Caffe's mean of ImageNet's training pictures: red, green, blue, from 0 to 255.
CAFFE_MEAN = (122.67891434, 116.66876762, 104.00698793)


class Preparation(NamedTuple):
    """What pixels of 0 to 255 go through.

    mean    what is subtracted: a number for each channel (red, green, blue), or a picture (S, S, C)
    std     what the rest is divided by, a number for each channel
    resize  the length of the shorter side before the crop, or the height and width; None: 256 for
            pictures of a photograph's size, as usual, for others none is cropped
    """

    mean: Any
    std: Sequence[float]
    resize: int | Sequence[int] | None = None


#: As torchvision does, and as it does not, for grey pictures.
TORCHVISION = Preparation([255 * m for m in MEAN], [255 * s for s in STD])
GREY = Preparation((0,), (255,))


def as_caffe(side: int) -> tuple[Preparation, str]:
    """How Caffe prepared ImageNet's pictures for crops of this side, and that in words: each was
    warped to a square (caffe/examples/imagenet)."""
    size = RESIZE if 200 <= side <= RESIZE else side
    words = f"pictures warped to {size}×{size}, blue, green, red, minus ImageNet's mean"
    return Preparation(CAFFE_MEAN, (1, 1, 1), (size, size)), words


class ForeignNetwork(NamedTuple):
    """A network from another program's file.

    network   with its weights
    prepared  what pictures go through before it
    classes   their names, or None if the file does not say them
    assumed   what the file does not say of pictures and is assumed, in a few words, or None
    """

    network: Network
    prepared: Preparation
    classes: list[str] | None = None
    assumed: str | None = None

    def progress(self, path: Path) -> dict[str, Any]:
        """The `progress` that a checkpoint would have, as far as it is known. InputError, which
        names the file `path`, for pictures that minialex does not have."""
        height, width, channels = self.network.input_shape
        (count,) = list(self.network.shapes().values())[-1]
        if height != width or channels not in (1, 3):
            shape = f"{height}×{width} with {channels} channels"
            expected = "expected squares, grey or in colour"
            raise InputError(f"{path} takes pictures of {shape}, {expected}")
        usual = RESIZE if 200 <= height <= RESIZE else height
        resize = self.prepared.resize or usual
        return {
            "options": {"model": None, "lrn": None, "batch_size": 64},
            "network": describe(self.network),
            "source": None,
            "classes": self.classes or class_names(count),
            "pictures": [height, height, channels],
            "mean": numpy.asarray(self.prepared.mean).tolist(),
            "std": list(self.prepared.std),
            "resize": resize if isinstance(resize, int) else list(resize),
            "exif": False,
            "epochs": None,
            "steps": None,
        }
