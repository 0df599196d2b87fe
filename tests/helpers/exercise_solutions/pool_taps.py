"""Max-pooling in loops over the places in a window."""

import numpy


def output_shape(self, shape):
    H, W, C = shape
    K, S, P = self.kernel_size, self.stride, self.padding
    return (H + 2 * P - K) // S + 1, (W + 2 * P - K) // S + 1, C


def forward(self, x, train=False):
    K, S, P = self.kernel_size, self.stride, self.padding
    padded = numpy.pad(x, ((0, 0), (P, P), (P, P), (0, 0)), constant_values=-numpy.inf)
    OH, OW = self.output_shape(x.shape[1:])[:2]
    taps = []
    for kh in range(K):
        for kw in range(K):
            taps.append(padded[:, kh : kh + S * (OH - 1) + 1 : S, kw : kw + S * (OW - 1) + 1 : S])
    winner = numpy.argmax(taps, axis=0)
    self.cache = padded.shape, winner
    return numpy.max(taps, axis=0)


def backward(self, dy):
    K, S, P = self.kernel_size, self.stride, self.padding
    shape, winner = self.cache
    OH, OW = dy.shape[1:3]
    dpadded = numpy.zeros(shape, dy.dtype)
    for kh in range(K):
        for kw in range(K):
            tap = dpadded[:, kh : kh + S * (OH - 1) + 1 : S, kw : kw + S * (OW - 1) + 1 : S]
            won = winner == kh * K + kw
            tap[won] += dy[won]
    return dpadded[:, P : shape[1] - P, P : shape[2] - P]
