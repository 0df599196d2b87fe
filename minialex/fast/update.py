"""The optimiser's update in slices that fit the cache, divided among the threads; kernels on a
GPU."""

from collections.abc import Callable, Iterator

from minialex import backend
from minialex.backend import Array
from minialex.fast import blas
from minialex.fast.gpu import update_kernels
from minialex.fast.gpu.muon import muon
from minialex.fast.memory import Memory
from minialex.fast.workers import Workers
from minialex.optim import SGD, Adam, Muon, Optimizer

#: Numbers in a slice of a parameter: its temporaries stay in or near the core's cache.
SLICE = 1 << 18


class Update:
    """optimizer.step(), with the same numbers, in two parts.

    `begin` counts the step and, on a GPU, sends what changes from step to step; `run` is then the
    same work every time.
    """

    def __init__(self, optimizer: Optimizer, workers: Workers):
        self.optimizer, self.workers = optimizer, workers
        self.memory = Memory()
        self.rates: dict[str, Array] = {}  #: for each dtype of parameters, (2,) on the GPU

    def __call__(self) -> None:
        self.begin()
        self.run()

    @property
    def kernel(self) -> Callable | None:
        """What updates a parameter by kernels; None where there is none, or no GPU."""
        on_gpu = all(map(backend.on_gpu, self.optimizer.network.params.values()))
        return KERNELS.get(type(self.optimizer)) if on_gpu else None

    def begin(self) -> None:
        self.optimizer.steps += 1
        if not self.kernel:
            return
        for weight in self.optimizer.network.params.values():
            if str(weight.dtype) not in self.rates:
                self.rates[str(weight.dtype)] = backend.of(weight).empty(2, weight.dtype)
        for rates in self.rates.values():
            update_kernels.store_rates(*changing(self.optimizer), rates)

    def run(self) -> None:
        kernel = self.kernel
        if kernel:
            for arrays in self.optimizer.arrays():
                kernel(self.optimizer, self.rates[str(arrays[0].dtype)], self.memory, *arrays)
            return
        with blas.limit(1):
            update = self.optimizer.update
            self.workers.map(lambda arrays: update(*arrays), slices(self.optimizer))


def slices(optimizer: Optimizer) -> Iterator[tuple]:
    """What optimizer.update takes, one parameter after the other; cut into slices where the update
    of a number depends on no other."""
    for arrays in optimizer.arrays():
        whole = not optimizer.elementwise or backend.on_gpu(arrays[0])
        if whole or not all(array.flags.c_contiguous for array in arrays):
            yield arrays  # reshape would copy what is not contiguous
            continue
        flat = [array.reshape(-1) for array in arrays]
        for start in range(0, arrays[0].size, SLICE):
            yield tuple(array[start : start + SLICE] for array in flat)


def changing(optimizer: Optimizer) -> tuple[float, float]:
    """The two numbers in the optimiser's formula that change from step to step."""
    return optimizer.corrected() if isinstance(optimizer, Adam) else (optimizer.lr, 0.0)


def sgd(
    optimizer: SGD, rates: Array, _: Memory, weight: Array, grad: Array, velocity: Array
) -> None:
    """SGD.update in one kernel."""
    kernel = update_kernels.sgd if optimizer.rule == "paper" else update_kernels.sgd_torch
    kernel(grad, rates, optimizer.momentum, optimizer.weight_decay, weight, velocity)


def adam(
    optimizer: Adam,
    rates: Array,
    _: Memory,
    weight: Array,
    grad: Array,
    mean: Array,
    square: Array,
) -> None:
    """Adam.update in one kernel."""
    beta1, beta2 = optimizer.beta1, optimizer.beta2
    means = (beta1, 1 - beta1, beta2, 1 - beta2)
    about = (*means, optimizer.epsilon, optimizer.weight_decay)
    update_kernels.adam(grad, rates, *about, weight, mean, square)


KERNELS: dict[type[Optimizer], Callable] = {SGD: sgd, Adam: adam, Muon: muon}
