"""Sums over all ranks of arrays on GPUs, by MPI."""

from collections.abc import Iterator
from typing import Any

import numpy

from minialex import backend
from minialex.backend import Array
from minialex.distributed.ring import Ring


class GpuRing(Ring):
    """A ring for arrays on a GPU, where MPI reads and writes by itself.

    MPI knows nothing of streams: the host waits until what it hands over has been computed.
    """

    def __init__(self, comm: Any, room: Array):
        super().__init__(comm, room)
        self.stream = backend.of(room).cuda.Stream(non_blocking=True)

    def run(self, x: Array, tag: int, computed: Any) -> Iterator[None]:
        while not computed.done:
            yield
        yield from super().run(x, tag, computed)

    def add(self, own: Array, received: Array) -> None:
        with self.stream:
            own += received
        self.stream.synchronize()


class StagedRing(Ring):
    """A ring for arrays on a GPU, by way of pinned memory of the host.

    The GPU copies an array there once it is computed, and back once it is summed, on a stream of
    its own beside the computation. The stream keeps the order, so the memory is free for the next
    array while the last one is still being copied back.

    staging: pinned memory, as large as the largest array.
    """

    def __init__(self, comm: Any, room: numpy.ndarray, staging: numpy.ndarray, xp: Any):
        super().__init__(comm, room)
        self.staging, self.cuda = staging, xp.cuda
        self.stream = xp.cuda.Stream(non_blocking=True)

    def run(self, x: Array, tag: int, computed: Any) -> Iterator[None]:
        host = self.staging[: x.size]
        self.stream.wait_event(computed)
        x.get(stream=self.stream, out=host, blocking=False)
        copied = self.stream.record()
        while not copied.done:
            yield
        yield from super().run(host, tag, computed)
        x.set(host, stream=self.stream)

    def join(self) -> None:
        self.cuda.get_current_stream().wait_event(self.stream.record())
