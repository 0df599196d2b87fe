"""Signals that ask training to save and stop: Ctrl-C, a scheduler's SIGTERM, a terminal that
closes."""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from typing import Protocol

from minialex.streams import SIGPIPE


class Stoppable(Protocol):
    """What stops, and saves, soon after `signal` is set to the number of one."""

    signal: int


def caught(names: Sequence[str] = ("SIGINT", "SIGTERM", "SIGHUP")) -> list[int]:
    """The numbers of these signals, where this system has them; without SIGHUP where nohup has this
    process ignore it."""
    found = {name: getattr(signal, name) for name in names if hasattr(signal, name)}
    if "SIGHUP" in found and signal.getsignal(found["SIGHUP"]) == signal.SIG_IGN:
        del found["SIGHUP"]
    return list(found.values())


@contextlib.contextmanager
def stop_on_signal(training: Stoppable) -> Iterator[None]:
    """Within it the first signal lets the step under way finish and stops; the second ends at
    once."""
    terminals = [stream.fileno() for stream in (sys.stdout, sys.stderr) if stream.isatty()]

    def stop(number, frame):
        if training.signal not in (0, SIGPIPE):  # of that one nobody has been told
            raise KeyboardInterrupt
        training.signal = number
        for place in terminals:
            if not os.isatty(place):  # it is closed, and an error to write to
                os.dup2(os.open(os.devnull, os.O_WRONLY), place)

    before = {number: signal.signal(number, stop) for number in caught()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
