"""Processes that exchange arrays: what the rest of this package asks of MPI, and no more."""

import json
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy

from minialex import backend
from minialex.backend import Array
from minialex.distributed.sums import Sums
from minialex.distributed.transport import Direct, Staged, Transport, pieces
from minialex.errors import InputError, explained


class Group:
    """The ranks that do something together, of which this process is number `rank` of `size`.

    comm: their mpi4py communicator; None is a group of one. Every method must be called by all
    ranks of the group, in the same order.
    for_gpus: makes, of a communicator, the transport for arrays on GPUs.
    """

    def __init__(self, comm: Any = None, for_gpus: Callable[[Any], Transport] = Staged):
        self.comm, self.for_gpus = comm, for_gpus
        self.on_host = Direct(comm)
        self.on_gpu: Transport | None = None  #: made when it is needed
        self.rank, self.size = (comm.Get_rank(), comm.Get_size()) if comm else (0, 1)

    def split(self, colour: int) -> "Group":
        """The group of those ranks that name the same colour, in the order of their ranks here."""
        if self.size == 1:
            return self
        return Group(self.comm.Split(colour, self.rank), self.for_gpus)

    def share(self, count: int, rank: int | None = None) -> slice:
        """The part of 0..count that is dealt to this rank, or another: all parts are as even as
        possible."""
        rank = self.rank if rank is None else rank
        return slice(count * rank // self.size, count * (rank + 1) // self.size)

    def numbers(self, *values: float) -> numpy.ndarray:
        """The values of every rank, float64 (size, values)."""
        own = numpy.array(values, numpy.float64)
        if self.size == 1:
            return own[None]
        everyones = numpy.empty((self.size, len(own)))
        self.comm.Allgather(own, everyones)
        return everyones

    def totals(self, *values: float) -> tuple[float, ...]:
        """The sum of each value over the ranks: the same bits on each."""
        return tuple(self.numbers(*values).sum(axis=0).tolist())

    def any(self, flag: bool) -> bool:
        """Whether the flag is set on any rank."""
        return (self.size > 1 and bool(self.numbers(flag).any())) or flag

    def texts(self, text: str) -> list[str]:
        """The text of every rank."""
        if self.size == 1:
            return [text]
        own = numpy.frombuffer(text.encode(), numpy.uint8)
        return [part.tobytes().decode() for part in self.parts(own)]

    def everyones(self, thing: Any) -> list[Any]:
        """What every rank has, as JSON can hold it."""
        return [json.loads(text) for text in self.texts(json.dumps(thing))]

    def on_first(self, function: Callable[[], Any]) -> Any:
        """What the function returns on rank 0, which alone calls it; None on the others.

        If rank 0 cannot read or write a file, that is an InputError on all of them.
        """
        result = problem = None
        if self.rank == 0:
            try:
                result = function()
            except (InputError, OSError) as error:
                if self.size == 1:
                    raise
                problem = explained(error)
        problem = self.everyones(problem)[0]
        if problem is not None:
            raise InputError(problem)
        return result

    def parts(self, x: numpy.ndarray) -> list[numpy.ndarray]:
        """The array of every rank; they differ at most in the length of their first axis."""
        if self.size == 1:
            return [x]
        lengths = self.numbers(len(x))[:, 0].astype(int).tolist()
        return self.gathered(x, [(length, *x.shape[1:]) for length in lengths])

    def gathered(self, x: Array, shapes: Sequence[tuple[int, ...]]) -> list[Array]:
        """The array of every rank, of the given shapes."""
        xp, counts = backend.of(x), [math.prod(shape) for shape in shapes]
        everything = xp.empty(sum(counts), x.dtype)
        self.transport(x).gather(xp.ascontiguousarray(x), everything, counts)
        found = pieces(everything, counts)
        return [piece.reshape(shape) for piece, shape in zip(found, shapes, strict=True)]

    def added(self, parts: Sequence[Array]) -> Array:
        """The sum over all ranks of what each has for this one: `parts` are for rank 0, 1, …"""
        own = parts[self.rank]
        sent = backend.of(own).concatenate([part.reshape(-1) for part in parts])
        received = backend.of(own).empty((self.size, *own.shape), own.dtype)
        self.transport(own).exchange(sent, [part.size for part in parts], received)
        return received.sum(axis=0)

    def spread(self, x: Array) -> None:
        """Overwrites a contiguous array with rank 0's."""
        if self.size > 1:
            self.transport(x).spread(x)

    def sums(self, like: Array) -> Sums:
        """What adds up arrays such as `like` over the ranks. Two of these must not be at work at
        once."""
        return self.transport(like).sums(like)

    def transport(self, x: Array) -> Transport:
        """What takes an array like x from rank to rank."""
        if not backend.on_gpu(x):
            return self.on_host
        if self.on_gpu is None:
            self.on_gpu = self.for_gpus(self.comm)
        return self.on_gpu


ALONE = Group()
