"""A network that another program has saved, put together from minialex's layers."""

import contextlib
import math
from pathlib import Path
from typing import Any, NoReturn

import numpy

from minialex import layers
from minialex.errors import InputError
from minialex.io import torch_layout
from minialex.io.identify import ZeroGenerator
from minialex.io.weight_numbers import wrong_numbers
from minialex.layers import Layer
from minialex.network import Network

#: The most channels that are believed to be normalised together.
LARGEST = 999

#: How minialex calls its layers, with a number behind; a convolution's or linear layer's number is
#: that of the others, too, up to the next one.
SHORT = {
    layers.Conv2d: "conv",
    layers.Linear: "fc",
    layers.ReLU: "relu",
    layers.Tanh: "tanh",
    layers.Sigmoid: "sigmoid",
    layers.LocalResponseNorm: "norm",
    layers.MaxPool2d: "pool",
    layers.CeilMaxPool2d: "pool",
    layers.AvgPool2d: "pool",
    layers.Dropout: "dropout",
}


class Assembly:
    """Layers, added one behind the other; weights are in torch's layout.

    path: the file that they come from. input_shape: (C, H, W). InputError, which names the file and
    the layer, for one that minialex does not have or whose weights do not fit.
    """

    def __init__(self, path: Path, input_shape: tuple[int, int, int]):
        self.path = path
        channels, height, width = input_shape
        self.input_shape = self.shape = (height, width, channels)
        self.layers: list[tuple[str, Layer]] = []
        self.weights: list[numpy.ndarray] = []
        self.number = 0
        self.ended: str | None = None  #: what the softmax is called, once there was one

    def refuse(self, name: str, reason: str) -> NoReturn:
        raise InputError(f"{self.path}: its layer {name} {reason}")

    def convolution(
        self,
        name: str,
        weight: numpy.ndarray,
        bias: numpy.ndarray | None,
        stride: int = 1,
        padding: int = 0,
        groups: int = 1,
    ) -> None:
        """weight (O, C / groups, K, K), bias (O,). One that covers its input is a linear layer."""
        if weight.ndim != 4 or weight.shape[2] != weight.shape[3]:
            self.refuse(name, f"has kernels of shape {weight.shape}, expected (O, C, K, K)")
        maps = self.shape if len(self.shape) == 3 else (1, 1, *self.shape)
        covers = (*weight.shape[2:], weight.shape[1]) == maps
        if covers and padding == 0 and groups == 1:
            return self.linear(name, weight.reshape(len(weight), -1), bias)
        sizes = (weight.shape[1] * groups, *weight.shape[:3:2])
        self.with_weights(name, layers.Conv2d, weight, bias, *sizes, stride, padding, groups)

    def linear(self, name: str, weight: numpy.ndarray, bias: numpy.ndarray | None) -> None:
        """weight (out, in), bias (out,). Maps are flattened before it."""
        if len(self.shape) == 3:
            self.flatten()
        if weight.ndim != 2:
            self.refuse(name, f"has weights of shape {weight.shape}, expected (out, in)")
        self.with_weights(name, layers.Linear, weight, bias, *weight.shape[::-1])

    def with_weights(
        self,
        name: str,
        kind: type[Layer],
        weight: numpy.ndarray,
        bias: numpy.ndarray | None,
        *arguments: int,
    ) -> None:
        out = len(weight)
        bias = numpy.zeros(out, numpy.float32) if bias is None else bias.reshape(-1)
        if len(bias) != out:
            self.refuse(name, f"has {len(bias)} biases, expected {out}")
        for wrong in filter(None, map(wrong_numbers, (weight, bias))):
            self.refuse(name, f"holds {wrong}")
        self.number += 1
        self.weights += [weight, bias]
        self.add(name, kind, *arguments, rng=ZeroGenerator())

    def pool(
        self,
        name: str,
        kind: type[layers.MaxPool2d | layers.AvgPool2d],
        size: int,
        stride: int,
        padding: int,
        shape: tuple[int, int],
    ) -> None:
        """shape: (OH, OW), which tells whether windows may reach beyond the edge."""
        if size == stride == 1 and padding == 0:
            return
        if kind is layers.AvgPool2d and padding:
            self.refuse(name, "averages over padding, which minialex does not")
        if len(self.shape) != 3:
            self.refuse(name, "pools what are no maps any more")
        kinds = [kind, layers.CeilMaxPool2d] if kind is layers.MaxPool2d else [kind]
        window = (size, stride, padding) if kind is layers.MaxPool2d else (size, stride)
        for each in kinds:
            with contextlib.suppress(ValueError):
                if each(*window).output_shape(self.shape)[:2] == shape:
                    return self.add(name, each, *window)
        before, after = ("×".join(map(str, each[:2])) for each in (self.shape, shape))
        by = f"windows of {size}, stride {stride}, padding {padding}"
        self.refuse(name, f"makes {after} of {before} by {by}, which minialex does not")

    def normalization(self, name: str, size: int, alpha: float, beta: float, k: float) -> None:
        """Across channels. alpha: as Caffe, torch and ONNX have it, `size` times minialex's."""
        if not (0 < size <= LARGEST and all(map(math.isfinite, (alpha, beta, k)))):
            rates = f"alpha {alpha}, beta {beta}, k {k}"
            self.refuse(name, f"normalises over {size} channels with {rates}")
        if size % 2 == 0:
            unclear = "of which programs choose different ones: minialex takes an odd number"
            self.refuse(name, f"normalises over {size} channels, {unclear}")
        self.add(name, layers.LocalResponseNorm, size, alpha / size, beta, k)

    def flatten(self) -> None:
        self.layers.append(("flatten", layers.Flatten()))
        self.shape = layers.Flatten().output_shape(self.shape)

    def end(self, name: str) -> None:
        """Notes a softmax, behind which there can be no other layer: the logits are before it."""
        self.ended = name

    def add(self, name: str, kind: type[Layer], *arguments: Any, **options: Any) -> None:
        """Adds a layer made of these arguments. name: the other program's."""
        if self.ended:
            self.refuse(name, f"comes behind {self.ended}, which only ends nets here")
        try:
            layer = kind(*arguments, **options)
            self.shape = layer.output_shape(self.shape)
        except ValueError as error:
            self.refuse(name, f"is none of minialex's: {error}")
        self.layers.append((f"{SHORT[kind]}{self.number}", layer))

    def network(self, bgr: bool = False) -> Network:
        """The network, with its weights.

        bgr: whether these are for pictures in blue, green, red; the network takes red, green, blue.
        """
        if bgr and self.weights and self.input_shape[-1] == 3:
            self.weights[0] = self.weights[0][:, ::-1]
        names = [name for name, _ in self.layers]
        if len(self.shape) != 1 or not self.weights:
            raise InputError(f"{self.path} holds no net that ends in classes")
        if len(set(names)) < len(names):
            again = next(name for name in names if names.count(name) > 1)
            raise InputError(f"{self.path} is no relative of AlexNet: it has {again} twice")
        network = Network(self.layers, self.input_shape)
        places = list(torch_layout.places(network).values())
        tensors = dict(zip((place.name for place in places), self.weights, strict=True))
        torch_layout.load_into(network, tensors, str(self.path))
        return network
