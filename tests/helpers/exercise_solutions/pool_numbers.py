"""Max-pooling with a search for the largest number; the winner's place is kept."""

import numpy


def output_shape(self, shape):
    H, W, C = shape
    K, S, P = self.kernel_size, self.stride, self.padding
    return (H + 2 * P - K) // S + 1, (W + 2 * P - K) // S + 1, C


def forward(self, x, train=False):
    K, S, P = self.kernel_size, self.stride, self.padding
    H, W = x.shape[1:3]
    y = numpy.zeros((len(x), *self.output_shape(x.shape[1:])), x.dtype)
    winner = {}
    for n, i, j, c in numpy.ndindex(y.shape):
        largest = -numpy.inf
        for kh in range(K):
            for kw in range(K):
                row, column = i * S + kh - P, j * S + kw - P
                if 0 <= row < H and 0 <= column < W and x[n, row, column, c] > largest:
                    largest = x[n, row, column, c]
                    winner[n, i, j, c] = n, row, column, c
        y[n, i, j, c] = largest
    self.cache = x.shape, winner
    return y


def backward(self, dy):
    shape, winner = self.cache
    dx = numpy.zeros(shape, dy.dtype)
    for place, pixel in winner.items():
        dx[pixel] += dy[place]
    return dx
