"""Grades all files in a folder, a class's, say: each in a process of its own, with a time limit."""

import csv
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from minialex.cores import usable_cores
from minialex.errors import InputError
from minialex.grader.feedback import filled
from minialex.terminal import styled

#: Seconds after which a file is given up: a loop in it may never end.
LIMIT = 120

#: A line of grading: the step, the verdict on it.
STEP = re.compile(r"^  (\S.{0,14}?) +(ok|wrong|next)\b", re.MULTILINE)

#: The heading of a layer's grading.
HEADING = re.compile(r"^(\w+) in .+$", re.MULTILINE)


@dataclass
class Row:
    """What came of a layer: in which file it is (below the folder) and its class, whether all is
    right, how many steps are, the step that is not, and the first thing that is said of it."""

    file: str
    layer: str
    right: bool
    steps_right: int
    step: str
    message: str


def grade_folder(folder: Path, seed: int, as_csv: bool) -> bool:
    """Grades every Python file in `folder` and below it; prints a table, or CSV. Whether all are
    right. InputError if there is no file."""
    paths = [
        path
        for path in sorted(folder.rglob("*.py"))
        if not any(part.startswith((".", "__")) for part in path.relative_to(folder).parts)
    ]
    if not paths:
        raise InputError(f"expected Python files in {folder}, found none")
    writer = csv.DictWriter(sys.stdout, [field.name for field in fields(Row)], lineterminator="\n")
    if as_csv:
        writer.writeheader()
    right = True
    with ThreadPoolExecutor(usable_cores()) as pool:
        for rows in pool.map(lambda path: list(graded(path, folder, seed)), paths):
            for row in rows:
                right = right and row.right
                if as_csv:
                    writer.writerow(asdict(row))
                else:
                    print(*lines(row), sep="\n", flush=True)
    return right


def graded(path: Path, folder: Path, seed: int) -> Iterator[Row]:
    """A row for each layer in a file, or one that says why there is none."""
    name = path.relative_to(folder).as_posix()
    command = [sys.executable, "-m", "minialex.gradcheck", str(path), "--seed", str(seed)]
    pipes = dict(stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
    try:
        done = subprocess.run(command, timeout=LIMIT, check=False, **pipes)
    except subprocess.TimeoutExpired:
        yield Row(name, "", False, 0, "", f"not done after {LIMIT} seconds")
        return
    headings = list(HEADING.finditer(done.stdout))
    if not headings or done.returncode not in (0, 1):
        said = (done.stdout + done.stderr).strip().splitlines() or ["it said nothing"]
        yield Row(name, "", False, 0, "", said[-1].strip())
        return
    ends = [*(heading.start() for heading in headings[1:]), len(done.stdout)]
    for heading, end in zip(headings, ends, strict=True):
        yield row(name, heading[1], done.stdout[heading.end() : end])


def row(file: str, layer: str, said: str) -> Row:
    """What was said of a layer, in a row."""
    steps = list(STEP.finditer(said))
    right = [step for step in steps if step[2] == "ok"]
    last = next((step for step in steps if step[2] != "ok"), None)
    if last is None:
        done = "Everything is right." in said
        return Row(file, layer, done, len(right), "", "" if done else " ".join(said.split()))
    paragraphs = [" ".join(part.split()) for part in said[last.end() :].split("\n\n")]
    likely = [part for part in paragraphs if part.startswith("Likely")]
    message = next(filter(None, likely + paragraphs), "")
    message = f"not written yet: {message}" if last[2] == "next" else message
    return Row(file, layer, False, len(right), last[1], message)


def lines(row: Row) -> list[str]:
    """A row of the table, in lines of 80 columns: what is wrong is below it."""
    verdict = styled("right", "green") if row.right else styled("not yet", "red")
    first = f"{row.file}  {row.layer}  {verdict}"
    at = f"{row.step}: " if row.step else ""
    return [first] if row.right else [first, *filled(f"{at}{row.message}").splitlines()]
