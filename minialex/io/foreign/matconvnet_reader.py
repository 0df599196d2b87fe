"""Reads networks from MatConvNet's .mat files (its format SimpleNN).

Kernels are (H, W, C, O) there, pictures red, green, blue from 0 to 255 minus an average picture or
colour. Linear layers are convolutions over the whole map.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy

from minialex.data import imagenet_classes
from minialex.errors import InputError, refusing
from minialex.io import mat_file
from minialex.io.foreign.assembly import Assembly
from minialex.io.foreign.preparation import CAFFE_MEAN, ForeignNetwork, Preparation
from minialex.layers import AvgPool2d, Dropout, MaxPool2d, ReLU, Sigmoid

#: Layers that only change the last numbers' scale.
LAST = {"softmax", "softmaxloss"}

POOLS = {"max": MaxPool2d, "avg": AvgPool2d}


def read(path: Path) -> ForeignNetwork:
    """The network in a .mat file.

    InputError if the file is damaged, holds something else, or its network is no chain of
    minialex's layers.
    """
    with refusing(path, "is no network of MatConvNet's"):
        return network_in(path, mat_file.read(path))


def network_in(path: Path, variables: dict[str, Any]) -> ForeignNetwork:
    """The network that these variables describe."""
    if "params" in variables:
        raise InputError(f"{path} is in MatConvNet's format DagNN, expected SimpleNN (layers)")
    if "layers" not in variables:
        raise InputError(f"{path} has no layers of MatConvNet's")
    meta = only(variables["meta"]) if "meta" in variables else None
    about = only(getattr(meta, "normalization", variables.get("normalization")))
    height, width, channels = map(int, about.imageSize.ravel()[:3])
    walk = Walk(Assembly(path, (channels, height, width)))
    for layer in variables["layers"].ravel():
        walk.take(only(layer))
    network = walk.assembly.network()
    (count,) = list(network.shapes().values())[-1]
    classes = class_names(getattr(meta, "classes", variables.get("classes")), count)
    mean = numpy.asarray(getattr(about, "averageImage", ()), float)
    assumed = None
    if mean.size == channels:
        mean = mean.ravel()
    elif mean.shape != (height, width, channels):
        mean, assumed = numpy.array(CAFFE_MEAN[:channels]), "with ImageNet's mean subtracted"
    prepared = Preparation(mean, [1] * channels, resize(about, height))
    return ForeignNetwork(network, prepared, classes, assumed)


def only(value: Any) -> Any:
    """What is in an array of a single thing."""
    while isinstance(value, numpy.ndarray) and value.dtype == object and value.size == 1:
        value = value.ravel()[0]
    return value


def text(value: Any) -> str:
    """MATLAB's text."""
    value = only(value)
    return str(value.ravel()[0]) if isinstance(value, numpy.ndarray) and value.size else str(value)


def resize(about: Any, side: int) -> int | tuple[int, int] | None:
    """The size before the crop: the crop's and a border."""
    border = numpy.asarray(getattr(about, "border", ())).ravel()
    if not border.size:
        return None
    height, width = side + int(border[0]), side + int(border[-1])
    keeps = getattr(about, "keepAspect", None)
    return height if keeps is None or bool(numpy.ravel(keeps)[0]) else (height, width)


def class_names(classes: Any, count: int) -> list[str] | None:
    """The classes' names, if there are `count`: ImageNet's for its WordNet ids."""
    described, named = (getattr(only(classes), each, None) for each in ("description", "name"))
    ids = [text(each) for each in numpy.ravel(named)] if named is not None else []
    if ids == [wordnet_id for wordnet_id, _ in imagenet_classes.read()]:
        return imagenet_classes.names()
    names = [text(each) for each in numpy.ravel(described)] if described is not None else ids
    return names if len(names) == count else None


class Walk:
    """Walks along the layers of a net, and adds one to the assembly for each."""

    def __init__(self, assembly: Assembly):
        self.assembly = assembly

    def take(self, layer: Any) -> None:
        """Adds the layer, unless it is a softmax."""
        kind, name = text(layer.type), text(getattr(layer, "name", "without a name"))
        if kind in LAYERS:
            LAYERS[kind](self, name, layer)
        elif kind in LAST:
            self.assembly.end(name)
        else:
            self.assembly.refuse(name, f"({kind}) is none of minialex's")

    def one(self, name: str, layer: Any, key: str, default: int) -> int:
        """The number that must be the same for all sides."""
        given = {int(number) for number in numpy.ravel(getattr(layer, key, default))}
        if len(given) != 1:
            self.assembly.refuse(name, f"has {key} {sorted(given)}, expected one number")
        return given.pop()

    def convolution(self, name: str, layer: Any) -> None:
        if hasattr(layer, "weights"):
            filters, biases = layer.weights.ravel()[:2]
        else:  # until 2015
            filters, biases = layer.filters, layer.biases
        filters = filters.reshape(filters.shape + (1,) * (4 - filters.ndim))
        if self.one(name, layer, "dilate", 1) != 1:
            self.assembly.refuse(name, "has dilations, which minialex has not")
        channels = self.assembly.shape[-1]
        if not filters.size or channels % filters.shape[2]:
            wrong = f"for {filters.shape[2]} channels, not {channels}"
            self.assembly.refuse(name, f"has kernels {wrong}")
        window = self.one(name, layer, "stride", 1), self.one(name, layer, "pad", 0)
        groups = channels // filters.shape[2]
        weight = filters.transpose(3, 2, 0, 1)
        self.assembly.convolution(
            name, weight, biases.ravel() if biases.size else None, *window, groups
        )

    def pool(self, name: str, layer: Any) -> None:
        method = text(layer.method)
        size, stride = self.one(name, layer, "pool", 0), self.one(name, layer, "stride", 1)
        top, bottom, left, right = numpy.broadcast_to(numpy.ravel(layer.pad), 4).astype(int)
        if method not in POOLS or top != left or len(self.assembly.shape) != 3:
            self.assembly.refuse(name, "pools in a way that minialex does not")
        if min(size, stride) < 1:
            self.assembly.refuse(name, "pools in windows of 0 pixels")
        height, width = self.assembly.shape[:2]
        sizes = (height + top + bottom, width + left + right)
        shape = tuple((side - size) // stride + 1 for side in sizes)
        self.assembly.pool(name, POOLS[method], size, stride, int(top), shape)

    def normalization(self, name: str, layer: Any) -> None:
        """Its α is not divided by the number of channels."""
        size, k, alpha, beta = map(float, layer.param.ravel())
        self.assembly.normalization(name, int(size), alpha * size, beta, k)

    def dropout(self, name: str, layer: Any) -> None:
        self.assembly.add(name, Dropout, float(numpy.ravel(layer.rate)[0]))

    def relu(self, name: str, layer: Any) -> None:
        if numpy.any(getattr(layer, "leak", 0)):
            self.assembly.refuse(name, "has a slope below 0")
        self.assembly.add(name, ReLU)


#: How each type becomes a layer.
LAYERS: dict[str, Callable[[Walk, str, Any], None]] = {
    "conv": Walk.convolution,
    "pool": Walk.pool,
    "normalize": Walk.normalization,
    "lrn": Walk.normalization,
    "dropout": Walk.dropout,
    "relu": Walk.relu,
    "sigmoid": lambda walk, name, _: walk.assembly.add(name, Sigmoid),
}
