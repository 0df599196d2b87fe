"""The rectified linear unit, which made AlexNet trainable in days instead of weeks."""

from minialex import backend
from minialex.backend import Array
from minialex.layers.layer import Layer


class ReLU(Layer):
    """y = max(x, 0);  dx = dy where x > 0, else 0.   Krizhevsky et al. 2012, section 3.1.

    x, y: (N, ...) any shape. At exactly 0 the gradient is taken as 0.
    """

    def forward(self, x: Array, train: bool = False) -> Array:
        self.cache = x > 0 if train else None
        return backend.of(x).maximum(x, 0)

    def backward(self, dy: Array) -> Array:
        return dy * self.cached()
