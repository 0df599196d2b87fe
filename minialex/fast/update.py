"""The optimiser's update in slices that fit the cache, divided among the threads; kernels on a
GPU."""

from collections.abc import Iterator

import numpy

from minialex import backend
from minialex.backend import Array
from minialex.fast import blas, kernels
from minialex.fast.workers import Workers
from minialex.optim import SGD, Adam, Optimizer

#: Numbers in a slice of a parameter: its temporaries stay in or near the core's cache.
SLICE = 1 << 18


def update(optimizer: Optimizer, workers: Workers) -> None:
    """optimizer.step(), with the same numbers."""
    optimizer.steps += 1
    kernel = KERNELS.get(type(optimizer))
    if kernel and all(map(kernels.on_gpu, optimizer.network.params.values())):
        for arrays in optimizer.arrays():
            kernel(optimizer, *arrays)
        return
    with blas.limit(1):
        workers.map(lambda arrays: optimizer.update(*arrays), slices(optimizer))


def slices(optimizer: Optimizer) -> Iterator[tuple]:
    """What optimizer.update takes, one parameter after the other; cut into slices where the update
    of a number depends on no other."""
    for arrays in optimizer.arrays():
        whole = not optimizer.elementwise or backend.of(arrays[0]) is not numpy
        if whole or not all(array.flags.c_contiguous for array in arrays):
            yield arrays  # reshape would copy what is not contiguous
            continue
        flat = [array.reshape(-1) for array in arrays]
        for start in range(0, arrays[0].size, SLICE):
            yield tuple(array[start : start + SLICE] for array in flat)


def sgd(optimizer: SGD, weight: Array, grad: Array, velocity: Array) -> None:
    """SGD.update in one kernel."""
    kernel = kernels.sgd if optimizer.rule == "paper" else kernels.sgd_torch
    rates = (optimizer.lr, optimizer.momentum, optimizer.weight_decay)
    kernel(grad, *rates, weight, velocity)


def adam(optimizer: Adam, weight: Array, grad: Array, mean: Array, square: Array) -> None:
    """Adam.update in one kernel."""
    lr, correction = optimizer.corrected()
    beta1, beta2 = optimizer.beta1, optimizer.beta2
    rates = (lr, beta1, 1 - beta1, beta2, 1 - beta2, correction)
    kernels.adam(grad, *rates, optimizer.epsilon, optimizer.weight_decay, weight, mean, square)


KERNELS = {SGD: sgd, Adam: adam}
