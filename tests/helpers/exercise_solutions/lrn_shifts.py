"""Local response normalisation with all channels at once, shifted against each other."""

import numpy


def forward(self, x, train=False):
    half = self.size // 2
    squares = numpy.pad(x**2, ((0, 0), (0, 0), (0, 0), (half, half)))
    total = sum(squares[..., k : k + x.shape[3]] for k in range(self.size))
    scale = self.k + self.alpha * total
    y = x / scale**self.beta
    self.cache = x, scale, y
    return y


def backward(self, dy):
    x, scale, y = self.cache
    half = self.size // 2
    inner = numpy.pad(dy * y / scale, ((0, 0), (0, 0), (0, 0), (half, half)))
    total = sum(inner[..., k : k + x.shape[3]] for k in range(self.size))
    return dy / scale**self.beta - 2 * self.alpha * self.beta * x * total
