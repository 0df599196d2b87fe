"""CuPy's module cupy.cuda.nccl for the stand-in: MPI does what a stream is asked for, once the
stream gets to it.

Functions and arguments are called as in CuPy. It refuses addresses that are not in arrays on the
device, another dtype than the array's, parts of an exchange that nobody would receive, and two
ranks on one GPU.
"""

import ctypes
import itertools
import weakref
from collections.abc import Callable
from typing import Any

import numpy

from minialex.standin import machine
from minialex.standin.cuda import streams
from minialex.standin.cuda.device import Device
from minialex.standin.cuda.streams import Task
from minialex.standin.memory import Span, owner_at

available = True

NCCL_SUM = 0
NCCL_INT32, NCCL_INT64, NCCL_FLOAT32, NCCL_FLOAT64 = 2, 4, 7, 8
DTYPES = {2: "int32", 4: "int64", 7: "float32", 8: "float64"}

TAG = 30_000  #: of the messages by which the ranks of a communicator find each other
ids = itertools.count()
group: list[tuple] | None = None  #: what has been asked for since groupStart


class NcclError(RuntimeError):
    """What CuPy raises if a call of NCCL's fails."""


def get_unique_id() -> bytes:
    from mpi4py import MPI

    text = f"{MPI.COMM_WORLD.Get_rank()} {next(ids)}"
    return text.encode().ljust(128)


class NcclCommunicator:
    """The ranks that have been given the same id."""

    def __init__(self, ndev: int, commId: bytes, rank: int):
        if machine.nccl_problem:
            raise NcclError(machine.nccl_problem)
        self.comm = meet(ndev, commId, rank)

    def allReduce(
        self, sendbuf: int, recvbuf: int, count: int, datatype: int, op: int, stream: int
    ) -> None:
        if sendbuf != recvbuf or op != NCCL_SUM:
            raise NotImplementedError
        from mpi4py import MPI

        x, span = at(recvbuf, count, datatype)
        ask(stream, [span], [span], lambda: self.comm.Allreduce(MPI.IN_PLACE, x))

    def broadcast(
        self, sendbuff: int, recvbuff: int, count: int, datatype: int, root: int, stream: int
    ) -> None:
        if sendbuff != recvbuff:
            raise NotImplementedError
        x, span = at(recvbuff, count, datatype)
        ask(stream, [span], [span], lambda: self.comm.Bcast(x, root))

    def send(self, sendbuf: int, count: int, datatype: int, peer: int, stream: int) -> None:
        x, span = at(sendbuf, count, datatype)
        add(stream, [span], [], lambda: self.comm.Isend(x, peer))

    def recv(self, recvbuf: int, count: int, datatype: int, peer: int, stream: int) -> None:
        x, span = at(recvbuf, count, datatype)
        add(stream, [], [span], lambda: self.comm.Irecv(x, peer))


def groupStart() -> None:
    global group
    group = []


def groupEnd() -> None:
    """Gives the stream all that has been asked for, as one task."""
    global group
    asked, group = group, None
    if not asked:
        return
    from mpi4py import MPI

    (stream,) = {stream for stream, *_ in asked}
    read, written = ([span for each in asked for span in each[i]] for i in (1, 2))

    def exchange() -> None:
        MPI.Request.Waitall([begin() for *_, begin in asked])

    ask(stream, read, written, exchange)


def add(*asked: Any) -> None:
    """Notes a message. Outside a group it would wait for the other side, which does the same."""
    if group is None:
        raise NcclError("a message outside a group: both sides wait for each other")
    group.append(asked)


def ask(stream: int, read: list[Span], written: list[Span], work: Callable[[], None]) -> None:
    streams.streams[stream].ask(read, written, Task(work))


def at(address: int, count: int, datatype: int) -> tuple[numpy.ndarray, Span]:
    """The numbers at an address on the device."""
    dtype = numpy.dtype(DTYPES[datatype])
    whole = owner_at(address, dtype)()
    end = address + count * dtype.itemsize
    if count < 1 or whole is None or end > whole.ctypes.data + whole.nbytes:
        raise NcclError("unhandled cuda error: the array ends before")
    x = numpy.frombuffer((ctypes.c_char * (end - address)).from_address(address), dtype)
    return x, Span(weakref.ref(whole), address, end)


def meet(size: int, key: bytes, rank: int) -> Any:
    """The MPI communicator of all who have the key, in the order of their ranks."""
    from mpi4py import MPI

    world = MPI.COMM_WORLD
    root, number = map(int, key.split())
    own = (rank, world.Get_rank(), Device().pci_bus_id)
    if own[1] == root:
        members = [own, *(world.recv(tag=TAG + number) for _ in range(size - 1))]
        for _, other, _ in members[1:]:
            world.send(members, other, TAG + number)
    else:
        world.send(own, root, TAG + number)
        members = world.recv(source=root, tag=TAG + number)
    if len({gpu for *_, gpu in members}) < size:
        raise NcclError("invalid usage: duplicate GPU detected")
    chosen = [other for _, other, _ in sorted(members)]
    return world.Create_group(world.Get_group().Incl(chosen), TAG + number)
