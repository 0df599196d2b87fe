"""Exports a network as an ONNX file, the common format of inference programs.

Needs the package onnx. ONNX's maps are (N, C, H, W), with any N; torch_layout converts the weights.
Dropout is left out, since it does nothing at inference.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy

from minialex.data.augment import Standardize
from minialex.errors import InputError
from minialex.io import torch_layout
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
from minialex.network import Network

#: The versions of the operators and of the file format: old enough for today's runtimes, new enough
#: for the operators used here.
OPSET, VERSION = 13, 8


def window(layer: Conv2d | MaxPool2d | AvgPool2d, shape: tuple[int, ...]) -> dict:
    """ONNX's attributes for the window of a convolution or pooling over maps of this shape.

    `pads` has all four sides. Where a pool's last window reaches beyond the edge, there is more
    padding; ONNX's own ceil_mode counts windows that begin in the padding, too.
    """
    begin = [getattr(layer, "padding", 0)] * 2
    beyond = map(layer.beyond, shape[:2]) if isinstance(layer, CeilMaxPool2d) else (0, 0)
    end = [side + more for side, more in zip(begin, beyond, strict=True)]
    return dict(
        kernel_shape=[layer.kernel_size] * 2, strides=[layer.stride] * 2, pads=[*begin, *end]
    )


#: ONNX's operator and its attributes for each layer and its input's shape. ONNX's LRN divides α by
#: the window size; ours does not.
#: does not.
OPERATORS: dict[type[Layer], tuple[str, Callable[[Layer, tuple[int, ...]], dict]]] = {
    Conv2d: ("Conv", lambda layer, shape: dict(window(layer, shape), group=layer.groups)),
    MaxPool2d: ("MaxPool", window),
    CeilMaxPool2d: ("MaxPool", window),
    AvgPool2d: ("AveragePool", window),
    LocalResponseNorm: (
        "LRN",
        lambda layer, _: dict(
            size=layer.size,
            alpha=layer.alpha * layer.size,
            beta=float(layer.beta),
            bias=float(layer.k),
        ),
    ),
    ReLU: ("Relu", lambda *_: {}),
    Tanh: ("Tanh", lambda *_: {}),
    Sigmoid: ("Sigmoid", lambda *_: {}),
    Flatten: ("Flatten", lambda *_: dict(axis=1)),
    Linear: ("Gemm", lambda *_: dict(transB=1)),
}


class Graph:
    """Nodes of ONNX, one behind the other, and the constants that they use."""

    def __init__(self, value: str):
        self.value = value  #: what the last node gives
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, name: str, array: numpy.ndarray) -> str:
        """Adds a constant; returns its name."""
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def add(self, operator: str, name: str, *constants: str, **attributes: Any) -> None:
        """Adds a node of the last one's value and of constants; its value has its name."""
        from onnx import helper

        inputs = [self.value, *constants]
        self.nodes.append(helper.make_node(operator, inputs, [name], name, **attributes))
        self.value = name

    def standardize(self, standardize: Standardize) -> None:
        """Adds what turns uint8 pictures (N, H, W, C) into the network's input."""
        from onnx import TensorProto

        self.add("Cast", "pixels", to=TensorProto.FLOAT)
        self.add("Sub", "pixels.centred", self.constant("mean", standardize.whole_mean))
        self.add("Div", "pixels.standardized", self.constant("std", standardize.std))
        self.add("Transpose", "pixels.transposed", perm=[0, 3, 1, 2])

    def layer(self, name: str, layer: Layer, shape: tuple[int, ...], params: list[str]) -> None:
        """Adds a layer for an input of this `shape`, with its parameters' names."""
        if type(layer) not in OPERATORS:
            raise InputError(f"ONNX has no operator for {name}, a layer of your own: {layer}")
        operator, attributes = OPERATORS[type(layer)]
        if not (isinstance(layer, LocalResponseNorm) and layer.groups > 1):
            self.add(operator, name, *params, **attributes(layer, shape))
            return
        height, width, channels = shape  # each group becomes a picture of its own
        split = numpy.array([-1, channels // layer.groups, height, width])
        joined = numpy.array([-1, channels, height, width])
        self.add("Reshape", f"{name}.split", self.constant(f"{name}.split.shape", split))
        self.add(operator, f"{name}.y", **attributes(layer, shape))
        self.add("Reshape", name, self.constant(f"{name}.join.shape", joined))


def write(
    path: Path,
    network: Network,
    metadata: dict[str, str],
    about: str,
    standardize: Standardize | None = None,
) -> None:
    """Writes the network with its weights to a new file, with input "pictures" and output "logits".

    metadata: named strings for the file; about: its description. standardize: what is done to uint8
    pictures (N, H, W, C) first; without it, the input is float32 (N, C, H, W), and that has been
    done. InputError if onnx is not installed, or if a layer is not one of minialex's.
    """
    try:
        import onnx
    except ImportError:
        raise InputError(
            "ONNX export needs the package onnx: python -m pip install -e '.[onnx]'"
        ) from None
    from onnx import TensorProto, helper

    graph, shapes = Graph("pictures"), network.shapes()
    places = torch_layout.places(network)
    for name, tensor in torch_layout.to_torch(network).items():
        graph.constant(name, tensor)
    if standardize:
        graph.standardize(standardize)
    shape = network.input_shape
    for name, layer in network.layers.items():
        if not isinstance(layer, Dropout):
            params = [places[f"{name}.{key}"].name for key in layer.params]
            graph.layer(name, layer, shape, params)
        shape = shapes[name]
    graph.nodes[-1].output[0] = "logits"
    height, width, channels = network.input_shape
    (classes,) = shape
    taken = (
        ("pictures", TensorProto.UINT8, ["N", height, width, channels])
        if standardize
        else ("pictures", TensorProto.FLOAT, ["N", channels, height, width])
    )
    made = helper.make_graph(
        graph.nodes,
        "minialex",
        [helper.make_tensor_value_info(*taken)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", classes])],
        graph.constants,
    )
    opset = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(
        made, producer_name="minialex", doc_string=about, opset_imports=opset, ir_version=VERSION
    )
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString())
