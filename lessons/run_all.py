"""python lessons/run_all.py: every lesson at the size a reader runs it, with and without real data.

Prints a Markdown table with the outcome of each lesson, once with the pictures that are on this
machine and once with drawn shapes, and how long it took: in seconds, and in seconds of processor
time, which do not depend on what else the machine is doing. Exit code 1 if a lesson failed.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

LESSONS = Path(__file__).resolve().parent

#: Runs the lesson whose path is the argument, as if no data set were on this machine.
WITHOUT_DATA = """
import runpy, sys
from minialex.lessons import real_or_drawn
real_or_drawn.found = lambda name: None
runpy.run_path(sys.argv[1], run_name="__main__")
"""


def parser() -> argparse.ArgumentParser:
    """The options of the program."""
    p = argparse.ArgumentParser(
        prog="python lessons/run_all.py",
        description="Runs every lesson at full size, with and without real data, and prints a "
        "table of lesson, seconds and outcome. On two cores this takes about half an hour.",
    )
    p.add_argument("numbers", nargs="*", metavar="NN", help="lessons to run (default: all)")
    p.add_argument(
        "--out",
        type=Path,
        default=Path("runs/all-lessons"),
        metavar="DIR",
        help="for what they print and draw (default: %(default)s)",
    )
    return p


def paths(numbers: Sequence[str]) -> list[Path]:
    """The lessons with these two-digit numbers, or all if none is given."""
    lessons = {path.name[:2]: path for path in sorted(LESSONS.glob("[0-9][0-9]_*.py"))}
    unknown = sorted(set(numbers) - set(lessons))
    if unknown:
        sys.exit(f"expected lessons from {' '.join(lessons)}, got {' '.join(unknown)}")
    return [path for number, path in lessons.items() if number in numbers or not numbers]


def run(lesson: Path, real: bool, out: Path) -> tuple[float, float, str]:
    """(seconds, processor seconds, outcome) of a lesson. Its output goes to OUT/LESSON.txt.

    The outcome is "ok", with the data sets that were missing, or the last line of the error.
    """
    out.mkdir(parents=True, exist_ok=True)
    start = [str(lesson)] if real else ["-c", WITHOUT_DATA, str(lesson)]
    changed = {}
    if "MINIALEX_DATA" in os.environ:
        changed["MINIALEX_DATA"] = os.path.abspath(os.environ["MINIALEX_DATA"])
    begin, used = time.perf_counter(), children_seconds()
    done = subprocess.run(
        [sys.executable, *start],
        cwd=out,
        env=os.environ | changed,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    seconds = time.perf_counter() - begin, children_seconds() - used
    (out / f"{lesson.stem}.txt").write_text(done.stdout + done.stderr, encoding="utf-8")
    if done.returncode:
        last = (done.stderr.strip() or "no message").splitlines()[-1]
        return *seconds, f"failed ({done.returncode}): {last}"
    missing = " is not on this machine"
    names = [line.split(missing)[0] for line in done.stdout.splitlines() if missing in line]
    return *seconds, f"ok, but without {names[0]}" if real and names else "ok"


def children_seconds() -> float:
    """Processor seconds of all processes that this one has started and that have ended."""
    times = os.times()
    return times.children_user + times.children_system


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the program with `arguments`: its exit code."""
    given = parser().parse_args(arguments)
    lessons, failed = paths(given.numbers), False
    columns = "{}, s | processor, s | outcome"
    print("| lesson |", columns.format("real"), "|", columns.format("drawn"), "|")
    print("|---|---:|---:|---|---:|---:|---|", flush=True)
    for lesson in lessons:
        cells = []
        for real in (True, False):
            folder = given.out / ("real" if real else "drawn")
            seconds, processor, outcome = run(lesson, real, folder)
            cells += [f"{seconds:.0f}", f"{processor:.0f}", outcome]
            failed |= not outcome.startswith("ok")
        print(f"| {lesson.stem} | {' | '.join(cells)} |", flush=True)
    print(f"\nWhat the lessons printed and drew is in {given.out}.")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
