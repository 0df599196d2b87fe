"""Starts the ranks of a command on this machine, as `mpirun -n K` would, and says in a line what
goes wrong."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType

from minialex import stop_signals
from minialex.cores import usable_cores
from minialex.errors import InputError
from minialex.streams import SIGPIPE, discard

#: Bytes of shared memory that ranks want to exchange messages through.
SHARED_MEMORY = 64 << 20

#: The signals that make all ranks save and stop; and the variable by which they know that --ranks
#: has started them, and how many.
STOPS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT")
STARTED = "MINIALEX_RANKS"

#: Where Open MPI 5 makes the folder in which mpirun keeps how to reach it, named by the number of
#: its process. It refuses to start where a killed one of the same number has left such a folder.
SCRATCH = "PRTE_MCA_prte_tmpdir_base"

#: What Open MPI says of a rank that was killed, of mpirun that cannot start, …: between such lines.
RULE = re.compile(r"-{60,}$")

#: What it adds when a job ends early.
NOISE = re.compile(r"\[\S+:\d+\] PMIX ERROR")


def launch(count: int, module: str, arguments: Sequence[str]) -> int:
    """Runs `python -m module arguments` on `count` ranks; returns its exit code.

    Ctrl-C, SIGTERM and the end of the terminal make all ranks save, and then stop; a second time
    they stop at once. InputError if there is no mpirun, or no core for each rank, or if stdout
    cannot be written.
    """
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
    process: subprocess.Popen | None = None

    def stop(number: int, frame: FrameType | None) -> None:
        caught.append(number)
        if process and len(caught) == 1:
            process.send_signal(signal.SIGTERM)
        elif process:
            os.killpg(process.pid, signal.SIGKILL)

    unwritten: list[OSError] = []
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
            )
            if caught:
                process.send_signal(signal.SIGTERM)
            code = pass_on(process, unwritten)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if len(caught) > 1:
        print("Ended at once: the last checkpoint is whole.", file=sys.stderr)
    if unwritten and not caught:
        if isinstance(unwritten[0], BrokenPipeError):
            return 128 + SIGPIPE
        raise InputError(f"standard output cannot be written: {unwritten[0].strerror}")
    return 128 + caught[0] if caught else code


def mpirun() -> str | None:
    """The mpirun beside this Python, or else the one that the shell would find."""
    here = str(Path(sys.executable).parent)
    return shutil.which("mpirun", path=os.pathsep.join([here, os.environ.get("PATH", "")]))


@contextlib.contextmanager
def environment() -> Iterator[dict[str, str]]:
    """The environment of mpirun: it may run as root, who knows what that means for Python; ranks
    talk by TCP where there is too little shared memory; and what it keeps while it runs is in a
    folder of its own, which is removed at the end."""
    found = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", **os.environ}
    try:
        free = shutil.disk_usage("/dev/shm").free
        shared = free >= SHARED_MEMORY and os.access("/dev/shm", os.W_OK)
    except OSError:
        shared = False
    if not shared and "OMPI_MCA_btl" not in os.environ:
        print("note: /dev/shm has too little room, the ranks talk by TCP", file=sys.stderr)
        found |= {"OMPI_MCA_btl": "self,tcp", "OMPI_MCA_pml": "ob1", "OMPI_MCA_osc": "^ucx"}
    own = dict(prefix="mpirun-", dir=os.environ.get(SCRATCH), ignore_cleanup_errors=True)
    with tempfile.TemporaryDirectory(**own) as folder:
        yield found | {SCRATCH: folder}


def pass_on(process: subprocess.Popen, unwritten: list[OSError]) -> int:
    """Passes on what mpirun and its ranks print until they end; returns the exit code."""
    readers = [
        threading.Thread(target=pass_on_output, args=(process, unwritten), daemon=True),
        threading.Thread(target=pass_on_errors, args=(process,), daemon=True),
    ]
    for reader in readers:
        reader.start()
    code = process.wait()
    for reader in readers:
        reader.join(1)
    return code


def pass_on_output(process: subprocess.Popen, unwritten: list[OSError]) -> None:
    """Passes on what ranks print. When it cannot be written any more, as nobody reads it behind
    `| head`, all save and stop, and the error is in `unwritten`."""
    assert process.stdout is not None
    for line in process.stdout:
        try:
            print(line, end="", flush=True)
        except OSError as error:
            unwritten.append(error)
            discard(sys.stdout)
            process.send_signal(signal.SIGTERM)


def pass_on_errors(process: subprocess.Popen) -> None:
    """Passes on the lines that ranks print on stderr. Of what mpirun itself says, in blocks between
    rules, only the first sentence, and only if no rank has said anything."""
    block: list[str] | None = None
    blocks, any_rank_spoke = [], False
    assert process.stderr is not None
    for text in process.stderr:
        line = text.replace("\0", "").rstrip()
        if RULE.match(line):
            if block:
                blocks.append(" ".join(block))
            block = [] if block is None else None
        elif block is not None:
            block.append(line.strip())
        elif line and not NOISE.match(line):
            any_rank_spoke = True
            with contextlib.suppress(OSError):
                print(line, file=sys.stderr, flush=True)
    stopped = process.wait() > 128 and "exited with non-zero status" in "".join(blocks)
    if blocks and not any_rank_spoke and not stopped:
        print(f"error: {cause(blocks[0])}", file=sys.stderr, flush=True)


def cause(block: str) -> str:
    """Why mpirun has ended, in a line."""
    killed = re.search(r"process rank (\d+) .*?on node (\S+) exited on\s+(signal .*?)\.", block)
    if killed:
        rank, host, why = killed.groups()
        return f"rank {rank} on {host}: ended by {why}"
    return block.partition(". ")[0]
