"""Convolution in loops over windows, one filter after the other."""

import numpy


def output_shape(self, shape):
    H, W = shape[:2]
    K, S, P = self.kernel_size, self.stride, self.padding
    OH = (H + 2 * P - K) // S + 1
    OW = (W + 2 * P - K) // S + 1
    return OH, OW, self.out_channels


def forward(self, x, train=False):
    K, S, P = self.kernel_size, self.stride, self.padding
    weight, bias = self.params["weight"], self.params["bias"]
    padded = numpy.pad(x, ((0, 0), (P, P), (P, P), (0, 0)))
    y = numpy.zeros((len(x), *self.output_shape(x.shape[1:])), x.dtype)
    N, OH, OW, O = y.shape
    for n in range(N):
        for i in range(OH):
            for j in range(OW):
                window = padded[n, i * S : i * S + K, j * S : j * S + K]
                for o in range(O):
                    y[n, i, j, o] = (window * weight[o]).sum() + bias[o]
    self.cache = padded
    return y


def backward(self, dy):
    K, S, P = self.kernel_size, self.stride, self.padding
    weight, padded = self.params["weight"], self.cache
    dweight = numpy.zeros_like(weight)
    dbias = numpy.zeros_like(self.params["bias"])
    dpadded = numpy.zeros_like(padded)
    N, OH, OW, O = dy.shape
    for n in range(N):
        for i in range(OH):
            for j in range(OW):
                rows, columns = slice(i * S, i * S + K), slice(j * S, j * S + K)
                for o in range(O):
                    dweight[o] += dy[n, i, j, o] * padded[n, rows, columns]
                    dbias[o] += dy[n, i, j, o]
                    dpadded[n, rows, columns] += dy[n, i, j, o] * weight[o]
    self.grads["weight"], self.grads["bias"] = dweight, dbias
    H, W = padded.shape[1] - 2 * P, padded.shape[2] - 2 * P
    return dpadded[:, P : P + H, P : P + W]
