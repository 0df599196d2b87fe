"""Exercise: dropout, after lesson 07. About twenty minutes.

Write forward, then backward, and after each run

    python -m minialex.gradcheck lessons/exercises/dropout.py
"""

import numpy

from minialex.layers import Layer


class Dropout(Layer):
    """While training, each number is dropped with probability p; when testing, none is.

        training:  y = x · m / (1 − p)     each m is 0 with probability p, else 1
        testing:   y = x

    Every number of x has its own m, and every call of forward draws new ones from self.rng.
    The divisor keeps the mean of y at x, so that nothing has to change when testing.

        x, y   any shape (N, ...);  0 ≤ p < 1

    For example, a quarter dropped, so the rest is divided by 0.75:

    >>> layer = Dropout(p=0.25, rng=numpy.random.default_rng(0))
    >>> y = layer.forward(numpy.full((100, 100), 3.0), train=True)
    >>> numpy.unique(y).tolist(), bool(0.2 < (y == 0).mean() < 0.3)
    ([0.0, 4.0], True)
    >>> layer.forward(numpy.full((1, 2), 3.0), train=False).tolist()
    [[3.0, 3.0]]
    """

    def __init__(self, p: float = 0.5, rng: numpy.random.Generator | None = None):
        super().__init__()
        self.p = p
        self.rng = rng or numpy.random.default_rng()

    def forward(self, x: numpy.ndarray, train: bool = False) -> numpy.ndarray:
        """y for x. Keep in self.cache what backward will need."""
        # Your code here: self.rng.random(shape) gives numbers from 0 to 1. Keep the
        # dtype of x.
        raise NotImplementedError("forward")

    def backward(self, dy: numpy.ndarray) -> numpy.ndarray:
        """dx for dy: which numbers reached y, and multiplied by what?"""
        # Your code here.
        raise NotImplementedError("backward")
