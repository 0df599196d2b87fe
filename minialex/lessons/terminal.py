"""Steps through a lesson in a terminal: its text, its code, and what that prints."""

import contextlib
import sys
import traceback
from collections.abc import Callable

import numpy

from minialex import lessons
from minialex.doctor import gemm_rate
from minialex.lessons.markdown import code_lines, text_lines
from minialex.lessons.screen import Quit, Screen
from minialex.lessons.source import Cell, Lesson

#: Rows left below code for what it prints.
ROOM = 5

#: The rate of matrix products, in GFLOP/s, of the machine that cells' seconds are of.
REFERENCE = 200


def step_through(
    lesson: Lesson, waits: bool, seen: Callable[[int], None] = lambda cells: None
) -> dict:
    """Shows and runs a lesson, to its end or until the reader quits: its variables.

    waits: Enter is asked for; seen(n) is called when n of its cells have been seen.
    """
    screen = Screen(waits)
    variables = {"__name__": "__main__", "__file__": str(lesson.path)}
    asked = False
    try:
        for number, cell in enumerate(lesson.cells, start=1):
            if cell.kind == "markdown":
                screen.turn()
                quick = lessons.quick and cell.text.startswith("## Answers")
                note = "\n\n(These figures are of the lesson without `--quick`.)" if quick else ""
                screen.show(text_lines(cell.text + note, screen.console))
                asked = cell.asks
            else:
                screen.show([*code_lines(cell.text, screen.console), ""], room=ROOM)
                guess = screen.guess() if asked else ""
                asked = False
                expected = expected_seconds(cell)
                if expected and expected > 3:
                    screen.write(f"(This takes about {in_words(expected)} here.)\n")
                with contextlib.redirect_stdout(screen), screen.computing(expected):
                    run(lesson, cell, variables)
                    if guess:
                        print(f"(your guess: {guess})")
            seen(number)
    except Quit:
        pass
    return variables


def expected_seconds(cell: Cell) -> float | None:
    """How long a cell should compute on this machine, as busy as it is; None where nobody knows."""
    if cell.seconds is None or lessons.quick:
        return None
    return cell.seconds * REFERENCE / gemm_rate(numpy)


def in_words(seconds: float) -> str:
    """ "40 seconds", or "3 minutes" from two minutes on."""
    if seconds < 120:
        return f"{max(5, 5 * round(seconds / 5))} seconds"
    return f"{round(seconds / 60)} minutes"


def run(lesson: Lesson, cell: Cell, variables: dict) -> None:
    """Runs a cell's code in `variables`. What goes wrong in it is reported with its line, and exit
    code 1."""
    code = compile("\n" * (cell.line - 1) + cell.text, str(lesson.path), "exec")
    try:
        exec(code, variables)
    except Exception as error:
        traceback.print_exception(error.with_traceback(error.__traceback__.tb_next))
        sys.exit(1)
