"""Reads networks from ONNX files, if they are a chain of layers that minialex has."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy

from minialex.errors import InputError, refusing
from minialex.io.foreign.assembly import Assembly
from minialex.io.foreign.preparation import GREY, TORCHVISION, ForeignNetwork, as_caffe
from minialex.io.metadata import FORMAT
from minialex.layers import AvgPool2d, Dropout, MaxPool2d, ReLU, Sigmoid, Tanh
from minialex.network import Network

#: What ONNX files are made by that come from Caffe's.
FROM_CAFFE = ("onnx-caffe2", "onnx-caffe")

#: Operators that change nothing in a trained net; a Cast to another type of floating-point numbers
#: is one, too. ONNX's numbers for these types.
NOTHING, FLOATS = ("Identity",), (1, 10, 11, 16)

#: Operators that only change the last numbers' scale.
LAST = ("Softmax", "LogSoftmax")


class OnnxFile:
    """An opened ONNX file.

    constants  the tensors in it, by name
    metadata   what its program says of it
    producer   the name of that program

    InputError if the file is damaged.
    """

    def __init__(self, path: Path):
        with refusing(path, "cannot be read as an ONNX file"):
            model = load(path)
            self.path, self.graph = path, model.graph
            # str(…), as protobuf returns bytes for a text that is no UTF-8
            self.metadata = {str(each.key): str(each.value) for each in model.metadata_props}
            self.producer = model.producer_name
            tensors = model.graph.initializer
            self.constants = {str(each.name): to_array(path, each) for each in tensors}

    def read(self) -> ForeignNetwork:
        """The network, and what is assumed of pictures, of which the file says nothing."""
        if self.producer in FROM_CAFFE:
            network = self.network(bgr=True)
            prepared, said = as_caffe(network.input_shape[0])
            return ForeignNetwork(network, prepared, assumed=said)
        network = self.network()
        if network.input_shape[-1] == 1:
            return ForeignNetwork(network, GREY, assumed="with pixel values in 0..1")
        said = "with ImageNet's mean and standard deviation"
        return ForeignNetwork(network, TORCHVISION, assumed=said)

    def own_metadata(self) -> str | None:
        """What minialex says in a file that it has exported, as JSON; None if another has made
        it."""
        if FORMAT not in self.metadata.get("format", ""):
            return None
        try:
            return json.dumps({name: json.loads(text) for name, text in self.metadata.items()})
        except (ValueError, RecursionError):
            return "damaged"

    def network(self, bgr: bool = False) -> Network:
        """The network in it, with its weights.

        bgr: whether its pictures are blue, green, red; the network returned takes red, green, blue.
        InputError if it is no chain of minialex's layers: the message names the first operator that
        does not fit.
        """
        with refusing(self.path, "describes no network that can be read"):
            walk = Walk(self.path, self.graph, dict(self.constants))
            for node in self.graph.node:
                walk.take(node)
            if walk.value != self.graph.output[0].name:
                output = self.graph.output[0].name
                raise InputError(f"{self.path} answers {output}, before its last operator")
            return walk.assembly.network(bgr)


def load(path: Path) -> Any:
    """The ONNX model in the file, with what it keeps in other files beside it."""
    try:
        import onnx
    except ImportError:
        install = "python -m pip install -e '.[onnx]'"
        raise InputError(f"{path} is an ONNX file, for which onnx is missing: {install}") from None
    from google.protobuf.message import DecodeError

    try:
        return onnx.load(path, format="protobuf")
    except (DecodeError, OSError, onnx.checker.ValidationError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path} cannot be read as an ONNX file: {reason}") from None


def to_array(path: Path, tensor: Any) -> numpy.ndarray:
    """A tensor of the file as an array."""
    from onnx import numpy_helper

    try:
        return numpy_helper.to_array(tensor)
    except (ValueError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} is damaged: {tensor.name} cannot be read: {reason}") from None


class Walk:
    """Walks along the operators of a graph, and adds a layer for each."""

    def __init__(self, path: Path, graph: Any, constants: dict[str, numpy.ndarray]):
        self.path, self.constants = path, constants
        inputs = [each for each in graph.input if each.name not in constants]
        sizes = [[axis.dim_value for axis in each.type.tensor_type.shape.dim] for each in inputs]
        if len(inputs) != 1 or len(sizes[0]) != 4 or min(sizes[0][1:]) < 1:
            raise InputError(
                f"{path} takes {sizes}, expected one input of pictures (N, C, H, W) of a fixed size"
            )
        self.value = inputs[0].name  #: what the next operator must be of
        self.assembly = Assembly(path, tuple(sizes[0][1:]))

    def take(self, node: Any) -> None:
        """Adds the layer for an operator."""
        import onnx

        name = node.name or node.output[0]
        about = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
        if node.op_type == "Constant":
            if "value" in about:
                self.constants[node.output[0]] = to_array(self.path, about["value"])
            return
        if not node.input or node.input[0] != self.value:
            self.assembly.refuse(name, f"({node.op_type}) does not follow the one before it")
        if node.op_type in ("Flatten", "Reshape"):
            self.flatten(name, node)
        elif node.op_type in LAYERS:
            LAYERS[node.op_type](self, name, about, [self.constant(n) for n in node.input[1:]])
        elif node.op_type in LAST:
            self.assembly.end(name)
        elif node.op_type not in NOTHING and about.get("to") not in FLOATS:
            self.assembly.refuse(name, f"({node.op_type}) is none of minialex's")
        self.value = node.output[0]

    def constant(self, name: str) -> numpy.ndarray | None:
        """The constant called so; None if it is left out."""
        if name and name not in self.constants:
            self.assembly.refuse(name, "is computed, expected numbers")
        return self.constants[name] if name else None

    def flatten(self, name: str, node: Any) -> None:
        """A Flatten, or a Reshape to (N, numbers)."""
        if node.op_type == "Reshape":
            shape = self.constant(node.input[1])
            if shape is None or len(shape) != 2:
                self.assembly.refuse(name, f"(Reshape) is to {shape}, expected (N, numbers)")
        if len(self.assembly.shape) == 3:
            self.assembly.flatten()

    def one(self, name: str, about: dict, key: str, default: int) -> int:
        """The attribute, which must be the same number on all axes."""
        numbers = set(about.get(key, [default]))
        if len(numbers) != 1:
            self.assembly.refuse(name, f"has {key} {list(about[key])}, expected one number")
        return numbers.pop()

    def stride(self, name: str, about: dict) -> int:
        """The stride of a convolution or pool, which must have no dilations."""
        if about.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
            self.assembly.refuse(name, f"has auto_pad {about['auto_pad'].decode()}")
        if self.one(name, about, "dilations", 1) != 1:
            self.assembly.refuse(name, "has dilations, which minialex has not")
        return self.one(name, about, "strides", 1)

    def conv(self, name: str, about: dict, constants: list) -> None:
        weight, bias = [*constants, None][:2]
        window = self.stride(name, about), self.one(name, about, "pads", 0)
        self.assembly.convolution(name, weight, bias, *window, about.get("group", 1))

    def pool(self, kind: type[MaxPool2d | AvgPool2d], name: str, about: dict) -> None:
        size, stride = self.one(name, about, "kernel_shape", 1), self.stride(name, about)
        top, left, bottom, right = about.get("pads", [0] * 4)
        if top != left:
            self.assembly.refuse(name, f"has pads {about['pads']}, expected the first two equal")
        shape = []
        for side, end in zip(self.assembly.shape, (bottom, right), strict=False):
            room = side + top + end - size
            begin = -(-room // stride) * stride if about.get("ceil_mode") else room
            shape.append((begin if begin < side + top else room) // stride + 1)
        self.assembly.pool(name, kind, size, stride, top, (shape[0], shape[1]))

    def lrn(self, name: str, about: dict) -> None:
        rates = (about.get("alpha", 1e-4), about.get("beta", 0.75), about.get("bias", 1.0))
        self.assembly.normalization(name, about["size"], *rates)

    def dropout(self, name: str, about: dict, constants: list) -> None:
        """Since version 12 its ratio is a constant."""
        ratio = constants[0] if constants and constants[0] is not None else about.get("ratio", 0.5)
        self.assembly.add(name, Dropout, float(ratio))

    def gemm(self, name: str, about: dict, constants: list) -> None:
        weight, bias = [*constants, None][:2]
        if about.get("alpha", 1.0) != 1 or about.get("beta", 1.0) != 1 or about.get("transA"):
            self.assembly.refuse(name, "is scaled or transposed")
        self.assembly.linear(name, weight if about.get("transB") else weight.T, bias)


#: How each operator becomes a layer: of the walk, the operator's name, attributes and constants.
LAYERS: dict[str, Callable[[Walk, str, dict, list], None]] = {
    "Conv": Walk.conv,
    "Gemm": Walk.gemm,
    "LRN": lambda walk, name, about, _: walk.lrn(name, about),
    "MaxPool": lambda walk, name, about, _: walk.pool(MaxPool2d, name, about),
    "AveragePool": lambda walk, name, about, _: walk.pool(AvgPool2d, name, about),
    "Dropout": Walk.dropout,
    "Relu": lambda walk, name, *_: walk.assembly.add(name, ReLU),
    "Tanh": lambda walk, name, *_: walk.assembly.add(name, Tanh),
    "Sigmoid": lambda walk, name, *_: walk.assembly.add(name, Sigmoid),
}
