"""python -m minialex.gradcheck: checks every layer's backward pass, or grades a file."""

from collections.abc import Sequence
from pathlib import Path

from minialex import grader
from minialex.command import Parser, number, run
from minialex.lessons import progress
from minialex.lessons.source import FOLDER

EXAMPLES = """\
  python -m minialex.gradcheck              every layer, a line each
  python -m minialex.gradcheck --seed 7     with other random numbers
  python -m minialex.gradcheck my_layer.py  checks a layer of your own
  python -m minialex.gradcheck lessons/exercises/conv.py
                                            grades an exercise
  python -m minialex.gradcheck homework --csv > results.csv
                                            grades a class's files
"""
DESCRIPTION = """\
Checks every layer's backward pass by finite differences, in float64. Given a
FILE, it grades that: an exercise of lessons/exercises, or any class with
forward and backward. Given a FOLDER, it grades every file in it. This runs the
files. The exit code is 0 if everything is right, 1 if not yet, and 2 if there
is no such file or no layer in it."""


def main(arguments: Sequence[str]) -> int:
    """Runs the command with `arguments`; the exit code is 1 if something is wrong."""
    parser = Parser("gradcheck", DESCRIPTION, EXAMPLES, "[FILE|FOLDER] [options]")
    parser.add_argument(
        "file",
        nargs="?",
        type=Path,
        metavar="FILE",
        help="a Python file to grade, or a folder of them (default: all layers)",
    )
    parser.add_argument(
        "--csv", action="store_true", help="for a folder: a table for other programs, as CSV"
    )
    parser.add_argument(
        "--seed",
        type=number(int, 0),
        default=0,
        metavar="N",
        help="for the random inputs and gradients (default: 0)",
    )
    options = parser.parse_args(arguments)
    if options.csv and not (options.file and options.file.is_dir()):
        parser.error(f"--csv is for a folder, got {options.file or 'none'}")
    if options.file and options.file.is_dir():
        passed = grader.grade_folder(options.file, options.seed, options.csv)
    elif options.file:
        passed = grader.grade(options.file, options.seed)
        if passed and options.file.resolve().parent == FOLDER / "exercises":
            progress.note_right(options.file.stem)
    else:
        passed = grader.check_shipped(options.seed)
    return 0 if passed else 1


if __name__ == "__main__":
    run(main)
