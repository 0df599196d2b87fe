"""Max-pooling in loops over windows and channels."""

import numpy


def output_shape(self, shape):
    H, W, C = shape
    K, S, P = self.kernel_size, self.stride, self.padding
    return (H + 2 * P - K) // S + 1, (W + 2 * P - K) // S + 1, C


def forward(self, x, train=False):
    K, S, P = self.kernel_size, self.stride, self.padding
    padded = numpy.pad(x, ((0, 0), (P, P), (P, P), (0, 0)), constant_values=-numpy.inf)
    y = numpy.zeros((len(x), *self.output_shape(x.shape[1:])), x.dtype)
    for n in range(y.shape[0]):
        for i in range(y.shape[1]):
            for j in range(y.shape[2]):
                window = padded[n, i * S : i * S + K, j * S : j * S + K]
                y[n, i, j] = window.max(axis=(0, 1))
    self.cache = padded
    return y


def backward(self, dy):
    K, S, P = self.kernel_size, self.stride, self.padding
    padded = self.cache
    dpadded = numpy.zeros_like(padded)
    for n, i, j, c in numpy.ndindex(dy.shape):
        window = padded[n, i * S : i * S + K, j * S : j * S + K, c]
        kh, kw = numpy.unravel_index(window.argmax(), window.shape)
        dpadded[n, i * S + kh, j * S + kw, c] += dy[n, i, j, c]
    return dpadded[:, P : padded.shape[1] - P, P : padded.shape[2] - P]
