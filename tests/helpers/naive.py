"""Every layer's formula as loops over single numbers, slow and obvious; what layer tests share."""

import itertools
import math

import numpy

from minialex import backend

#: How far a layer may be from the loops below, as a share of the largest number in the result.
BOUNDS = {"float64": 1e-10, "float32": 1e-5}


def to(layer, xp):
    """Moves the parameters to the array module `xp`, as Network.to does; returns the layer."""
    layer.params.update(
        {name: backend.to_device(array, xp) for name, array in layer.params.items()}
    )
    return layer


def assert_close(actual, expected):
    """`actual` has the shape of the host array `expected` and its numbers, to within the BOUNDS for
    its dtype."""
    actual = backend.to_host(actual)
    assert actual.shape == expected.shape
    worst = numpy.abs(actual - expected).max(initial=0)
    bound = BOUNDS[str(actual.dtype)] * max(1.0, numpy.abs(expected).max(initial=0))
    assert worst <= bound, f"differs by {worst:.1e}, more than {bound:.1e}"


def assert_same(actual, expected):
    """Two arrays, on the host or a device, hold the same bits."""
    numpy.testing.assert_array_equal(backend.to_host(actual), backend.to_host(expected))


def apart(rng, shape):
    """Distinct numbers 0.01 apart in random order, none of them 0: far from kinks and ties."""
    size = math.prod(shape)
    return (rng.permutation(size).reshape(shape) - size // 2 + 0.5) / 100


def positions(*counts):
    """Every (i, j, …) with 0 <= i < the first count, 0 <= j < the second, …"""
    return itertools.product(*map(range, counts))


def output_size(size, kernel_size, stride, padding):
    """How many windows fit side by side: put one after the other until the next would stick out."""
    count = 0
    while count * stride + kernel_size <= size + 2 * padding:
        count += 1
    return count


def pixel(x, n, row, column, c, outside):
    """x[n, row, column, c], or `outside` where there is no such pixel."""
    if 0 <= row < x.shape[1] and 0 <= column < x.shape[2]:
        return float(x[n, row, column, c])
    return outside


def conv(x, weight, bias, stride=1, padding=0, groups=1):
    """Convolution: filter o sees its group's channels only. weight: (O, K, K, C / groups)."""
    filters, kernel_size, _, channels = weight.shape
    height, width = (output_size(side, kernel_size, stride, padding) for side in x.shape[1:3])
    y = numpy.zeros((len(x), height, width, filters))
    for n, i, j, o in positions(*y.shape):
        first_channel = o // (filters // groups) * channels
        y[n, i, j, o] = bias[o]
        for kh, kw, c in positions(kernel_size, kernel_size, channels):
            row, column = i * stride + kh - padding, j * stride + kw - padding
            y[n, i, j, o] += pixel(x, n, row, column, first_channel + c, 0.0) * float(
                weight[o, kh, kw, c]
            )
    return y


def max_pool(x, kernel_size, stride, padding=0):
    height, width = (output_size(side, kernel_size, stride, padding) for side in x.shape[1:3])
    y = numpy.full((len(x), height, width, x.shape[3]), -math.inf)
    for n, i, j, c in positions(*y.shape):
        for kh, kw in positions(kernel_size, kernel_size):
            row, column = i * stride + kh - padding, j * stride + kw - padding
            y[n, i, j, c] = max(y[n, i, j, c], pixel(x, n, row, column, c, -math.inf))
    return y


def avg_pool(x, kernel_size, stride):
    height, width = (output_size(side, kernel_size, stride, 0) for side in x.shape[1:3])
    y = numpy.zeros((len(x), height, width, x.shape[3]))
    for n, i, j, c in positions(*y.shape):
        for kh, kw in positions(kernel_size, kernel_size):
            y[n, i, j, c] += float(x[n, i * stride + kh, j * stride + kw, c]) / kernel_size**2
    return y


def lrn(x, size=5, alpha=1e-4, beta=0.75, k=2.0, groups=1):
    """b_i = a_i / (k + α Σ_{j = max(0, i − n/2)}^{min(N − 1, i + n/2)} a_j²)^β, section 3.3; each
    group by itself."""
    if groups > 1:
        parts = numpy.split(x, groups, axis=3)
        return numpy.concatenate([lrn(part, size, alpha, beta, k) for part in parts], axis=3)
    y = numpy.zeros(x.shape)
    for n, h, w, i in positions(*x.shape):
        total = 0.0
        for j in range(max(0, i - size // 2), min(x.shape[3] - 1, i + size // 2) + 1):
            total += float(x[n, h, w, j]) ** 2
        y[n, h, w, i] = float(x[n, h, w, i]) / (k + alpha * total) ** beta
    return y


def linear(x, weight, bias):
    """weight: (out, in)."""
    y = numpy.zeros((len(x), len(bias)))
    for n, o in positions(*y.shape):
        y[n, o] = bias[o]
        for i in range(x.shape[1]):
            y[n, o] += float(x[n, i]) * float(weight[o, i])
    return y


def softmax_cross_entropy(logits, labels):
    """The mean over the rows of −log(e^logit[label] / Σ e^logit); only for small logits."""
    losses = []
    for row, label in zip(logits, labels, strict=True):
        exponentials = [math.exp(logit) for logit in row]
        losses.append(-math.log(exponentials[label] / sum(exponentials)))
    return sum(losses) / len(losses)
