"""The threads among which an engine divides its work."""

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

from minialex.backend import Array
from minialex.fast import blas
from minialex.fast.choose import WORTH_SHARING
from minialex.fast.product import matmul


class Workers:
    """`count` threads, of which as many are at work as the present batch has pictures; others do
    not start.

    ValueError if `count` is not at least 1.
    """

    def __init__(self, count: int = 1):
        if count < 1:
            raise ValueError(f"workers must be at least 1, got {count}")
        self.count = self.at_work = count
        self.started, self.threads = 1, ThreadPoolExecutor(1)

    def __deepcopy__(self, memo: dict) -> "Workers":
        return self  # a copy of a layer shares its threads

    def map(self, function: Callable, *arguments) -> list:
        """What `function` returns for each of the arguments, in order, computed by the threads."""
        if self.started < self.at_work:
            self.started, self.threads = self.at_work, ThreadPoolExecutor(self.at_work)
        return list(self.threads.map(function, *arguments))

    def shares(self, count: int) -> list[slice]:
        """Cuts 0..count into slices as even as possible, one for each thread at work."""
        bounds = [count * i // self.at_work for i in range(self.at_work + 1)]
        return [slice(*pair) for pair in itertools.pairwise(bounds)]

    def matmul(self, a: Array, b: Array, out: Array) -> Array:
        """a @ b, written into `out`; each thread computes a share of the rows of a or, if there are
        more of them, of the columns of b."""
        if self.at_work == 1 or out.size * len(b) < WORTH_SHARING:
            return matmul(a, b, out)
        if len(a) >= b.shape[1]:
            parts = [(a[rows], b, out[rows]) for rows in self.shares(len(a))]
        else:
            parts = [(a, b[:, columns], out[:, columns]) for columns in self.shares(b.shape[1])]
        self.map(lambda part: matmul(*part), parts)
        return out

    def limited_blas(self) -> AbstractContextManager[None]:
        """A block in which BLAS has the cores that the threads at work leave idle, and only those:
        its own threads keep spinning for a while after their work (benchmarks/LOG.md)."""
        return blas.limit(max(1, self.count // self.at_work))
