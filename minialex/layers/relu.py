"""The rectified linear unit, which made AlexNet trainable in days instead of weeks."""

from minialex import backend
from minialex.layers.layer import Layer


class ReLU(Layer):
    """y = max(x, 0);  dx = dy where x > 0, else 0.   Krizhevsky et al. 2012, section 3.1.

    x, y: (N, ...) any shape. At exactly 0 the gradient is taken as 0.
    """

    #: Whether y takes the memory of x, and dx that of dy: for a layer whose x nobody else needs (see Workers).
    inplace = False

    def forward(self, x, train: bool = False):
        y = backend.of(x).maximum(x, 0, out=x if self.inplace else self.buffer("y", x, x.shape))
        self.cache = y if train else None
        return y

    def backward(self, dy):
        xp, y = backend.of(dy), self.cached()
        return xp.multiply(dy, y > 0, out=dy if self.inplace else self.room_for_dx(dy, dy.shape))
