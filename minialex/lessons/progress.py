"""What has been done: how far each lesson has been read, in runs/lessons/progress.json."""

import json

from minialex.files import atomic_write
from minialex.lessons.showing import FOLDER
from minialex.lessons.source import Lesson, lessons
from minialex.terminal import styled

FILE = FOLDER / "progress.json"


def load() -> dict[str, int]:
    """How many cells of each lesson have been seen, by its number. Nothing, if the file is not
    readable."""
    try:
        seen = json.loads(FILE.read_text(encoding="utf-8")).items()
    except (OSError, ValueError, AttributeError):
        return {}
    return {number: cells for number, cells in seen if isinstance(cells, int)}


def save(lesson: Lesson, cells: int) -> None:
    """Notes that so many cells of a lesson have been seen."""
    seen = load()
    if cells > seen.get(lesson.number, 0):
        FILE.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(FILE) as file:
            file.write_text(json.dumps(seen | {lesson.number: cells}) + "\n", encoding="utf-8")


def listing() -> str:
    """A line for each lesson: number, title, how much of it has been read."""
    seen = load()
    rows = []
    for lesson in lessons():
        share = min(1, seen.get(lesson.number, 0) / len(lesson.cells))
        state = "" if share == 0 else "done" if share == 1 else f"{share:.0%} read"
        rows.append(f"{lesson.number}  {lesson.title:<66}  {state}".rstrip())
        if share == 1:
            rows[-1] = styled(rows[-1], "faint")
    return "\n".join(rows)
