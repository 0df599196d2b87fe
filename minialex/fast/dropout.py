"""Dropout whose masks all threads draw; on a GPU no mask is kept at all."""

from types import ModuleType
from typing import Any

import numpy

from minialex import backend
from minialex.backend import Array
from minialex.fast.gpu import kernels
from minialex.fast.layer import FastLayer
from minialex.fast.memory import Memory
from minialex.fast.workers import Workers
from minialex.layers import Dropout
from minialex.layers.splitmix64 import random_bits

#: CPU: units at a time. With fewer, the threads spend their time on calling NumPy, one at a time.
UNITS = 1 << 18


class FastDropout(FastLayer, Dropout):
    """A byte for each unit says whether it stays in. On a GPU backward draws the same random bits
    again, which takes less time than fetching a mask."""

    plain: Dropout

    #: Whether forward draws a key. The engine draws it before, as a recorded step must not.
    draws = True

    key: Any = None  #: of the present masks: a number on a CPU, an array (1,) on a GPU

    @classmethod
    def of(cls, plain, memory: Memory, workers: Workers) -> "FastDropout":
        twin = super().of(plain, memory, workers)
        twin.plain = plain
        return twin

    @property
    def p(self) -> float:  # type: ignore[override]
        """The plain layer's, which may be changed between two steps."""
        return self.plain.p

    def draw(self, xp: ModuleType) -> None:
        """Draws the key of the next masks, to be used on the array module xp."""
        key = self.plain.new_key()  # from a generator that somebody may have replaced
        if xp is numpy:
            self.key = key
            return
        if not isinstance(self.key, xp.ndarray):
            self.key = xp.empty(1, "uint64")
        kernels.store_key(numpy.uint64(key), self.key)

    def forward(self, x: Array, train: bool = False) -> Array:
        if not train:
            self.cache = None
            return x
        self.check(x)
        if self.draws:
            self.draw(backend.of(x))
        self.cache = self.key if backend.on_gpu(x) else self.mask(x)
        y = self.memory.own(self, "y", x, x.shape)
        self.multiply(x, y)
        return y

    def backward(self, dy: Array) -> Array:
        dx = self.memory.passed(dy, dy.shape)
        self.multiply(dy, dx)
        return dx

    def mask(self, x: Array) -> Array:
        """Which units of x stay in, drawn by all threads."""
        kept = self.memory.own(self, "kept", x, (x.size,), "bool")
        threshold = numpy.uint64(self.threshold)

        def draw(start: int) -> None:
            places = numpy.arange(start, min(start + UNITS, x.size), dtype="uint64")
            kept[start : start + UNITS] = random_bits(self.key, places) >= threshold

        if x.size <= UNITS:
            draw(0)
        else:
            self.workers.map(draw, range(0, x.size, UNITS))
        return kept.reshape(x.shape)

    def multiply(self, x: Array, y: Array) -> None:
        """Writes x · m / (1 − p) into y."""
        scale = 1 / x.dtype.type(1 - self.p)
        if backend.on_gpu(x):
            kernels.dropout(self.cached(), x, numpy.uint64(self.threshold), scale, y)
        else:
            backend.of(x).multiply(x, self.cached(), out=y)
            y *= scale
