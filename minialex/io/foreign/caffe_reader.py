"""Reads networks from Caffe's .caffemodel files, by the library protobuf.

Such a file has the layers with their weights, and how training prepared pictures; the mean picture
is in a .binaryproto file of its own. Caffe's pictures are blue, green, red.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy

from minialex.errors import InputError, refusing
from minialex.io.foreign.assembly import Assembly
from minialex.io.foreign.caffe_messages import message_class
from minialex.io.foreign.preparation import ForeignNetwork, Preparation, as_caffe
from minialex.layers import AvgPool2d, Dropout, MaxPool2d, ReLU, Sigmoid, Tanh

#: The types of layers of 2014, as they have been called since.
OLD_TYPES = {
    **{1: "Accuracy", 4: "Convolution", 5: "Data", 6: "Dropout", 8: "Flatten", 9: "HDF5Data"},
    **{12: "ImageData", 14: "InnerProduct", 15: "LRN", 17: "Pooling", 18: "ReLU", 19: "Sigmoid"},
    **{20: "Softmax", 21: "SoftmaxWithLoss", 22: "Split", 23: "TanH", 24: "WindowData"},
    **{29: "MemoryData", 32: "DummyData", 36: "Silence"},
}

#: Layers that give pictures, and those that do not change what a trained net answers.
SOURCES = {"Data", "HDF5Data", "ImageData", "Input", "WindowData", "MemoryData", "DummyData"}
NOTHING = {"Accuracy", "SoftmaxWithLoss", "Silence"}

#: The pools' methods.
POOLS = {0: MaxPool2d, 1: AvgPool2d}

#: What rules of layers call testing, and pools that their windows stay within the edge.
TEST, FLOOR = 1, 1


def read(path: Path) -> ForeignNetwork:
    """The network in a .caffemodel file, for pictures in red, green, blue.

    InputError if the file is damaged or its network is no chain of minialex's layers.
    """
    with refusing(path, "describes no network that can be read"):
        net = parse("Net", path, "a .caffemodel")
        layers = [*net.old_layers, *net.layers]
        source = next((layer for layer in layers if type_of(layer) in SOURCES), None)
        walk = Walk(path, input_shape(path, net, source, layers))
        for layer in layers:
            walk.take(layer)
        network = walk.assembly.network(bgr=True)
        side, _, channels = network.input_shape
        prepared, assumed = preparation(path, source and source.transform, side, channels)
        return ForeignNetwork(network, prepared, assumed=assumed)


def parse(name: str, path: Path, what: str) -> Any:
    """The message called `name` that the file holds."""
    try:
        from google.protobuf.message import DecodeError

        message = message_class(name)()
    except ImportError:
        install = "python -m pip install -e '.[formats]'"
        raise InputError(f"{path} is Caffe's, for which protobuf is missing: {install}") from None
    try:
        message.ParseFromString(path.read_bytes())
    except DecodeError:
        raise InputError(f"{path} is damaged: it cannot be read as {what}") from None
    return message


def type_of(layer: Any) -> str:
    """The layer's type as it is called today."""
    return layer.type if isinstance(layer.type, str) else OLD_TYPES.get(layer.type, str(layer.type))


def input_shape(path: Path, net: Any, source: Any, layers: list) -> tuple[int, int, int]:
    """(C, H, W) of the pictures: as the net or its source of data says, or as training crops
    them."""
    shapes = [*net.input_shape, *(source.input.shape if hasattr(source, "input") else [])]
    dimensions = list(shapes[0].dim if shapes else net.input_dim[:4])
    side = source.transform.crop_size if source else 0
    if len(dimensions) == 4 and min(dimensions[1:]) > 0:
        return (dimensions[1], dimensions[2], dimensions[3])
    first = next(
        (layer for layer in layers if type_of(layer) == "Convolution" and layer.blobs), None
    )
    if not side or first is None:
        raise InputError(f"{path} does not say how large its pictures are")
    return (array(path, first, 0).shape[1] * first.convolution.group, side, side)


def preparation(
    path: Path, transform: Any, side: int, channels: int
) -> tuple[Preparation, str | None]:
    """What pictures go through, and what is assumed of it.

    The mean is what training subtracted: values in the .caffemodel, or a picture in the only
    .binaryproto file beside it, or else ImageNet's.
    """
    scale = transform.scale if transform else 1
    std = [1 / scale if scale else 1] * channels
    values = list(transform.mean_value) if transform else []
    beside = sorted(each for each in path.parent.glob("*.binaryproto") if each.is_file())
    usual, words = as_caffe(side)
    if len(values) in (1, channels):
        mean = (values * channels)[:channels][::-1]
        return usual._replace(mean=mean, std=std), words.removesuffix(", minus ImageNet's mean")
    if len(beside) == 1:
        mean, (height, width) = mean_picture(beside[0], side, channels)
        said = f"pictures warped to {height}×{width}, blue, green, red, minus {beside[0].name}"
        return Preparation(mean, std, (height, width)), said
    if channels == 1:
        return Preparation([0], std, side), "grey, minus no mean"
    return usual._replace(std=std), words


def mean_picture(path: Path, side: int, channels: int) -> tuple[numpy.ndarray, tuple[int, int]]:
    """The centre (S, S, C) of a mean picture, in red, green, blue, and its whole size (H, W)."""
    picture = numbers(path, parse("Blob", path, "a .binaryproto"), "the picture")
    if picture.ndim < 3 or picture.size != numpy.prod(picture.shape[-3:]):
        raise InputError(f"{path} is no mean picture: it has the shape {picture.shape}")
    picture = picture.reshape(picture.shape[-3:])
    height, width = picture.shape[1:]
    if len(picture) != channels or min(height, width) < side:
        expected = f"expected {channels} channels and at least {side}×{side} pixels"
        raise InputError(f"{path} is a mean picture of shape {picture.shape}, {expected}")
    top, left = (height - side) // 2, (width - side) // 2
    centre = picture[::-1, top : top + side, left : left + side]
    return centre.transpose(1, 2, 0), (height, width)


def array(path: Path, layer: Any, i: int) -> numpy.ndarray:
    """The layer's weight (i = 0) or bias (i = 1)."""
    if len(layer.blobs) <= i:
        raise InputError(f"{path}: its layer {layer.name} has no weights")
    return numbers(path, layer.blobs[i], f"layer {layer.name}")


def numbers(path: Path, blob: Any, where: str) -> numpy.ndarray:
    """The numbers of a blob, in its shape."""
    shape = list(blob.shape.dim) or [blob.num, blob.channels, blob.height, blob.width]
    if blob.doubles:
        content, kind = blob.doubles, numpy.dtype("<f8")
    else:
        content, kind = blob.floats, numpy.dtype("<f4")
    count = len(content) // kind.itemsize
    if min(shape) < 1 or numpy.prod(shape, dtype=object) != count:
        raise InputError(f"{path} is damaged: {where} has {count:,} numbers for the shape {shape}")
    return numpy.frombuffer(content, kind, count).reshape(shape)


class Walk:
    """Walks along the layers of a net, and adds one to the assembly for each."""

    def __init__(self, path: Path, shape: tuple[int, int, int]):
        self.path, self.assembly = path, Assembly(path, shape)
        self.values: set[str] = set()  #: what the next layer may be of

    def take(self, layer: Any) -> None:
        """Adds the layer, unless it only gives pictures or loss, or is for training alone."""
        kind = type_of(layer)
        if kind in SOURCES:
            if not (layer.include and layer.include[0].phase == TEST and self.values):
                self.values = set(layer.top[:1])
            return
        if kind in NOTHING:
            return
        if self.values and not (layer.bottom and layer.bottom[0] in self.values):
            self.assembly.refuse(layer.name, f"({kind}) does not follow the one before it")
        if kind == "Softmax":
            self.assembly.end(layer.name)
        elif kind != "Split":
            if kind not in LAYERS or len(layer.bottom) > 1:
                self.assembly.refuse(layer.name, f"({kind}) is none of minialex's")
            LAYERS[kind](self, layer)
        self.values = set(layer.top)

    def one(self, layer: Any, about: Any, name: str, default: int) -> int:
        """The number that must be the same for both axes: `name`, or `name`_h and `name`_w."""
        short = name.removesuffix("_size")
        by_axis = [f"{short}_{axis}" for axis in "hw"]
        known = [each for each in by_axis if each in about.DESCRIPTOR.fields_by_name]
        if any(map(about.HasField, known)):
            given = {getattr(about, each) for each in known}
        else:
            given = set(getattr(about, name)) or {default}
        if len(given) != 1:
            self.assembly.refuse(layer.name, f"has {short} {sorted(given)}, expected one number")
        return int(given.pop())

    def weights(self, layer: Any) -> tuple[numpy.ndarray, numpy.ndarray | None]:
        """The weight and the bias."""
        bias = array(self.path, layer, 1) if len(layer.blobs) > 1 else None
        return array(self.path, layer, 0), bias

    def convolution(self, layer: Any) -> None:
        about, name = layer.convolution, layer.name
        if set(about.dilation) - {1}:
            self.assembly.refuse(name, "has dilations, which minialex has not")
        window = self.one(layer, about, "stride", 1), self.one(layer, about, "pad", 0)
        self.assembly.convolution(name, *self.weights(layer), *window, int(about.group))

    def linear(self, layer: Any) -> None:
        weight, bias = self.weights(layer)
        weight = weight.reshape(-1, weight.shape[-1])
        self.assembly.linear(layer.name, weight.T if layer.linear.transpose else weight, bias)

    def pool(self, layer: Any) -> None:
        about, name = layer.pooling, layer.name
        if about.pool not in POOLS or len(self.assembly.shape) != 3:
            self.assembly.refuse(name, "pools in a way that minialex does not")
        size = self.one(layer, about, "kernel_size", 0)
        if about.global_pooling:
            size = self.assembly.shape[0]
        stride, padding = self.one(layer, about, "stride", 1), self.one(layer, about, "pad", 0)
        if min(size, stride) < 1:
            self.assembly.refuse(name, "pools in windows of 0 pixels")
        shape = []
        for side in self.assembly.shape[:2]:
            room = side + 2 * padding - size
            count = (room // stride if about.round_mode == FLOOR else -(-room // stride)) + 1
            shape.append(count - (padding > 0 and (count - 1) * stride >= side + padding))
        self.assembly.pool(name, POOLS[about.pool], size, stride, padding, (shape[0], shape[1]))

    def normalization(self, layer: Any) -> None:
        about = layer.normalization
        if about.norm_region:
            self.assembly.refuse(layer.name, "normalises within each channel")
        rates = (about.alpha, about.beta, about.k)
        self.assembly.normalization(layer.name, int(about.local_size), *rates)

    def dropout(self, layer: Any) -> None:
        if not layer.dropout.scale_train:
            self.assembly.refuse(layer.name, "scales in tests, not in training")
        self.assembly.add(layer.name, Dropout, layer.dropout.dropout_ratio)

    def relu(self, layer: Any) -> None:
        if layer.relu.negative_slope:
            self.assembly.refuse(layer.name, "has a slope below 0")
        self.assembly.add(layer.name, ReLU)


#: How each type becomes a layer.
LAYERS: dict[str, Callable[[Walk, Any], None]] = {
    "Convolution": Walk.convolution,
    "InnerProduct": Walk.linear,
    "Pooling": Walk.pool,
    "LRN": Walk.normalization,
    "Dropout": Walk.dropout,
    "ReLU": Walk.relu,
    "TanH": lambda walk, layer: walk.assembly.add(layer.name, Tanh),
    "Sigmoid": lambda walk, layer: walk.assembly.add(layer.name, Sigmoid),
    "Flatten": lambda walk, layer: walk.assembly.flatten(),
}
