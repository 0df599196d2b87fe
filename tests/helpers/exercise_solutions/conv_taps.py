"""Convolution in loops over the places in a window, with groups; all windows at once."""

import numpy


def output_shape(self, shape):
    H, W = shape[:2]
    sides = [(side + 2 * self.padding - self.kernel_size) // self.stride + 1 for side in (H, W)]
    return sides[0], sides[1], self.out_channels


def forward(self, x, train=False):
    S, P, G = self.stride, self.padding, self.groups
    weight = self.params["weight"]
    padded = numpy.pad(x, ((0, 0), (P, P), (P, P), (0, 0)))
    OH, OW, O = self.output_shape(x.shape[1:])
    C = weight.shape[3]
    y = numpy.zeros((len(x), OH, OW, O), x.dtype)
    for g in range(G):
        filters, channels = slice(g * O // G, (g + 1) * O // G), slice(g * C, (g + 1) * C)
        for kh in range(self.kernel_size):
            for kw in range(self.kernel_size):
                pixels = padded[:, kh : kh + S * OH : S, kw : kw + S * OW : S, channels][
                    :, :OH, :OW
                ]
                y[..., filters] += pixels @ weight[filters, kh, kw].T
    self.cache = padded
    return y + self.params["bias"]


def backward(self, dy):
    S, P, G = self.stride, self.padding, self.groups
    weight, padded = self.params["weight"], self.cache
    OH, OW, O = dy.shape[1:]
    C = weight.shape[3]
    dweight, dpadded = numpy.zeros_like(weight), numpy.zeros_like(padded)
    for g in range(G):
        filters, channels = slice(g * O // G, (g + 1) * O // G), slice(g * C, (g + 1) * C)
        up = dy[..., filters]
        for kh in range(self.kernel_size):
            for kw in range(self.kernel_size):
                tap = (
                    slice(None),
                    slice(kh, kh + S * (OH - 1) + 1, S),
                    slice(kw, kw + S * (OW - 1) + 1, S),
                    channels,
                )
                dweight[filters, kh, kw] = numpy.tensordot(up, padded[tap], ([0, 1, 2], [0, 1, 2]))
                dpadded[tap] += up @ weight[filters, kh, kw]
    self.grads["weight"] = dweight
    self.grads["bias"] = dy.sum(axis=(0, 1, 2))
    if P == 0:
        return dpadded
    return dpadded[:, P:-P, P:-P]
