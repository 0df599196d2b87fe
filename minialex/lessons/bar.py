"""A line below what a cell prints, while it computes: for how long, and how far it should be."""

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import TextIO

from tqdm import tqdm

#: Seconds before the line appears, and between two versions of it.
PATIENCE, PACE = 3.0, 0.5

ERASE_LINE = "\r\033[2K"


class Bar:
    """A line that a thread of its own redraws in a terminal, from when a cell has computed for
    three seconds until it is done.

    out: the terminal; expected: how many seconds the cell should take, None if that is not known.
    """

    def __init__(self, out: TextIO, expected: float | None):
        self.out, self.expected = out, expected
        self.start = time.monotonic()
        self.lock = threading.Lock()
        self.done = threading.Event()
        self.drawn = False
        self.at_line_start = True
        self.thread = threading.Thread(target=self.redraw, daemon=True)

    def __enter__(self) -> "Bar":
        self.thread.start()
        return self

    def __exit__(self, *error) -> None:
        self.done.set()
        self.thread.join()
        with self.out_of_the_way(True):
            pass

    def redraw(self) -> None:
        """What the thread does."""
        pause = PATIENCE
        while not self.done.wait(pause):
            pause = PACE
            with self.lock:
                if self.at_line_start:
                    self.out.write(ERASE_LINE + line(time.monotonic() - self.start, self.expected))
                    self.out.flush()
                    self.drawn = True

    @contextlib.contextmanager
    def out_of_the_way(self, at_line_start: bool) -> Iterator[None]:
        """No line in the terminal while something is written there; afterwards it comes back if the
        terminal is at the start of a line."""
        with self.lock:
            if self.drawn:
                self.out.write(ERASE_LINE)
                self.out.flush()
                self.drawn = False
            yield
            self.at_line_start = at_line_start


def line(elapsed: float, expected: float | None) -> str:
    """The line after so many seconds, of those that were expected."""
    if expected is None:
        return f"computing, {tqdm.format_interval(elapsed)}"
    if elapsed > expected:
        over = f"{tqdm.format_interval(elapsed)}, longer than expected"
        return f"computing, {over} ({tqdm.format_interval(expected)})"
    return tqdm.format_meter(
        elapsed, expected, elapsed, ncols=60, bar_format="{percentage:3.0f}% {bar} {remaining} left"
    )
