"""Steps through a lesson in a terminal: its text, its code, and what that prints."""

import contextlib
import sys
import traceback
from collections.abc import Callable

from minialex.lessons.markdown import code_lines, text_lines
from minialex.lessons.screen import Quit, Screen
from minialex.lessons.source import Cell, Lesson

#: Rows left below code for what it prints.
ROOM = 5


def step_through(
    lesson: Lesson, waits: bool, seen: Callable[[int], None] = lambda cells: None
) -> dict:
    """Shows and runs a lesson, to its end or until the reader quits: its variables.

    waits: Enter is asked for; seen(n) is called when n of its cells have been seen.
    """
    screen = Screen(waits)
    variables = {"__name__": "__main__", "__file__": str(lesson.path)}
    guess = ""
    try:
        for number, cell in enumerate(lesson.cells, start=1):
            if cell.kind == "markdown":
                screen.turn()
                screen.show(text_lines(cell.text, screen.console), room=3 * cell.asks)
                guess = screen.guess() if cell.asks else ""
            else:
                screen.show([*code_lines(cell.text, screen.console), ""], room=ROOM)
                with contextlib.redirect_stdout(screen):
                    run(lesson, cell, variables)
                    if guess:
                        print(f"(your guess: {guess})")
                        guess = ""
            seen(number)
    except Quit:
        pass
    return variables


def run(lesson: Lesson, cell: Cell, variables: dict) -> None:
    """Runs a cell's code in `variables`. What goes wrong in it is reported with its line, and exit
    code 1."""
    code = compile("\n" * (cell.line - 1) + cell.text, str(lesson.path), "exec")
    try:
        exec(code, variables)
    except Exception as error:
        traceback.print_exception(error.with_traceback(error.__traceback__.tb_next))
        sys.exit(1)
