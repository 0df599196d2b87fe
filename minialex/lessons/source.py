"""A lesson as it is written: Markdown and code in turn, in the cells of one Python file.

A cell starts with `# %%`, and one of Markdown with `# %% [markdown]`; its lines are comments. That
is jupytext's percent format, which VS Code, PyCharm and Spyder know, too. `# %% seconds=40` is a
cell that computes for long.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import minialex
from minialex.errors import InputError

FOLDER = Path(minialex.__file__).parents[1] / "lessons"

MARKER = re.compile(r"# %%(?: \[(markdown)\])?(?: seconds=(\d+))?")


@dataclass(frozen=True)
class Cell:
    """kind: "markdown" or "code"; text: Markdown, or Python; line: where the text starts in the
    lesson's file, from 1; seconds: how long it computes, if that is long, where matrices are
    multiplied at 200 GFLOP/s."""

    kind: str
    text: str
    line: int
    seconds: int | None = None

    @property
    def asks(self) -> bool:
        """Whether it asks the reader to guess what the next cell will print."""
        return "**Guess**" in self.text


@dataclass(frozen=True)
class Lesson:
    """A lesson: its file, and what is in it."""

    path: Path
    cells: list[Cell]

    @property
    def number(self) -> str:
        """Two digits: "03"."""
        return self.path.name[:2]

    @property
    def name(self) -> str:
        """What files made of it are called: "03_backward", or "03_backward_solutions"."""
        return self.path.stem + "_solutions" * (self.path.parent.name == "solutions")

    @property
    def title(self) -> str:
        """The heading of its first cell: "The backward pass of convolution"."""
        return self.cells[0].text.splitlines()[0].removeprefix(f"# {self.number}. ")

    def solutions(self) -> "Lesson | None":
        """The solutions of its exercises, written like a lesson; None if there are none."""
        path = self.path.parent / "solutions" / self.path.name
        return read(path) if path.exists() else None


def read(path: Path) -> Lesson:
    """The lesson in a file. InputError if the file does not start with a cell."""
    lines = path.read_text(encoding="utf-8").splitlines()
    starts = [i for i, line in enumerate(lines) if MARKER.fullmatch(line)]
    if not starts or any(lines[: starts[0]]):
        first = lines[0] if lines else "nothing"
        raise InputError(f"expected {path} to start with a cell, # %% [markdown], got {first}")
    cells = []
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        kind, seconds = MARKER.fullmatch(lines[start]).groups()
        body = lines[start + 1 : end]
        if kind:
            body = [line.removeprefix("#").removeprefix(" ") for line in body]
        text = "\n".join(body).rstrip()
        cells.append(Cell(kind or "code", text, start + 2, int(seconds) if seconds else None))
    return Lesson(path, cells)


def lessons() -> list[Lesson]:
    """All lessons, in their order. InputError if they are not on this machine."""
    paths = sorted(FOLDER.glob("[0-9][0-9]_*.py"))
    if not paths:
        raise InputError(
            f"there are no lessons in {FOLDER}: they come with the repository, not with the package"
        )
    return [read(path) for path in paths]


def find(number: str) -> Lesson:
    """The lesson with this number, "3" or "03". InputError if there is none."""
    all_lessons = lessons()
    for lesson in all_lessons:
        if lesson.number == number.zfill(2):
            return lesson
    raise InputError(f"expected a lesson from 0 to {int(all_lessons[-1].number)}, got {number}")
