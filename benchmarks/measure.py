"""How fast a step is. Contenders take turns, so other load on the machine hits all alike."""

import functools
import time
from collections.abc import Callable
from types import ModuleType

import numpy
from threadpoolctl import ThreadpoolController
from tqdm import tqdm

from minialex import backend, fast, optim
from minialex.backend import Array
from minialex.fast import blas
from minialex.fast.conv import FastConv2d
from minialex.fast.lazy_batch import LazyBatch
from minialex.layers import SoftmaxCrossEntropy
from minialex.network import Network

#: What convolutions can be made to take: the faster one of each, or always the same.
ALGORITHMS = ("auto", "im2col", "winograd")

#: What can be timed, and the contender's method that does it once.
WHAT = {"train": "train_step", "infer": "infer"}

#: So small that the loss on one random batch, seen again and again, neither explodes nor falls so
#: close to 0 that gradients become denormal numbers, which are slow.
LEARNING_RATE = 1e-4

#: Seconds between two measurements. Idle threads of both libraries keep spinning for some
#: milliseconds after their work, and none may still do so when the next measurement starts.
PAUSE = 0.1


class HostClock:
    """Wall-clock seconds on the host."""

    def now(self) -> float:
        return time.perf_counter()

    def seconds(self, start: float, stop: float) -> float:
        return stop - start


class DeviceClock:
    """Seconds of the GPU's own work, measured by its events: the host may be far ahead of it.

    xp: CuPy. It and PyTorch both use the default stream, so CuPy's events time the work of either.
    """

    def __init__(self, xp: ModuleType):
        self.cuda = xp.cuda

    def now(self):
        event = self.cuda.Event()
        event.record()
        return event

    def seconds(self, start, stop) -> float:
        stop.synchronize()
        return self.cuda.get_elapsed_time(start, stop) / 1000


HOST = HostClock()


class Minialex:
    """A network working on one batch, the way the Trainer does it.

    x: float32 (N, H, W, C), or what becomes that; labels: int64 (N,); xp: the array module;
    algorithm: of its convolutions, one of ALGORITHMS.
    """

    def __init__(
        self,
        network: Network,
        x: Array | LazyBatch,
        labels: numpy.ndarray,
        threads: int,
        lr: float,
        xp: ModuleType = numpy,
        algorithm: str = "auto",
    ):
        self.network = network.to(xp)
        self.x = x if isinstance(x, LazyBatch) else backend.to_device(x, xp)
        self.labels, self.lr, self.loss = labels, lr, SoftmaxCrossEntropy()
        self.engine = fast.prepare(network, threads if xp is numpy else 1)
        set_algorithm(self.engine, algorithm)

    @functools.cached_property
    def optimizer(self) -> optim.SGD:
        """Created on first use, so that inference needs no memory for it."""
        return optim.SGD(self.network, self.lr, momentum=0.9, weight_decay=5e-4)

    @functools.cached_property
    def training_step(self) -> fast.TrainingStep:
        """The same."""
        return fast.TrainingStep(self.engine, self.loss, self.optimizer)

    def infer(self):
        """The logits (N, classes), with dropout off."""
        return self.engine.forward(self.x)

    def train_step(self):
        """Forward, loss, backward and update, with dropout on; the loss before the update."""
        return self.training_step(self.x, self.labels)[0]


class Plain:
    """The same with the layers as they are read, on `threads` threads of BLAS."""

    def __init__(
        self, network: Network, x: numpy.ndarray, labels: numpy.ndarray, threads: int, lr: float
    ):
        self.network, self.x, self.labels, self.threads = network, x, labels, threads
        self.optimizer = optim.SGD(network, lr, momentum=0.9, weight_decay=5e-4)
        self.loss = SoftmaxCrossEntropy()

    def infer(self):
        """The logits (N, classes), with dropout off."""
        with blas.limit(self.threads):
            return self.network.forward(self.x)

    def train_step(self):
        """Forward, loss, backward and update, with dropout on; the loss before the update."""
        with blas.limit(self.threads):
            loss, _ = self.network.step(self.x, self.labels, self.loss)
            self.optimizer.step()
        return loss


class Gemm:
    """The machine's yardstick: one float32 product of two SIZE × SIZE matrices.

    threads: how many BLAS threads compute it; xp: the array module.
    """

    SIZE = 3072
    FLOPS = 2 * SIZE**3

    def __init__(self, threads: int, xp=numpy):
        rng = numpy.random.default_rng(0)
        self.a, self.b = xp.asarray(
            rng.standard_normal((2, self.SIZE, self.SIZE), dtype=numpy.float32)
        )
        self.xp, self.out, self.threads, self.blas = (
            xp,
            xp.empty_like(self.a),
            threads,
            ThreadpoolController(),
        )

    def multiply(self) -> None:
        with self.blas.limit(limits=self.threads, user_api="blas"):
            self.xp.matmul(self.a, self.b, out=self.out)


def random_batch(network: Network, batch_size: int) -> tuple[numpy.ndarray, numpy.ndarray]:
    """A batch x (N, H, W, C) of standard normal pixels, and random labels (N,).

    Not zeros: some kernels skip work on them.
    """
    rng = numpy.random.default_rng(1)
    classes = list(network.shapes().values())[-1][0]
    return rng.standard_normal(
        (batch_size, *network.input_shape), dtype=numpy.float32
    ), rng.integers(0, classes, batch_size)


def set_algorithm(engine: fast.Engine, algorithm: str) -> None:
    """Makes every convolution take `algorithm`, one of ALGORITHMS.

    Where "winograd" does not apply, the layer takes im2col.
    """
    for layer in (*engine.whole, *(layer for part in engine.split for layer in part)):
        if isinstance(layer, FastConv2d):
            layer.algorithm = None if algorithm == "auto" else algorithm


def flops(network: Network, what: str) -> int:
    """The additions and multiplications for one picture, counted as direct convolution.

    what: "train" or "infer". A multiply-add counts as two. A training step computes outputs,
    gradients of weights and gradients of inputs, the same amount of work each, except that the
    gradient of the pictures is not computed.
    """
    macs = list(network.macs().values())
    if what == "infer":
        return 2 * sum(macs)
    return 2 * (3 * sum(macs) - next(filter(None, macs)))


def take_turns(
    steps: dict[str, Callable],
    rounds: int,
    at_least: float,
    title: str = "",
    clock: HostClock | DeviceClock = HOST,
) -> dict[str, list[float]]:
    """Seconds for a call of each of `steps`, measured once per round.

    Each round starts with a different one.
    """
    names, seconds = list(steps), {name: [] for name in steps}
    with tqdm(
        total=rounds * len(names), desc=title, unit=" runs", leave=False, disable=None
    ) as bar:
        for r in range(rounds):
            first = r % len(names)
            for name in names[first:] + names[:first]:
                time.sleep(PAUSE)
                seconds[name].append(seconds_a_call(steps[name], at_least, clock))
                bar.update()
    return seconds


def seconds_a_call(step: Callable, at_least: float, clock: HostClock | DeviceClock = HOST) -> float:
    """Seconds that step() takes.

    This is one call if that takes at least `at_least` seconds, else the mean over as many calls as
    fill that time. In the second case the first call, which finds the caches full of other data,
    does not count.
    """
    start = clock.now()
    step()
    first = clock.seconds(start, clock.now())
    if first >= at_least:
        return first
    calls, elapsed, start = 0, 0.0, clock.now()
    while elapsed < at_least or not calls:
        more = max(1, round(calls / 2))  # reading a GPU's clock waits for the GPU: read it rarely
        for _ in range(more):
            step()
        calls += more
        elapsed = clock.seconds(start, clock.now())
    return elapsed / calls
