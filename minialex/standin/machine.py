"""The machine that is played, and what is under way on it.

These variables are all that one sets from outside: `standin.machine.device_count = 4`, before the
code to be tried runs.
"""

import contextlib
import threading
from collections.abc import Iterator

from minialex.standin.account import Account
from minialex.standin.recording import Recording

#: How many devices there are; nothing checks on which one an array lies.
device_count = 1
#: Bytes that the device says are free; not enforced.
free_memory = 80_000_000_000
#: Whether MPI can read and write the device's memory.
mpi_is_cuda_aware = False
#: Why NCCL starts no communicator; None if it does.
nccl_problem: str | None = None

#: What counts at present; `accounting` replaces it.
account = Account()
#: The graph that is being recorded, if one is.
recording: Recording | None = None


@contextlib.contextmanager
def accounting() -> Iterator[Account]:
    """`with accounting() as account` counts only what happens within it."""
    global account
    before, account = account, Account()
    try:
        yield account
    finally:
        account = before


def recorded_here() -> Recording | None:
    """What records the work of this thread."""
    mine = recording and recording.thread is threading.current_thread()
    return recording if mine else None


def refuse_while_recording(what: str) -> None:
    """RuntimeError while a graph is recorded, as CUDA has it."""
    if recorded_here():
        raise RuntimeError(f"cudaErrorStreamCaptureUnsupported: {what} while a graph is recorded")


def wait() -> None:
    """Notes that the host waits, which it must not while a graph is recorded. A thread of its
    own may wait: it keeps nobody from working."""
    refuse_while_recording("the host waits for the device")
    if threading.current_thread() is threading.main_thread():
        account.waits += 1
