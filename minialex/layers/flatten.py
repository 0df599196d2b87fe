"""From feature maps to feature vectors: where the convolutions end and the linear layers begin."""

import math

from minialex.backend import Array
from minialex.layers.layer import Layer


class Flatten(Layer):
    """y = x with every axis but the first laid end to end;  dx = dy in x's shape.

    x: (N, H, W, C); y: (N, H·W·C), channels running fastest.
    """

    def forward(self, x: Array, train: bool = False) -> Array:
        self.cache = x.shape if train else None
        return x.reshape(len(x), math.prod(x.shape[1:])).copy()

    def backward(self, dy: Array) -> Array:
        return dy.reshape(self.cached()).copy()

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (math.prod(shape),)
