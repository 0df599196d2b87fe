"""What Linux says of other processes; elsewhere none has children, and none is alive."""

import contextlib
from pathlib import Path


def state(pid: int) -> str:
    """The letter of the process's state: R runs, S sleeps, T is stopped, Z only waits to be
    buried; "" if there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def is_alive(pid: int) -> bool:
    """Whether there is such a process, and it is not one that only waits to be buried."""
    return state(pid) not in ("", "Z", "X")


def children(pid: int) -> list[int]:
    """The processes that this one has started and that are not buried yet; those of one of its
    threads in the order in which it did."""
    found: list[int] = []
    for file in sorted(Path(f"/proc/{pid}/task").glob("*/children")):
        with contextlib.suppress(OSError):  # the thread has ended
            found += map(int, file.read_text().split())
    return found
