"""Starts the ranks of a command on this machine, as `mpirun -n K` would."""

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType

from minialex import stop_signals
from minialex.cores import usable_cores
from minialex.distributed.processes import children, is_alive
from minialex.distributed.relay import Said, concluded, pass_on
from minialex.errors import InputError
from minialex.streams import SIGPIPE

#: Bytes of shared memory that ranks want to exchange messages through.
SHARED_MEMORY = 64 << 20

#: The signals that make all ranks save and stop; and the variable by which they know that --ranks
#: has started them, and how many.
STOPS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT")
STARTED = "MINIALEX_RANKS"

#: Linux's prctl(PR_SET_PDEATHSIG, …): which signal a process gets when its parent ends.
SET_PARENT_DEATH_SIGNAL = 1

#: What can be relied on, however the ranks have ended.
WHOLE = "The last checkpoint, if there is one, is whole."

#: Seconds that ranks have to end that were killed.
LAST = 10


def launch(count: int, module: str, arguments: Sequence[str]) -> int:
    """Runs `python -m module arguments` on `count` ranks; returns its exit code.

    Ctrl-C, SIGTERM and the end of the terminal make all ranks save, and then stop, as does the end
    of this process; a second time they stop at once. InputError if there is no mpirun, or no core
    for each rank, or if stdout cannot be written.
    """
    os.getcwd()  # mpirun needs a current folder, which may have been removed
    path = mpirun()
    if path is None:
        install = "python -m pip install -e '.[mpi]'"
        raise InputError(f"--ranks {count} needs mpirun, and there is none: {install}")
    cores = usable_cores()
    if count > cores:
        more = "mpirun --host starts more on other machines"
        raise InputError(f"--ranks {count} wants a core for each, this process has {cores}: {more}")
    command = [path, "--stdin", "none", "-n", str(count), sys.executable, "-m", module]
    caught: list[int] = []
    ranks: list[int] = []
    process: subprocess.Popen | None = None

    def stop(number: int, frame: FrameType | None) -> None:
        caught.append(number)
        if process and len(caught) == 1:
            process.send_signal(signal.SIGTERM)
        elif process:
            ranks.extend(children(process.pid))
            for pid in [process.pid, *ranks]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    said = Said()
    before = {number: signal.signal(number, stop) for number in stop_signals.caught(STOPS)}
    try:
        with environment() as variables:
            process = subprocess.Popen(
                [*command, *arguments],
                env=variables | {STARTED: str(count)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,  # Ctrl-C is for this process, which passes it on
                preexec_fn=ended_with_its_parent(),
            )
            if caught:
                process.send_signal(signal.SIGTERM)
            code = pass_on(process, said)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if len(caught) > 1:
        latest = time.monotonic() + LAST
        while any(map(is_alive, ranks)) and time.monotonic() < latest:
            time.sleep(0.01)
        print(f"Ended at once. {WHOLE}", file=sys.stderr)
    else:
        code = concluded(code, said)
        if caught and not (said.by_a_rank or said.how_it_ended):
            print(f"Stopped, perhaps without saving. {WHOLE}", file=sys.stderr)
    if said.unwritten and not caught:
        if isinstance(said.unwritten, BrokenPipeError):
            return 128 + SIGPIPE
        raise InputError(f"standard output cannot be written: {said.unwritten.strerror}")
    return 128 + caught[0] if caught else code


def mpirun() -> str | None:
    """The mpirun beside this Python, or else the one that the shell would find."""
    here = str(Path(sys.executable).parent)
    return shutil.which("mpirun", path=os.pathsep.join([here, os.environ.get("PATH", "")]))


@contextlib.contextmanager
def environment() -> Iterator[dict[str, str]]:
    """The environment of mpirun: it may run as root, who knows what that means for Python; ranks
    talk by TCP where there is too little shared memory; and temporary files are in a folder of its
    own, which is removed at the end.

    Open MPI 5 keeps how to reach mpirun in a folder that is called by the number of its process,
    and refuses to start where a killed one of the same number has left such a folder.
    """
    found = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", **os.environ}
    try:
        free = shutil.disk_usage("/dev/shm").free
        shared = free >= SHARED_MEMORY and os.access("/dev/shm", os.W_OK)
    except OSError:
        shared = False
    if not shared and "OMPI_MCA_btl" not in os.environ:
        why = "/dev/shm has too little room, or may not be written to"
        print(f"note: {why}: the ranks talk by TCP", file=sys.stderr)
        found |= {"OMPI_MCA_btl": "self,tcp", "OMPI_MCA_pml": "ob1", "OMPI_MCA_osc": "^ucx"}
    with tempfile.TemporaryDirectory(prefix="mpirun-", ignore_cleanup_errors=True) as folder:
        yield found | {"TMPDIR": os.path.abspath(folder)}


def ended_with_its_parent() -> Callable[[], None] | None:
    """What mpirun does before it begins, on Linux: it asks for a SIGTERM when this process ends,
    lest ranks train on that nobody sees."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)
