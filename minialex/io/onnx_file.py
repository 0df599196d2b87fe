"""Exports a network as an ONNX file, the common format of inference programs.

Needs the package onnx. ONNX's pictures and maps are (N, C, H, W), with any N; torch_layout converts
the weights. Dropout is left out, since it does nothing at inference.
"""

from collections.abc import Callable
from pathlib import Path

import numpy

from minialex.errors import InputError
from minialex.io import torch_layout
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

#: The versions of the operators and of the file format: old enough for today's runtimes, new enough
#: for the operators used here.
OPSET, VERSION = 13, 8


def window(layer: Conv2d | MaxPool2d | AvgPool2d) -> dict:
    """ONNX's attributes for the window of a convolution or pooling; `pads` has all four sides."""
    padding = getattr(layer, "padding", 0)
    return dict(
        kernel_shape=[layer.kernel_size] * 2, strides=[layer.stride] * 2, pads=[padding] * 4
    )


#: ONNX's operator and its attributes for each layer. ONNX's LRN divides α by the window size; ours
#: does not.
OPERATORS: dict[type[Layer], tuple[str, Callable[[Layer], dict]]] = {
    Conv2d: ("Conv", lambda layer: dict(window(layer), group=layer.groups)),
    MaxPool2d: (
        "MaxPool",
        lambda layer: dict(window(layer), ceil_mode=int(layer.ceil_mode)),
    ),
    AvgPool2d: ("AveragePool", window),
    LocalResponseNorm: (
        "LRN",
        lambda layer: dict(
            size=layer.size,
            alpha=layer.alpha * layer.size,
            beta=float(layer.beta),
            bias=float(layer.k),
        ),
    ),
    ReLU: ("Relu", lambda layer: {}),
    Tanh: ("Tanh", lambda layer: {}),
    Sigmoid: ("Sigmoid", lambda layer: {}),
    Flatten: ("Flatten", lambda layer: dict(axis=1)),
    Linear: ("Gemm", lambda layer: dict(transB=1)),
}


def write(path: Path, network: Network, metadata: dict[str, str], about: str) -> None:
    """Writes the network with its weights to a new file, with input "pictures" and output "logits".

    metadata: named strings for the file; about: its description. InputError if onnx is not
    installed, or if a layer is not one of minialex's.
    """
    try:
        import onnx
    except ImportError:
        raise InputError(
            "ONNX export needs the package onnx: python -m pip install -e '.[onnx]'"
        ) from None
    from onnx import TensorProto, helper, numpy_helper

    places, nodes, value = torch_layout.places(network), [], "pictures"
    shapes, constants = network.shapes(), []

    def reshape(name: str, output: str, *shape: int) -> None:
        """Adds a node that gives `value` this shape."""
        constants.append(numpy_helper.from_array(numpy.array(shape), f"{name}.shape"))
        nodes.append(helper.make_node("Reshape", [value, f"{name}.shape"], [output], name))

    for name, layer in network.layers.items():
        if isinstance(layer, Dropout):
            continue
        if type(layer) not in OPERATORS:
            raise InputError(f"ONNX has no operator for {name}, a layer of your own: {layer}")
        operator, attributes = OPERATORS[type(layer)]
        params = [places[f"{name}.{key}"].name for key in layer.params]
        in_groups = isinstance(layer, LocalResponseNorm) and layer.groups > 1
        if in_groups:  # each group becomes a picture of its own
            height, width, channels = shapes[name]
            reshape(f"{name}.split", f"{name}.x", -1, channels // layer.groups, height, width)
            value = f"{name}.x"
        result = f"{name}.y" if in_groups else name
        nodes.append(
            helper.make_node(operator, [value, *params], [result], name, **attributes(layer))
        )
        value = result
        if in_groups:
            reshape(f"{name}.join", name, -1, channels, height, width)
            value = name
    nodes[-1].output[0] = "logits"
    height, width, channels = network.input_shape
    (classes,) = list(shapes.values())[-1]
    graph = helper.make_graph(
        nodes,
        "minialex",
        [
            helper.make_tensor_value_info(
                "pictures", TensorProto.FLOAT, ["N", channels, height, width]
            )
        ],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", classes])],
        [
            numpy_helper.from_array(tensor, name)
            for name, tensor in torch_layout.to_torch(network).items()
        ]
        + constants,
    )
    opset = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(
        graph, producer_name="minialex", doc_string=about, opset_imports=opset, ir_version=VERSION
    )
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString())
