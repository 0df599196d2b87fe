"""Local response normalisation in loops over channels."""

import numpy


def forward(self, x, train=False):
    C, half = x.shape[3], self.size // 2
    s = numpy.zeros_like(x)
    for i in range(C):
        for j in range(max(0, i - half), min(C - 1, i + half) + 1):
            s[..., i] += x[..., j] ** 2
    s = self.k + self.alpha * s
    self.cache = x, s
    return x * s**-self.beta


def backward(self, dy):
    x, s = self.cache
    C, half = x.shape[3], self.size // 2
    a, b = self.alpha, self.beta
    dx = dy * s**-b
    for i in range(C):
        for j in range(max(0, i - half), min(C - 1, i + half) + 1):
            dydx = -2 * a * b * x[..., i] * x[..., j] * s[..., j] ** (-b - 1)
            dx[..., i] += dy[..., j] * dydx
    return dx
