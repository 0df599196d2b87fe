"""Flatten without a copy: other shapes for the same memory."""

import math

from minialex.backend import Array
from minialex.fast.layer import FastLayer
from minialex.layers import Flatten


class FastFlatten(FastLayer, Flatten):
    """y is x, and dx is dy, seen in another shape."""

    def forward(self, x: Array, train: bool = False) -> Array:
        self.cache = x.shape if train else None
        return x.reshape(len(x), math.prod(x.shape[1:]))

    def backward(self, dy: Array) -> Array:
        return dy.reshape(self.cached())
