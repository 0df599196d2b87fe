"""Processes that exchange arrays: what the rest of this package asks of MPI, and no more."""

import itertools
import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy

from minialex import backend
from minialex.backend import Array
from minialex.distributed.ring import RingSum
from minialex.errors import InputError


class Group:
    """The ranks that do something together, of which this process is number `rank` of `size`.

    comm: their mpi4py communicator; None is a group of one. Every method must be called by all
    ranks of the group, in the same order. Arrays on a GPU travel through the host's memory.
    """

    def __init__(self, comm: Any = None):
        self.comm = comm
        self.rank, self.size = (comm.Get_rank(), comm.Get_size()) if comm else (0, 1)
        self.tags = itertools.count(1)

    def split(self, colour: int) -> "Group":
        """The group of those ranks that name the same colour, in the order of their ranks here."""
        return Group(self.comm.Split(colour, self.rank)) if self.size > 1 else self

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
                problem = str(error)
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
        own = numpy.ascontiguousarray(backend.to_host(x))
        bounds = [0, *itertools.accumulate(int(numpy.prod(shape)) for shape in shapes)]
        everything = numpy.empty(bounds[-1], own.dtype)
        counts = numpy.diff(bounds).tolist()
        self.comm.Allgatherv(own, [everything, counts])
        pieces = [everything[slice(*pair)] for pair in itertools.pairwise(bounds)]
        found = [piece.reshape(shape) for piece, shape in zip(pieces, shapes, strict=True)]
        return [backend.to_device(part, backend.of(x)) for part in found]

    def added(self, parts: Sequence[Array]) -> Array:
        """The sum over all ranks of what each has for this one: `parts` are for rank 0, 1, …"""
        xp = backend.of(parts[0])
        blocks = [numpy.ascontiguousarray(backend.to_host(part)).reshape(-1) for part in parts]
        own = parts[self.rank]
        sent = numpy.concatenate(blocks)
        received = numpy.empty((self.size, *own.shape), own.dtype)
        counts = [block.size for block in blocks]
        self.comm.Alltoallv([sent, counts], [received, [own.size] * self.size])
        return backend.to_device(received.sum(axis=0), xp)

    def spread(self, x: Array) -> None:
        """Overwrites a contiguous array with rank 0's."""
        if self.size > 1:
            host = backend.to_host(x)
            self.comm.Bcast(host)
            if backend.on_gpu(x):
                x[...] = backend.to_device(host, backend.of(x))

    def sum(self, x: numpy.ndarray, room: numpy.ndarray | None = None) -> RingSum:
        """Begins to add up a contiguous array over the ranks, in place. `room` is memory to work
        in, for each rank's part of x."""
        if room is None:
            room = numpy.empty(-(-x.size // self.size), x.dtype)
        return RingSum(self.comm, x, next(self.tags), room)


ALONE = Group()
