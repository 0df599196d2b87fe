"""How arrays get from rank to rank: straight by MPI or, from a GPU, by way of the host."""

import itertools
from collections.abc import Sequence
from typing import Any, Protocol

import numpy

from minialex import backend
from minialex.backend import Array
from minialex.distributed.gpu_rings import GpuRing, StagedRing
from minialex.distributed.ring import Ring
from minialex.distributed.sums import RingSums, Sums


class Transport(Protocol):
    """What takes contiguous arrays from rank to rank. All ranks call the same, in one order."""

    def gather(self, own: Array, everything: Array, counts: Sequence[int]) -> None:
        """Fills `everything` with what each rank has, so many numbers, one rank after the other."""

    def exchange(self, sent: Array, counts: Sequence[int], received: Array) -> None:
        """Sends each rank its part of `sent`, so many numbers, one rank after the other, and fills
        `received` (ranks, …) with what each of them has for this one."""

    def spread(self, x: Array) -> None:
        """Overwrites x with rank 0's."""

    def sums(self, like: Array) -> Sums:
        """What adds up arrays such as `like` over the ranks."""


class Direct:
    """Hands arrays to MPI as they are: on the host, or on a GPU if MPI is CUDA-aware.

    With arrays on a GPU, an MPI that is not crashes.
    """

    def __init__(self, comm: Any):
        self.comm = comm

    def gather(self, own: Array, everything: Array, counts: Sequence[int]) -> None:
        backend.synchronize(backend.of(own))
        self.comm.Allgatherv(own, [everything, counts])

    def exchange(self, sent: Array, counts: Sequence[int], received: Array) -> None:
        backend.synchronize(backend.of(sent))
        room = [received, [received.size // len(received)] * len(received)]
        self.comm.Alltoallv([sent, counts], room)

    def spread(self, x: Array) -> None:
        backend.synchronize(backend.of(x))
        self.comm.Bcast(x)

    def sums(self, like: Array) -> Sums:
        def ring(part: int) -> Ring:
            room = backend.of(like).empty(part, like.dtype)
            return (GpuRing if backend.on_gpu(like) else Ring)(self.comm, room)

        return RingSums(self.comm.Get_size(), like, ring)


class Staged:
    """Takes arrays on a GPU to pinned memory of the host, from there to the other ranks, and back.

    It waits for each copy, but not for those of a sum.
    """

    def __init__(self, comm: Any):
        self.comm, self.on_host = comm, Direct(comm)
        self.pinned: dict[str, numpy.ndarray] = {}

    def gather(self, own: Array, everything: Array, counts: Sequence[int]) -> None:
        room = self.room("received", everything)
        self.on_host.gather(self.fetched(own), room, counts)
        put(room, everything)

    def exchange(self, sent: Array, counts: Sequence[int], received: Array) -> None:
        room = self.room("received", received)
        self.on_host.exchange(self.fetched(sent), counts, room)
        put(room, received)

    def spread(self, x: Array) -> None:
        host = self.fetched(x)
        self.on_host.spread(host)
        put(host, x)

    def sums(self, like: Array) -> Sums:
        xp, size = backend.of(like), self.comm.Get_size()

        def ring(part: int) -> Ring:
            room = numpy.empty(part, like.dtype)
            staging = backend.pinned(xp, (part * size,), like.dtype)
            return StagedRing(self.comm, room, staging, xp)

        return RingSums(size, like, ring)

    def fetched(self, x: Array) -> numpy.ndarray:
        """x in pinned memory, until the next one is fetched."""
        return x.get(out=self.room("sent", x))

    def room(self, name: str, like: Array) -> numpy.ndarray:
        """Pinned memory for an array of the same shape and dtype."""
        if name not in self.pinned or self.pinned[name].nbytes < like.nbytes:
            self.pinned[name] = backend.pinned(backend.of(like), (like.nbytes,), numpy.uint8)
        return self.pinned[name][: like.nbytes].view(like.dtype).reshape(like.shape)


def put(host: numpy.ndarray, x: Array) -> None:
    """Copies pinned memory to x, and returns when it is free again."""
    x.set(host)
    backend.synchronize(backend.of(x))


def pieces(x: Array, counts: Sequence[int]) -> list[Array]:
    """The flat array x in pieces of so many numbers."""
    bounds = [0, *itertools.accumulate(counts)]
    return [x[start:end] for start, end in itertools.pairwise(bounds)]
