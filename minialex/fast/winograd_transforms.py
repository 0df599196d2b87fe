"""The mathematics of Winograd convolution: where polynomials are evaluated, and the whole thing
tile by tile."""

import functools
from types import ModuleType

import numpy

from minialex import backend
from minialex.backend import Array

#: Where polynomials are evaluated, besides at ∞: small numbers and their reciprocals, with
#: alternating signs, keep the rounding errors small. One point more makes them ten times larger
#: (benchmarks/LOG.md).
POINTS = (0, 1, -1, 1 / 2, -2, 2, -1 / 2)
ONE = POINTS.index(1)


def naive_winograd(x: numpy.ndarray, weight: numpy.ndarray, m: int) -> numpy.ndarray:
    """The mathematics of Winograd convolution, tile by tile: y (N, OH, OW, O) of x (N, H, W, C)
    with weight (O, r, r, C), stride 1, no padding. winograd.py computes the same for whole
    batches."""
    n, height, width, _ = x.shape
    filters, r = weight.shape[:2]
    oh, ow, side = height - r + 1, width - r + 1, m + r - 1
    rows, columns = -(-oh // m), -(-ow // m)
    a, b, g = transforms(m, r, numpy, x.dtype)
    x = numpy.pad(x, ((0, 0), (0, rows * m - oh), (0, columns * m - ow), (0, 0)))  # to whole tiles
    y = numpy.empty((n, rows * m, columns * m, filters), x.dtype)
    u = numpy.einsum("ki,oijc,lj->klco", g, weight, g)  # G w Gᵀ
    for i in range(0, rows * m, m):
        for j in range(0, columns * m, m):
            v = numpy.einsum("ik,nijc,jl->nklc", b, x[:, i : i + side, j : j + side], b)  # Bᵀ x B
            products = numpy.einsum("nklc,klco->nklo", v, u)
            y[:, i : i + m, j : j + m] = numpy.einsum("ki,nklo,lj->nijo", a, products, a)  # Aᵀ M A
    return y[:, :oh, :ow]


@functools.lru_cache
def transforms(m: int, r: int, xp: ModuleType, dtype) -> list[Array]:
    """A (a, m), B (a, a) and G (a, r), a = m + r − 1, for tiles of m and kernels of r, as arrays of
    the module xp. Computed on the host in float64, so that a GPU gets the same numbers.
    """
    a, g, v = (evaluation(m + r - 1, count) for count in (m, r, m + r - 1))
    return [backend.to_device(t.astype(dtype), xp) for t in (a, numpy.linalg.inv(v), g)]


def evaluation(count: int, coefficients: int) -> numpy.ndarray:
    """The matrix (count, coefficients) that takes a polynomial's coefficients to its values at the
    first `count` − 1 POINTS and at ∞."""
    powers = [[float(p) ** k for k in range(coefficients)] for p in POINTS[: count - 1]]
    return numpy.array([*powers, [0.0] * (coefficients - 1) + [1.0]])
