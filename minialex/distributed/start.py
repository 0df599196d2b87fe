"""How a process finds the others that mpirun has started with it, and how they begin and end."""

import contextlib
import hashlib
import io
import os
import socket
import sys
import time
import traceback
from collections.abc import Iterator
from typing import Any

from minialex.cores import usable_cores
from minialex.distributed.group import ALONE, Group
from minialex.errors import InputError, explained

#: What the mpirun of Open MPI, MPICH and Slurm's srun set for each process they start.
LAUNCHED = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK")

#: Seconds that a rank waits, when its connection to another one breaks, before it ends the job.
#: Until then mpirun has noticed which rank is dead, and says so; else it names the one that waits.
ABORT_DELAY = ("OMPI_MCA_opal_abort_delay", "1")

#: Seconds in which all ranks must have met the same error for it to be everybody's.
PATIENCE = 2.0


def launched() -> bool:
    """Whether mpirun, or the like, has started this process."""
    return any(name in os.environ for name in LAUNCHED)


def connect() -> Group:
    """All processes that mpirun has started together; a group of one where none has.

    InputError if there is an mpirun but no mpi4py that works with it, or no MPI that several
    threads may call.
    """
    if not launched():
        return ALONE
    os.environ.setdefault("OMPI_MCA_btl", "^ofi")  # which looks for fast networks for a second
    os.environ.setdefault(*ABORT_DELAY)
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        install = "python -m pip install -e '.[mpi]'"
        raise refusal(f"mpirun needs mpi4py and its MPI ({reason}): {install}") from None
    started = next((int(os.environ[n]) for n in LAUNCHED[:2] if n in os.environ), None)
    if started not in (None, MPI.COMM_WORLD.Get_size()):
        got = f"mpirun has started {started} processes, mpi4py finds {MPI.COMM_WORLD.Get_size()}"
        raise InputError(f"{got}: they belong to different MPIs")
    if MPI.Query_thread() < MPI.THREAD_MULTIPLE:
        version = MPI.Get_library_version().partition(",")[0]
        needs = "which needs MPI_THREAD_MULTIPLE"
        raise refusal(f"several threads of a rank call {version}, {needs}")
    return Group(MPI.COMM_WORLD.Dup())


def refusal(reason: str) -> InputError:
    """The error that all ranks meet, for rank 0 to raise. The others end here."""
    if os.environ.get("OMPI_COMM_WORLD_RANK", "0") != "0":
        time.sleep(10)  # the first to end ends all: rank 0 must be it, which says why
        raise SystemExit(2)
    return InputError(reason)


def host_group(ranks: Group) -> Group:
    """The ranks on the same machine as this one."""
    if ranks.size == 1:
        return ranks
    names = ranks.texts(socket.gethostname())
    return ranks.split(names.index(names[ranks.rank]))


def cores(host: Group) -> int:
    """How many cores this rank may use, where it shares them with others of its host."""
    if host.size == 1:
        return usable_cores()
    own = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(usable_cores())
    everyones = [set(cores) for cores in host.everyones(sorted(own))]
    return max(1, int(sum(1 / sum(core in others for others in everyones) for core in own)))


@contextlib.contextmanager
def first_on_host(host: Group) -> Iterator[None]:
    """The block, run by the first rank of each host before the others: what that one downloads or
    measures, they find."""
    if host.rank > 0:
        host.numbers(0)
    try:
        yield
    finally:
        if host.rank == 0:
            host.numbers(0)


def require_same(ranks: Group, about: dict[str, Any]) -> None:
    """InputError on all ranks, which names the first difference, unless all of them say the same
    `about` themselves."""
    if ranks.size == 1:
        return
    hosts = ranks.texts(socket.gethostname())
    first, *others = ranks.everyones(about)
    for rank, other in enumerate(others, 1):
        for name in {**first, **other}:
            if first.get(name) != other.get(name):
                here = f"rank 0 on {hosts[0]} has {name} {shown(first.get(name))}"
                there = f"rank {rank} on {hosts[rank]} has {shown(other.get(name))}"
                raise InputError(f"all ranks must do the same: {here}, {there}")


def shown(value: Any) -> str:
    """The value in words; of one that is too long for a line, a hash."""
    text = str(value)
    if len(text) <= 60:
        return text
    return f"one with hash {hashlib.blake2b(text.encode(), digest_size=4).hexdigest()}"


def digest(arrays: Any) -> str:
    """A hash of the arrays' bytes."""
    state = hashlib.blake2b(digest_size=16)
    for array in arrays:
        state.update(memoryview(array).cast("B"))
    return state.hexdigest()


@contextlib.contextmanager
def together(ranks: Group) -> Iterator[None]:
    """The block of a command that all ranks run: only rank 0 prints, and no rank is left alone.

    An error that all ranks meet is raised on all, to be printed by rank 0. If one fails and the
    others do not, it says so, with its rank and its host, and ends the whole job.
    """
    if ranks.size == 1:
        yield
        return
    said = io.StringIO()
    errors = ranks.comm.Dup()
    try:
        with contextlib.ExitStack() as silence:
            if ranks.rank > 0:
                nowhere = silence.enter_context(open(os.devnull, "w", encoding="utf-8"))
                silence.enter_context(contextlib.redirect_stdout(nowhere))
                silence.enter_context(contextlib.redirect_stderr(said))
            yield
    except BaseException as error:
        if isinstance(error, SystemExit) and not error.code:
            raise
        request = errors.Ibarrier()
        patience = time.monotonic() + PATIENCE
        while not request.Test() and time.monotonic() < patience:
            time.sleep(0.01)
        if request.Test():
            if ranks.rank == 0:
                raise
            raise SystemExit(2) from None
        report(error, ranks.rank, said.getvalue())
        ranks.comm.Abort(2)


def report(error: BaseException, rank: int, said: str) -> None:
    """Says on stderr why this rank ends."""
    if isinstance(error, SystemExit):  # a parser's, which has said why
        cause = said.strip()
    elif isinstance(error, InputError | OSError):
        cause = explained(error)
    elif isinstance(error, MemoryError):
        cause = f"out of memory: {error}"
    else:
        traceback.print_exception(error)
        cause = f"{type(error).__name__}: {error}"
    line = " ".join(cause.split())
    print(f"error: rank {rank} on {socket.gethostname()}: {line}", file=sys.stderr, flush=True)
