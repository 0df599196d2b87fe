"""Passes on what an mpirun and its ranks print, and says in a line what goes wrong."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field

from minialex.distributed.processes import children, is_alive, state
from minialex.streams import discard

#: Seconds between two looks whether mpirun waits in vain.
LOOK = 0.5

#: What Open MPI says of a rank that was killed, of mpirun that cannot start, …: between such lines.
RULE = re.compile(r"-{60,}$")

#: What it and MPI say line by line, in every rank's name.
NOISE = re.compile(
    r"\[\S+:\d+\] |\*\*\*\s+(An error|reported by|on a |MPI_|and MPI|and potentially|This is)"
)

#: How the line begins in which training says that it has ended.
ENDS = ("Stopped.", "Done")

#: What it says of a rank that a signal has ended.
KILLED = re.compile(r"process rank (\d+) .*?on node (\S+) exited on\s+(signal .*?)\.")


@dataclass
class Said:
    """What has been said.

    how_it_ended   whether a rank has said that training has stopped or is done
    by_a_rank      whether a rank has printed an error
    blocks, lines  what mpirun and MPI themselves have said, in blocks and in single lines
    unwritten      why what ranks say cannot be passed on any more, if so
    """

    how_it_ended: bool = False
    by_a_rank: bool = False
    blocks: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    unwritten: OSError | None = None


def pass_on(process: subprocess.Popen, said: Said) -> int:
    """Passes on what mpirun and its ranks print until they end; returns the exit code."""
    readers = [
        threading.Thread(target=pass_on_output, args=(process, said), daemon=True),
        threading.Thread(target=pass_on_errors, args=(process, said), daemon=True),
    ]
    for reader in readers:
        reader.start()
    while process.poll() is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(LOOK)
        release(process.pid)
    for reader in readers:
        reader.join(1)
    return process.returncode


def release(mpirun: int) -> None:
    """Lets mpirun go on, if a rank has stopped it (see hold.py) and none is left to do that."""
    if state(mpirun) == "T" and not any(map(is_alive, children(mpirun))):
        os.kill(mpirun, signal.SIGCONT)


def pass_on_output(process: subprocess.Popen, said: Said) -> None:
    """Passes on what ranks print. When it cannot be written any more, as nobody reads it behind
    `| head`, all save and stop."""
    assert process.stdout is not None
    for line in process.stdout:
        said.how_it_ended = said.how_it_ended or line.startswith(ENDS)
        try:
            print(line, end="", flush=True)
        except OSError as error:
            said.unwritten = error
            discard(sys.stdout)
            process.send_signal(signal.SIGTERM)


def pass_on_errors(process: subprocess.Popen, said: Said) -> None:
    """Passes on the lines that ranks print on stderr, and keeps in `said` what mpirun, in blocks
    between rules, and MPI say."""
    block: list[str] | None = None
    assert process.stderr is not None
    for text in process.stderr:
        line = text.replace("\0", "").rstrip()
        if RULE.match(line):
            if block:
                said.blocks.append(" ".join(block))
            block = [] if block is None else None
        elif block is not None:
            block.append(line.strip())
        elif NOISE.match(line):
            said.lines.append(line.partition("] ")[2] or line.lstrip("* "))
        elif line:
            said.by_a_rank = True
            with contextlib.suppress(OSError):
                print(line, file=sys.stderr, flush=True)


def concluded(code: int, said: Said) -> int:
    """The exit code for mpirun's own. Unless a rank has said why, a line says what mpirun has: the
    first sentence, and not that some rank has ended, as they do when they are told to."""
    if code < 0:
        name = signal.Signals(-code).name
        why = ": is there room where temporary files go?" if name == "SIGBUS" else ""
        print(f"error: mpirun was ended by {name}{why}", file=sys.stderr, flush=True)
        return 128 - code
    words = said.blocks or said.lines
    stopped = code > 128 and "exited with non-zero status" in "".join(words)
    if said.by_a_rank or stopped or not words:
        return code
    killed = next(filter(None, map(KILLED.search, words)), None)
    if killed:
        rank, host, why = killed.groups()
        line = f"rank {rank} on {host}: ended by {why}"
    else:
        line = words[0].partition(". ")[0]
    print(f"{'error' if code else 'note'}: {line}", file=sys.stderr, flush=True)
    return code if killed or not code else 2
