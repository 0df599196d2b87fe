"""ReLU in memory that is used again, its own or that of the layer before it."""

from minialex import backend
from minialex.backend import Array
from minialex.fast.gpu import kernels
from minialex.fast.layer import FastLayer
from minialex.layers import ReLU


class FastReLU(FastLayer, ReLU):
    """y in an array of the layer's own; backward asks y, not a mask, what was above 0."""

    def forward(self, x: Array, train: bool = False) -> Array:
        return self.write(x, self.room_for_y(x, x.shape, train), train)

    def backward(self, dy: Array) -> Array:
        return self.write_gradient(dy, self.memory.passed(dy, dy.shape))

    def write(self, x: Array, y: Array, train: bool) -> Array:
        """Writes max(x, 0) into y and returns it."""
        self.cache = y if train else None
        return backend.of(x).maximum(x, 0, out=y)

    def write_gradient(self, dy: Array, dx: Array) -> Array:
        """Writes dy, where y is above 0, into dx and returns it."""
        y = self.cached()
        if backend.on_gpu(dy):
            kernels.relu_backward(dy, y, dx)
            return dx
        return backend.of(dy).multiply(dy, y > 0, out=dx)


class InPlaceReLU(FastReLU):
    """y takes the memory of x, and dx that of dy: for an x that nobody else needs (fuse.py)."""

    def forward(self, x: Array, train: bool = False) -> Array:
        return self.write(x, x, train)

    def backward(self, dy: Array) -> Array:
        return self.write_gradient(dy, dy)
