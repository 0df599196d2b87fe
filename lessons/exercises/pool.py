"""Exercise: overlapping max-pooling, after lesson 05. About forty minutes.

Fill the gaps from top to bottom, and after each one run

    python -m minialex.gradcheck lessons/exercises/pool.py

Loops over pictures, rows and columns are fine: what counts is that every
number is right.
"""

import numpy

from minialex.layers import Layer


class MaxPool2d(Layer):
    """Keeps only the largest number of each window, in each channel separately.

        y[n, i, j, c] = max over kh, kw of padded[n, i·stride + kh, j·stride + kw, c]

    kh and kw go from 0 to kernel_size − 1. With kernel_size 3 and stride 2, as in
    AlexNet, windows overlap. padded is x with `padding` rows or columns on each of its
    four sides, of a number that must never win: which one is that?

        x   (N, H, W, C)
        y   (N, OH, OW, C),  OH = ⌊(H + 2·padding − kernel_size) / stride⌋ + 1,
                             OW the same from W

    For example, 9 is in both windows and wins both:

    >>> layer = MaxPool2d(kernel_size=2, stride=1)
    >>> x = numpy.array([[1.0, 9, 2], [3, 4, 5]]).reshape(1, 2, 3, 1)
    >>> layer.output_shape((2, 3, 1))
    (1, 2, 1)
    >>> layer.forward(x, train=True).tolist()
    [[[[9.0], [9.0]]]]
    >>> layer.backward(numpy.array([100.0, 1]).reshape(1, 1, 2, 1))[0, :, :, 0].tolist()
    [[0.0, 101.0, 0.0], [0.0, 0.0, 0.0]]
    """

    def __init__(self, kernel_size: int, stride: int, padding: int = 0):
        super().__init__()
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """(OH, OW, C) for one picture of shape (H, W, C)."""
        # Your code here: shape is (H, W, C).
        raise NotImplementedError("output_shape")

    def forward(self, x: numpy.ndarray, train: bool = False) -> numpy.ndarray:
        """y for x. Keep in self.cache what backward will need."""
        # Your code here. Give new arrays the dtype of x.
        raise NotImplementedError("forward")

    def backward(self, dy: numpy.ndarray) -> numpy.ndarray:
        """dx for dy.

        Nudge a number that did not win: y does not move. Nudge the winner: y moves
        with it. So where does each number of dy go, and what if two windows have the
        same winner? If several numbers of a window are equally large, the first of
        them is the winner, row by row, as with numpy.argmax.
        """
        # Your code here: dx has the shape of x, without the border.
        raise NotImplementedError("backward")
