"""The optimiser's update in slices that fit the cache, divided among the threads; kernels on a
GPU."""

import itertools
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


#: What updates some rows of a parameter: update(rows, their gradient).
RowUpdate = Callable[[slice, Array], None]


class Update:
    """optimizer.step(), with the same numbers, in two parts.

    `begin` counts the step and, on a GPU, sends what changes from step to step; `run` is then the
    same work every time. In between, on a CPU, whoever makes a gradient can update some rows of a
    parameter after the other (`by_rows`), so that the gradient never exists as a whole.
    """

    def __init__(self, optimizer: Optimizer, workers: Workers):
        self.optimizer, self.workers = optimizer, workers
        self.memory = Memory()
        self.rates: dict[str, Array] = {}  #: for each dtype of parameters, (2,) on the GPU
        self.done: set[str] = set()  #: the parameters that are updated by rows in this step

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
        self.done.clear()
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
        optimizer, grads = self.optimizer, self.optimizer.network.grads
        left = (name for name in optimizer.network.params if name not in self.done)
        arrays = (optimizer.arrays_of(name, grads[name]) for name in left)
        with blas.limit(1):
            pieces = itertools.chain.from_iterable(slices(optimizer, each) for each in arrays)
            self.workers.map(lambda piece: optimizer.update(*piece), pieces)

    def by_rows(self, name: str) -> RowUpdate | None:
        """What updates rows of the parameter called `name` in this step, which `run` then leaves
        alone; None if it must be updated as a whole."""
        optimizer = self.optimizer
        arrays = optimizer.arrays_of(name, optimizer.network.params[name])
        if not can_be_cut(optimizer, arrays):
            return None
        self.done.add(name)

        def update(rows: slice, grad: Array) -> None:
            weight, _, *state = (array[rows] for array in arrays)
            for piece in slices(optimizer, (weight, grad, *state)):
                optimizer.update(*piece)

        return update


def slices(optimizer: Optimizer, arrays: tuple) -> Iterator[tuple]:
    """What optimizer.update takes, for one parameter; cut into slices where that is possible."""
    if not can_be_cut(optimizer, arrays):
        yield arrays
        return
    flat = [array.reshape(-1) for array in arrays]
    for start in range(0, flat[0].size, SLICE):
        yield tuple(array[start : start + SLICE] for array in flat)


def can_be_cut(optimizer: Optimizer, arrays: tuple) -> bool:
    """Whether the update of a number depends on no other, and a reshape of the arrays copies
    nothing."""
    alone = optimizer.elementwise and not backend.on_gpu(arrays[0])
    return alone and all(array.flags.c_contiguous for array in arrays)


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
