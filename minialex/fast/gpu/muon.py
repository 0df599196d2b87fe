"""Muon's update on a GPU: the same formulas as in optim.py, in as few kernels as products allow."""

import math

from minialex.backend import Array
from minialex.fast.gpu import update_kernels
from minialex.fast.memory import Memory
from minialex.fast.product import matmul
from minialex.optim import NEWTON_SCHULZ, Muon


def muon(
    optimizer: Muon,
    rates: Array,
    memory: Memory,
    weight: Array,
    grad: Array,
    velocity: Array,
    keeps_norm: bool,
) -> None:
    """Muon.update with kernels; the learning rate is the first of `rates`."""
    descent = memory.scratch("descent", weight, weight.shape)
    update_kernels.muon_descent(grad, optimizer.momentum, velocity, descent)
    rows = len(weight) if weight.ndim > 1 else 1
    matrix = descent.reshape(rows, -1)
    step = orthogonal(matrix, memory).reshape(weight.shape)
    scale = math.sqrt(max(1, rows / matrix.shape[1]))
    update_kernels.muon_step(step, rates, scale, optimizer.weight_decay, weight)
    if keeps_norm:
        update_kernels.muon_rescale(sum_of_squares(weight), math.sqrt(2 * rows), weight)


def orthogonal(x: Array, memory: Memory) -> Array:
    """optim.orthogonal(x), written over x or into scratch memory: each of its products adds its
    share of the polynomial to what is in its output already."""
    update_kernels.muon_normalise(sum_of_squares(x), x)
    y = memory.scratch("product", x, x.shape)
    side, (a, b, c) = min(x.shape), NEWTON_SCHULZ
    square = memory.scratch("square", x, (side, side))
    polynomial = memory.scratch("polynomial", x, (side, side))
    for _ in range(5):
        wide, wide_y = (x, y) if len(x) == side else (x.T, y.T)
        matmul(wide, wide.T, square)
        polynomial[...] = square
        matmul(square, square, polynomial, c, b)  # c · square² + b · square
        y[...] = x
        matmul(polynomial, wide, wide_y, 1, a)
        x, y = y, x
    return x


def sum_of_squares(x: Array) -> Array:
    """Σ x², an array of one number."""
    return (x * x).sum().reshape(1)
