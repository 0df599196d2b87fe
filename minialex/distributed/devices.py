"""Which way arrays on GPUs take from rank to rank."""

import functools
import socket
import sys
from types import ModuleType

import numpy

from minialex import backend
from minialex.distributed.group import Group
from minialex.distributed.nccl import Nccl
from minialex.distributed.start import require_same
from minialex.distributed.transport import Direct


def on_devices(ranks: Group, xp: ModuleType, cuda_aware_mpi: bool = False) -> Group:
    """The same ranks, ready for arrays of the module xp.

    On GPUs these travel by NCCL if each rank has a GPU of its own and NCCL starts, else through the
    host's memory, and a note says why. With cuda_aware_mpi, MPI reads and writes GPUs by itself; if
    it cannot, the program crashes.
    """
    if ranks.size == 1:
        return ranks
    require_same(ranks, {"arrays of": xp.__name__})
    if xp is numpy:
        return ranks
    if cuda_aware_mpi:
        return Group(ranks.comm, Direct)
    by_nccl = functools.partial(Nccl, xp=xp, stream=xp.cuda.Stream(non_blocking=True))
    group = Group(ranks.comm, by_nccl)
    problem = nccl_problem(group, xp)
    if problem and ranks.rank == 0:
        print(f"note: arrays go through the host's memory, as {problem}", file=sys.stderr)
    return ranks if problem else group


def nccl_problem(ranks: Group, xp: ModuleType) -> str | None:
    """Why these ranks, which would exchange arrays of the module xp by NCCL, cannot; None if they
    can."""
    if len(set(ranks.texts(f"{socket.gethostname()} {backend.gpu(xp)}"))) < ranks.size:
        return "ranks share a GPU"
    if not ranks.numbers(backend.nccl(xp) is not None).all():
        return "NCCL is missing: python -m pip install nvidia-nccl-cu12 (or -cu13)"
    problem = None
    try:
        x = xp.ones(1)
        sums = ranks.sums(x)
        sums.begin(x)
        sums.wait()
        if float(x[0]) != ranks.size:
            problem = f"adds up {ranks.size} ones to {float(x[0])}"
    except Exception as error:  # CuPy raises many kinds
        problem = " ".join(str(error).split())
    problems = [text for text in ranks.everyones(problem) if text]
    return f"NCCL does not work: {problems[0]}" if problems else None
