"""The two activations that ReLU replaced, for comparison (figure 1 of the paper)."""

from minialex import backend
from minialex.backend import Array
from minialex.layers.layer import Layer


class Tanh(Layer):
    """y = tanh(x);  dx = dy · (1 − y²).   The "standard way", Krizhevsky et al. 2012, section 3.1.

    x, y: (N, ...) any shape.
    """

    def forward(self, x: Array, train: bool = False) -> Array:
        y = backend.of(x).tanh(x)
        self.cache = 1 - y * y if train else None
        return y

    def backward(self, dy: Array) -> Array:
        return dy * self.cached()


class Sigmoid(Layer):
    """y = 1 / (1 + e⁻ˣ);  dx = dy · y · (1 − y).

    x, y: (N, ...) any shape. Computed as (1 + tanh(x/2)) / 2, which cannot overflow.
    """

    def forward(self, x: Array, train: bool = False) -> Array:
        y = 0.5 + 0.5 * backend.of(x).tanh(0.5 * x)
        self.cache = y * (1 - y) if train else None
        return y

    def backward(self, dy: Array) -> Array:
        return dy * self.cached()
