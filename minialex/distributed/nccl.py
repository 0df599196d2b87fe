"""Arrays straight from GPU to GPU, by NVIDIA's library NCCL."""

import contextlib
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

from minialex import backend
from minialex.backend import Array
from minialex.distributed.sums import Sums
from minialex.distributed.transport import pieces


class Nccl:
    """A transport between ranks of which each has a GPU of its own.

    comm: their MPI communicator, by which they find each other. xp: their array module.
    stream: where the GPU does all that any of a process's communicators is asked for. NCCL's
    kernels wait for those on other GPUs, so they must begin in the same order on all of them; two
    communicators on two streams may wait for each other for ever (NVIDIA's NCCL user guide, "Using
    multiple NCCL communicators concurrently"). The host never waits.

    RuntimeError if NCCL cannot start.
    """

    def __init__(self, comm: Any, xp: ModuleType, stream: Any):
        found = backend.nccl(xp)
        assert found is not None
        self.nccl, self.cuda, self.stream = found, xp.cuda, stream
        self.rank, self.size = comm.Get_rank(), comm.Get_size()
        key = comm.bcast(unique_id(self.nccl) if self.rank == 0 else None)
        if isinstance(key, Exception):
            raise RuntimeError(str(key))
        self.comm = self.nccl.NcclCommunicator(self.size, key, self.rank)

    def gather(self, own: Array, everything: Array, counts: Sequence[int]) -> None:
        self.swap([own] * self.size, pieces(everything, counts))

    def exchange(self, sent: Array, counts: Sequence[int], received: Array) -> None:
        self.swap(pieces(sent, counts), [received[rank] for rank in range(self.size)])

    def spread(self, x: Array) -> None:
        with self.in_order():
            self.comm.broadcast(x.data.ptr, x.data.ptr, x.size, self.dtype(x), 0, self.stream.ptr)

    def sums(self, like: Array) -> Sums:
        return NcclSums(self)

    def swap(self, sent: Sequence[Array], received: Sequence[Array]) -> None:
        """Sends each rank the array of its number, and receives one from each."""
        with self.in_order():
            with self.stream:
                received[self.rank].reshape(-1)[...] = sent[self.rank].reshape(-1)
            self.nccl.groupStart()
            for rank in range(self.size):
                if rank == self.rank:
                    continue
                for array, call in (sent[rank], self.comm.send), (received[rank], self.comm.recv):
                    if array.size:
                        call(array.data.ptr, array.size, self.dtype(array), rank, self.stream.ptr)
            self.nccl.groupEnd()

    @contextlib.contextmanager
    def in_order(self) -> Iterator[None]:
        """What NCCL is asked for in it comes after all that the GPU was asked for before, and
        before all that it is asked for later."""
        self.follow()
        yield
        self.lead()

    def follow(self) -> None:
        """Makes NCCL wait for what the GPU has been asked for so far."""
        self.stream.wait_event(self.cuda.get_current_stream().record())

    def lead(self) -> None:
        """Makes the GPU wait for what NCCL has been asked for so far."""
        self.cuda.get_current_stream().wait_event(self.stream.record())

    def dtype(self, x: Array) -> int:
        """NCCL's number for the dtype of x."""
        return getattr(self.nccl, f"NCCL_{x.dtype.name.upper()}")


class NcclSums:
    """Sums that the GPU makes by itself beside the computation, each of the whole array."""

    def __init__(self, ranks: Nccl):
        self.ranks = ranks

    def begin(self, x: Array) -> None:
        ranks, place = self.ranks, x.data.ptr
        ranks.follow()
        about = (x.size, ranks.dtype(x), ranks.nccl.NCCL_SUM, ranks.stream.ptr)
        ranks.comm.allReduce(place, place, *about)

    def advance(self) -> bool:
        return True

    def wait(self) -> None:
        self.ranks.lead()


def unique_id(nccl: ModuleType) -> Any:
    """What the ranks of a new communicator know each other by; or why there is none."""
    try:
        return nccl.get_unique_id()
    except Exception as error:  # all ranks must hear of it
        return error
