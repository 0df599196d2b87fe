"""The same with matrices, all tiles at once."""

import numpy


def kernel(self, w):
    return numpy.array([[1, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 1.0]]) @ w


def pixels(self, x):
    matrix = numpy.array([[2, 0, -2, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, -2, 0, 2]]) / 2
    return matrix @ x


def answers(self, m):
    return numpy.array([[1, 1, 1, 0], [0, 1, -1, 1]]) @ m


def convolve(self, x, w):
    count = len(x) - 2
    padded = numpy.concatenate([x, [0.0]])
    starts = numpy.arange(0, count, 2)
    tiles = padded[starts + numpy.arange(4)[:, None]]
    y = self.answers(self.kernel(w)[:, None] * self.pixels(tiles))
    return y.T.reshape(-1)[:count]
