"""From feature maps to feature vectors: the seam between the convolutions and the linear layers."""

import math

from minialex.layers.layer import Layer


class Flatten(Layer):
    """y = x with every axis but the first laid end to end;  dx = dy in x's shape.

    x: (N, H, W, C); y: (N, H·W·C), channels running fastest.
    """

    def forward(self, x, train: bool = False):
        self.cache = x.shape if train else None
        return x.reshape(len(x), -1)

    def backward(self, dy):
        return dy.reshape(self.cached())

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (math.prod(shape),)
