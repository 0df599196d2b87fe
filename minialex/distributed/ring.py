"""The sum of an array over all ranks, each of which talks to its two neighbours only."""

from collections.abc import Iterator
from typing import Any

from minialex import backend
from minialex.backend import Array


class Ring:
    """Adds up arrays over the ranks of `comm`, in place and one at a time, while the caller works.

    An array is cut into one part for each of K ranks. In K − 1 rounds each rank sends a part to the
    next and adds what it receives to its own: then every rank has one part that is complete. In
    K − 1 more rounds the complete parts go around. So each rank sends 2 (K − 1) / K times the
    array, however many ranks there are, and each part is added up in one order: all ranks get the
    same bits. (Patarasuk and Yuan 2009, "Bandwidth optimal all-reduce algorithms".)

    room: where to receive, as large as the largest part.
    """

    def __init__(self, comm: Any, room: Array):
        from mpi4py import MPI

        self.testall = MPI.Request.Testall
        self.comm, self.room = comm, room
        self.size, self.rank = comm.Get_size(), comm.Get_rank()
        self.rounds: Iterator[None] = iter(())

    def begin(self, x: Array, tag: int, computed: Any = None) -> None:
        """Begins to add up the flat, contiguous array x, once the one before is complete.

        tag: tells its messages from those of another ring's sum that is under way. computed: the
        event after which a GPU has computed x.
        """
        self.rounds = self.run(x, tag, computed)
        self.advance()

    def advance(self) -> bool:
        """Goes as far as is possible without waiting; returns whether the sum is complete."""
        for _ in self.rounds:
            return False
        return True

    def run(self, x: Array, tag: int, computed: Any) -> Iterator[None]:
        """Adds up x, and yields whenever it has to wait."""
        parts = backend.of(x).array_split(x, self.size)
        for i in range(self.size - 1):
            own = parts[(self.rank - i - 1) % self.size]
            received = self.room[: own.size]
            yield from self.exchange(parts[(self.rank - i) % self.size], received, tag)
            self.add(own, received)
        for i in range(self.size - 1):
            own = parts[(self.rank - i) % self.size]
            yield from self.exchange(parts[(self.rank - i + 1) % self.size], own, tag)

    def exchange(self, sent: Array, received: Array, tag: int) -> Iterator[None]:
        """Sends one array to the next rank and receives another from the one before."""
        before, behind = (self.rank - 1) % self.size, (self.rank + 1) % self.size
        requests = [self.comm.Irecv(received, before, tag), self.comm.Isend(sent, behind, tag)]
        while not self.testall(requests):
            yield

    def add(self, own: Array, received: Array) -> None:
        """Adds what was received to this rank's own."""
        own += received

    def join(self) -> None:
        """Makes what the GPU is asked for from now on come after the sums so far."""
