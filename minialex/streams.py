"""Standard streams that are closed, or that cannot be written to any more."""

import os
import sys
from typing import TextIO

#: The signal that ends a command whose output nobody reads any more, also where Windows has none.
SIGPIPE = 13


def open_closed() -> None:
    """Opens the null device as each standard stream that was closed when Python started, as by
    `>&-` in a shell.

    Python has None in its place. Its number is free, and would be that of the next file to be
    opened, into which libraries would then print.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            stream = open(os.devnull, mode, encoding="utf-8")  # noqa: SIM115
            os.set_inheritable(stream.fileno(), True)
            setattr(sys, name, stream)


def discard(stream: TextIO) -> None:
    """Makes the stream write to the null device from now on: also what Python would flush at its
    end, where an error changes the exit code."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def complain(line: str) -> None:
    """Prints a line on stderr. Where that cannot be written, the exit code has to tell."""
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:
        discard(sys.stderr)
