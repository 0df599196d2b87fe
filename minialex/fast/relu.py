"""ReLU in memory that is used again, its own or that of the layer before it."""

from minialex import backend
from minialex.backend import Array
from minialex.fast.layer import FastLayer
from minialex.layers import ReLU


class FastReLU(FastLayer, ReLU):
    """y in an array of the layer's own; backward asks y, not a mask, what was above 0."""

    def forward(self, x: Array, train: bool = False) -> Array:
        y = backend.of(x).maximum(x, 0, out=self.memory.own(self, "y", x, x.shape))
        self.cache = y if train else None
        return y

    def backward(self, dy: Array) -> Array:
        y = self.cached()
        return backend.of(dy).multiply(dy, y > 0, out=self.memory.gradient(dy, dy.shape))


class InPlaceReLU(FastLayer, ReLU):
    """y takes the memory of x, and dx that of dy: for an x that nobody else needs (fuse.py)."""

    def forward(self, x: Array, train: bool = False) -> Array:
        y = backend.of(x).maximum(x, 0, out=x)
        self.cache = y if train else None
        return y

    def backward(self, dy: Array) -> Array:
        y = self.cached()
        return backend.of(dy).multiply(dy, y > 0, out=dy)
