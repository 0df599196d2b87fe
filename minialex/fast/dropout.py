"""Dropout whose masks all threads draw; on a GPU no mask is kept at all."""

import numpy

from minialex import backend
from minialex.backend import Array
from minialex.fast import kernels
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

    @classmethod
    def of(cls, plain, memory: Memory, workers: Workers) -> "FastDropout":
        twin = super().of(plain, memory, workers)
        twin.plain = plain
        return twin

    def new_key(self) -> int:
        return self.plain.new_key()  # whose generator may have been replaced

    def forward(self, x: Array, train: bool = False) -> Array:
        if not train:
            self.cache = None
            return x
        self.check(x)
        y = self.memory.own(self, "y", x, x.shape)
        self.cache = self.mask(x)
        self.multiply(x, y)
        return y

    def backward(self, dy: Array) -> Array:
        dx = self.memory.gradient(dy, dy.shape)
        self.multiply(dy, dx)
        return dx

    def mask(self, x: Array) -> Array:
        """What `multiply` needs: the key on a GPU, which units stay in on a CPU."""
        if kernels.on_gpu(x):
            key = self.memory.own(self, "key", x, (1,), "uint64")
            kernels.store_key(numpy.uint64(self.new_key()), key)
            return key
        kept, key = self.memory.own(self, "kept", x, (x.size,), "bool"), self.new_key()

        def draw(start: int) -> None:
            places = numpy.arange(start, min(start + UNITS, x.size), dtype="uint64")
            kept[start : start + UNITS] = random_bits(key, places) >= self.threshold

        if x.size <= UNITS:
            draw(0)
        else:
            self.workers.map(draw, range(0, x.size, UNITS))
        return kept

    def multiply(self, x: Array, y: Array) -> None:
        """Writes x · m / (1 − p) into y."""
        mask, xp = self.cached(), backend.of(x)
        scale = 1 / x.dtype.type(1 - self.p)
        if kernels.on_gpu(x):
            kernels.dropout(mask, x, self.threshold, scale, y)
        else:
            xp.multiply(x, mask.reshape(x.shape), out=y)
            y *= scale
