"""Exercise: local response normalisation, after lesson 06. About an hour.

Write forward, then backward, and after each run

    python -m minialex.gradcheck lessons/exercises/lrn.py

Loops over channels are fine: what counts is that every number is right.
"""

import numpy

from minialex.layers import Layer


class LocalResponseNorm(Layer):
    """Each unit is damped by its neighbours: the units of the next channels at the same pixel.

        s_i = k + α · Σ x_j²      over the channels j from i − size//2 to i + size//2
        y_i = x_i · s_i^(−β)

    At the first and the last channels the window is cut off: channels that do not exist add
    nothing. α is not divided by the size (section 3.3 of the paper; torch divides it).

        x, y   (N, H, W, C);  size is odd

    For example, one pixel with three channels, each with one neighbour on either side:

    >>> layer = LocalResponseNorm(size=3, alpha=1.0, beta=1.0, k=1.0)
    >>> y = layer.forward(numpy.array([1.0, 2, 0]).reshape(1, 1, 1, 3), train=True)
    >>> y.round(3).tolist()      # 1/(1+1+4), 2/(1+1+4+0), 0/(1+4+0)
    [[[[0.167, 0.333, 0.0]]]]
    >>> layer.backward(numpy.array([1.0, 0, 0]).reshape(1, 1, 1, 3)).round(3).tolist()
    [[[[0.111, -0.111, 0.0]]]]
    """

    def __init__(self, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 2.0):
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, x: numpy.ndarray, train: bool = False) -> numpy.ndarray:
        """y for x. Keep in self.cache what backward will need."""
        # Your code here.
        raise NotImplementedError("forward")

    def backward(self, dy: numpy.ndarray) -> numpy.ndarray:
        """dx for dy.

        x_i appears in two places. It is the x_i in y_i itself: the easy term. And it is in
        the window of its neighbours: it damps each y_j with |i − j| ≤ size//2,
        including y_i. Write down ∂s_j/∂x_i, then ∂y_j/∂s_j, then sum
        dy_j · ∂y_j/∂x_i over all j whose window contains i. In the example above the
        loss depends on y_0 only, and yet dx_1 is not 0.
        """
        # Your code here.
        raise NotImplementedError("backward")
