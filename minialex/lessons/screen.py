"""A terminal that waits when it is full: Enter goes on, b goes back, q quits."""

import contextlib
import io
import os
import shutil
import sys
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from minialex.lessons.bar import Bar

PROMPT = "Enter continues, b goes back, q quits: "
GUESS = "your guess (Enter skips): "

#: Up one line, and that line erased.
ERASE = "\033[A\033[2K"


class Quit(BaseException):
    """The reader has had enough. No Exception, since a lesson's code may be what is printing when
    the reader says so, and must not take it for a failure of its own."""


class Screen(io.TextIOBase):
    """Where a lesson's text goes and what it prints: a file that counts its lines.

    waits: whether there is somebody who presses Enter; if not, nothing ever waits.
    """

    def __init__(self, waits: bool):
        self.columns, self.rows = shutil.get_terminal_size((80, 24))
        self.out = sys.stdout
        self.console = Console(file=self.out, width=min(80, self.columns), highlight=False)
        self.waits = waits
        self.past: list[str] = []
        self.text = ""  # since it last waited
        self.bar: Bar | None = None  # while a cell computes

    def write(self, text: str) -> int:
        """Writes to the terminal, and waits before each line for which there is no row left."""
        for piece in text.splitlines(keepends=True):
            at_start = not self.text or self.text.endswith("\n")
            if self.waits and at_start and self.rows_of(self.text) >= self.rows - 1:
                with self.bar_away(True):
                    self.wait()
            with self.bar_away(piece.endswith("\n")):
                self.out.write(piece)
                self.out.flush()
            self.text += piece
        return len(text)

    @contextlib.contextmanager
    def computing(self, expected: float | None) -> Iterator[None]:
        """With a bar, where somebody waits for a cell that should take `expected` seconds."""
        with Bar(self.out, expected) if self.waits else contextlib.nullcontext() as self.bar:
            yield
        self.bar = None

    def bar_away(self, at_line_start: bool) -> contextlib.AbstractContextManager[None]:
        """No bar while something is written, after which a line starts, or one goes on."""
        return self.bar.out_of_the_way(at_line_start) if self.bar else contextlib.nullcontext()

    def show(self, lines: Sequence[str], room: int = 0) -> None:
        """Writes lines that belong together: on a new screen if this one has not enough rows left
        for them, and for `room` more."""
        block = "".join(f"{line}\n" for line in lines)
        if self.rows_of(f"{self.text}\n{block}") + room >= self.rows:
            self.turn()
        apart = not self.text or self.text.endswith("\n\n")
        self.write(block if apart else f"\n{block}")

    def turn(self) -> None:
        """Waits until the reader is done with what is on the screen, if anything is."""
        if self.waits and self.text:
            self.wait()

    def rows_of(self, text: str) -> int:
        """How many rows of the terminal a text takes."""
        widths = [Text.from_ansi(line).cell_len for line in text.splitlines()]
        return sum(max(1, -(-width // self.columns)) for width in widths)

    def wait(self) -> None:
        """Returns when the reader wants to see the next screen, on which nothing is yet."""
        self.past.append(self.text)
        self.text = ""
        at = len(self.past)
        while True:
            answer = self.asked(PROMPT).lower()
            if os.environ.get("TERM") != "dumb":
                self.out.write(ERASE)
            if answer == "" and at == len(self.past):
                return
            if answer in ("", "b"):
                at = max(1, at - 1) if answer == "b" else at + 1
                self.out.write(self.past[at - 1])

    def guess(self) -> str:
        """What the reader guesses, "" if nothing or if nobody is there."""
        guessed = self.asked(GUESS) if self.waits else ""
        self.text += f"\n{GUESS}{guessed}\n" if self.waits else ""
        return guessed

    def asked(self, prompt: str) -> str:
        """What the reader types. Quit at q, Ctrl-C, Ctrl-D."""
        forget_typed()
        self.out.write(f"\n{prompt}")
        self.out.flush()
        try:
            answer = input()
        except (EOFError, KeyboardInterrupt):
            self.out.write("\n")
            raise Quit from None
        if answer.strip().lower() in ("q", "quit", "exit"):
            raise Quit
        return answer.strip()


def forget_typed() -> None:
    """Forgets what was typed before it was asked for: it was not meant as an answer."""
    try:
        import termios
    except ImportError:  # Windows
        return
    if sys.stdin.isatty():
        termios.tcflush(sys.stdin, termios.TCIFLUSH)
