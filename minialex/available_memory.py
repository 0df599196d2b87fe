"""How much memory is still to be had: the machine's, or what a control group or a limit of the
shell leaves this process."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/")

#: A byte that zlib has compressed stands for this many at most.
DEFLATE = 1032

#: How many bytes nobody asks for.
LITTLE = 1 << 20

#: Where a control group says its limit and what of it is used, in version 2 and 1; and what it
#: calls that which it would give up: files, and what the system keeps about them.
GROUPS = {
    "": ("memory.max", "memory.current", ("inactive_file", "active_file", "slab_reclaimable")),
    "memory": (
        "memory.limit_in_bytes",
        "memory.usage_in_bytes",
        ("total_inactive_file", "total_active_file"),
    ),
}


#: The shell's limits (ulimit -v and -d) as they are called in /proc/self/limits, and what counts
#: against them in /proc/self/status.
LIMITS = {"Max address space": "VmSize:", "Max data size": "VmData:"}


def available_memory(root: Path = ROOT) -> int | None:
    """The bytes that this process can still take before another one or itself is killed, swap
    space included; None where that is not known (elsewhere than on Linux). root: of the file
    system."""
    try:
        machine = numbers_in(root / "proc/meminfo")
        free = 1024 * (machine["MemAvailable:"] + machine.get("SwapFree:", 0))
        groups = (root / "proc/self/cgroup").read_text().splitlines()
    except (OSError, KeyError):
        return None
    left = [*left_by_groups(root / "sys/fs/cgroup", groups), *left_by_limits(root / "proc/self")]
    return max(0, min([free, *left]))


def check_fits(size: int) -> None:
    """MemoryError if so many bytes, which a file announces, are more than this process can take. A
    LITTLE is always there: to ask takes milliseconds."""
    available = available_memory() if size > LITTLE else None
    if available is not None and size > available:
        room = f"more than the {available / 1e6:,.0f} MB of memory that are free"
        raise MemoryError(f"it announces {size / 1e6:,.0f} MB, {room}")


def left_by_groups(root: Path, groups: list[str]) -> Iterator[int]:
    """What each control group around this process leaves it, where that is limited.

    root: where they are mounted; groups: the lines of /proc/self/cgroup, "number:controllers:path".
    """
    for line in groups:
        _, controllers, path = line.split(":", 2)
        controller = "memory" if "memory" in controllers.split(",") else controllers
        if controller not in GROUPS:
            continue
        limit, used, given_up = GROUPS[controller]
        place = root / controller / path.strip("/")
        for group in (place, *place.parents):
            try:
                most, current = (int((group / name).read_text()) for name in (limit, used))
                more = numbers_in(group / "memory.stat")
                yield most - current + sum(more.get(name, 0) for name in given_up)
            except (OSError, ValueError):  # "max", or no files: no limit here
                continue


def left_by_limits(process: Path) -> Iterator[int]:
    """What each of the LIMITS leaves this process, whose folder in /proc that is."""
    try:
        limits, taken = (process / "limits").read_text(), numbers_in(process / "status")
    except OSError:
        return
    for name, counted in LIMITS.items():
        most = re.search(rf"^{name} +(\d+)", limits, re.MULTILINE)  # or "unlimited"
        if most and counted in taken:
            yield int(most[1]) - 1024 * taken[counted]


def numbers_in(path: Path) -> dict[str, int]:
    """The lines "name number …" of a file."""
    words = (line.split() for line in path.read_text().splitlines())
    return {name: int(more[0]) for name, *more in words if more and more[0].isdigit()}
