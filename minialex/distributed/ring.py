"""The sum of an array over all ranks, each of which talks to its two neighbours only."""

from collections.abc import Iterator
from typing import Any

import numpy


class RingSum:
    """Adds up the contiguous array x over the ranks of `comm`, in place, while the caller works.

    x is cut into one part for each of K ranks. In K − 1 rounds each rank sends a part to the next
    and adds what it receives to its own: then every rank has one part that is complete. In K − 1
    more rounds the complete parts go around. So each rank sends 2 (K − 1) / K times x, however many
    ranks there are, and each part is added up in one order: all ranks get the same bits.
    (Patarasuk and Yuan 2009, "Bandwidth optimal all-reduce algorithms".)

    tag: tells the messages of this sum from those of another that is under way. room: where to
    receive, as large as the largest part.
    """

    def __init__(self, comm: Any, x: numpy.ndarray, tag: int, room: numpy.ndarray):
        from mpi4py import MPI

        self.testall = MPI.Request.Testall
        self.rounds = self.run(comm, x, tag, room)
        self.requests = next(self.rounds, None)

    def advance(self) -> bool:
        """Goes as far as is possible without waiting; returns whether the sum is complete."""
        while self.requests and self.testall(self.requests):
            self.requests = next(self.rounds, None)
        return not self.requests

    @staticmethod
    def run(comm: Any, x: numpy.ndarray, tag: int, room: numpy.ndarray) -> Iterator[list]:
        """Yields the requests of each round, to be resumed when they are done."""
        size, rank = comm.Get_size(), comm.Get_rank()
        before, behind = (rank - 1) % size, (rank + 1) % size
        parts = numpy.array_split(x.reshape(-1), size)
        for i in range(size - 1):
            own = parts[(rank - i - 1) % size]
            received = room[: own.size]
            yield exchange(comm, parts[(rank - i) % size], behind, received, before, tag)
            own += received
        for i in range(size - 1):
            own = parts[(rank - i) % size]
            yield exchange(comm, parts[(rank - i + 1) % size], behind, own, before, tag)


def exchange(comm: Any, sent: numpy.ndarray, to: int, room: numpy.ndarray, origin: int, tag: int):
    """The requests of sending one array and receiving another."""
    return [comm.Irecv(room, origin, tag), comm.Isend(sent, to, tag)]
