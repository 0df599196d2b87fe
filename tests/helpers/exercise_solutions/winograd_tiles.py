"""Winograd convolution, tile by tile; a row with an odd number of answers gets a zero."""

import numpy


def kernel(self, w):
    return numpy.array([w[0], w[0] + w[1] + w[2], w[0] - w[1] + w[2], w[2]])


def pixels(self, x):
    return numpy.array([x[0] - x[2], (x[1] + x[2]) / 2, (x[2] - x[1]) / 2, x[3] - x[1]])


def answers(self, m):
    return numpy.array([m[0] + m[1] + m[2], m[1] - m[2] + m[3]])


def convolve(self, x, w):
    count = len(x) - 2
    padded = numpy.append(x, 0.0)
    y = numpy.zeros(count + 1)
    for i in range(0, count, 2):
        y[i : i + 2] = self.answers(self.kernel(w) * self.pixels(padded[i : i + 4]))
    return y[:count]
