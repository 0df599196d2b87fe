"""Convolution as the formula stands: a loop for each of its indices."""

import numpy


def output_shape(self, shape):
    H, W = shape[:2]
    K, S, P = self.kernel_size, self.stride, self.padding
    return (H + 2 * P - K) // S + 1, (W + 2 * P - K) // S + 1, self.out_channels


def forward(self, x, train=False):
    K, S, P = self.kernel_size, self.stride, self.padding
    weight, bias = self.params["weight"], self.params["bias"]
    padded = numpy.pad(x, ((0, 0), (P, P), (P, P), (0, 0)))
    y = numpy.zeros((len(x), *self.output_shape(x.shape[1:])), x.dtype)
    for n, i, j, o in numpy.ndindex(y.shape):
        total = bias[o]
        for kh, kw, c in numpy.ndindex(K, K, x.shape[3]):
            total += padded[n, i * S + kh, j * S + kw, c] * weight[o, kh, kw, c]
        y[n, i, j, o] = total
    self.cache = padded
    return y


def backward(self, dy):
    K, S, P = self.kernel_size, self.stride, self.padding
    weight, padded = self.params["weight"], self.cache
    dweight, dbias, dpadded = (
        numpy.zeros_like(weight),
        numpy.zeros(len(weight), dy.dtype),
        numpy.zeros_like(padded),
    )
    for n, i, j, o in numpy.ndindex(dy.shape):
        dbias[o] += dy[n, i, j, o]
        for kh, kw, c in numpy.ndindex(K, K, padded.shape[3]):
            dweight[o, kh, kw, c] += dy[n, i, j, o] * padded[n, i * S + kh, j * S + kw, c]
            dpadded[n, i * S + kh, j * S + kw, c] += dy[n, i, j, o] * weight[o, kh, kw, c]
    self.grads["weight"], self.grads["bias"] = dweight, dbias
    return dpadded[:, P : padded.shape[1] - P, P : padded.shape[2] - P]
