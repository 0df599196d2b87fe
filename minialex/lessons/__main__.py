"""python -m minialex.lessons: lists the lessons, or steps through one."""

import sys
from collections.abc import Sequence
from pathlib import Path

from minialex import lessons
from minialex.command import Parser, program, run
from minialex.errors import InputError
from minialex.lessons import notebook, progress, site, source
from minialex.lessons.showing import FOLDER
from minialex.lessons.source import Lesson, find
from minialex.lessons.terminal import step_through

EXAMPLES = """\
  python -m minialex.lessons
      the list, with what you have done
  python -m minialex.lessons 3
      the backward pass of convolution, step by step
  python -m minialex.lessons --notebook 3
      the same in Jupyter, with its pictures between the text
  python -m minialex.lessons --site docs/course
      all of them, run, as pages for a browser
"""


def parser() -> Parser:
    """The options of the command."""
    p = Parser(
        "lessons", "Lists the lessons, or steps through one.", EXAMPLES, "[NUMBER] [options]"
    )
    p.add_argument("number", nargs="?", metavar="NUMBER", help="which lesson (without: the list)")
    p.add_argument("--no-pause", action="store_true", help="run through without waiting for Enter")
    as_notebook = "write it as a notebook in runs/lessons, and open that in Jupyter"
    p.add_argument("--notebook", action="store_true", help=as_notebook)
    as_site = "run all lessons, or the one, and write pages for a browser into DIR"
    p.add_argument("--site", type=Path, metavar="DIR", help=as_site)
    solutions = "the solutions of its exercises, instead of the lesson"
    p.add_argument("--solutions", action="store_true", help=solutions)
    quick = "smaller numbers: done in seconds, with less to see"
    p.add_argument("--quick", action="store_true", help=quick)
    return p


def main(arguments: Sequence[str]) -> None:
    """Runs the command with `arguments`."""
    p = parser()
    given = p.parse_args(arguments)
    if given.site:
        for option in ("notebook", "solutions"):
            if getattr(given, option):
                p.error(f"--site makes pages of lessons and solutions: leave out --{option}")
        lessons_of_site = [find(given.number)] if given.number else source.lessons()
        print(f"pages: {site.build(lessons_of_site, given.site, given.quick)}")
        return
    if given.number is None:
        for option in ("notebook", "solutions"):
            if getattr(given, option):
                p.error(f"--{option} is for one lesson: which NUMBER?")
        print(progress.listing())
        print(f"\n{program()}lessons NUMBER opens one.")
        return
    lesson = find(given.number)
    solutions = lesson.solutions()
    if given.solutions and solutions is None:
        raise InputError(f"lesson {lesson.number} has no solutions")
    lesson = solutions if given.solutions else lesson
    somebody = sys.stdin.isatty() and sys.stdout.isatty()
    if given.notebook:
        open_notebook(lesson, somebody)
        return
    lessons.quick = given.quick
    waits = somebody and not given.no_pause

    def seen(cells: int) -> None:
        if given.solutions:
            return
        if waits:
            progress.note_seen(lesson, cells)
        if solutions and cells == len(lesson.cells):
            print(f"\nSolutions of the exercises: {program()}lessons {lesson.number} --solutions")

    step_through(lesson, waits, seen)


def open_notebook(lesson: Lesson, in_browser: bool) -> None:
    """Writes a lesson as a notebook, unless that is there already, and opens it."""
    path = FOLDER / f"{lesson.name}.ipynb"
    if path.exists():
        print(f"notebook: {path}, as you left it (delete it to start anew)")
    else:
        notebook.write(lesson, path)
        print(f"notebook: {path}")
    if in_browser and not notebook.opened(path):
        print("VS Code opens it, and so does JupyterLab: python -m pip install jupyterlab")


if __name__ == "__main__":
    run(main)
