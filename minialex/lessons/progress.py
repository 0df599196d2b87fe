"""What has been done, in runs/lessons/progress.json: how far each lesson has been read, and which
exercises are right."""

import json
import re

from minialex.files import atomic_write
from minialex.lessons.showing import FOLDER
from minialex.lessons.source import Lesson, lessons
from minialex.terminal import styled

FILE = FOLDER / "progress.json"


def load() -> tuple[dict[str, int], list[str]]:
    """How many cells of each lesson have been seen, by its number, and the names of the exercises
    that are right. Nothing, if the file is not readable."""
    try:
        saved = json.loads(FILE.read_text(encoding="utf-8"))
        seen, right = saved["seen"].items(), saved["right"]
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}, []
    right = right if isinstance(right, list) else []
    return {number: cells for number, cells in seen if isinstance(cells, int)}, right


def save(seen: dict[str, int], right: list[str]) -> None:
    """Writes what load() reads."""
    FILE.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(FILE) as file:
        file.write_text(json.dumps(dict(seen=seen, right=right)) + "\n", encoding="utf-8")


def note_seen(lesson: Lesson, cells: int) -> None:
    """Notes that so many cells of a lesson have been seen."""
    seen, right = load()
    if cells > seen.get(lesson.number, 0):
        save(seen | {lesson.number: cells}, right)


def note_right(exercise: str) -> None:
    """Notes that an exercise, "conv", is right."""
    seen, right = load()
    if exercise not in right:
        save(seen, [*right, exercise])


def listing() -> str:
    """A line for each lesson: number, title, how much of it has been read, which of its exercises
    are right."""
    seen, right = load()
    all_lessons = lessons()
    width = max(len(lesson.title) for lesson in all_lessons)
    rows = []
    for lesson in all_lessons:
        share = min(1, seen.get(lesson.number, 0) / len(lesson.cells))
        read = "" if share == 0 else "read" if share == 1 else f"{share:.0%}"
        solved = [name for name in exercises(lesson) if name in right]
        state = ", ".join(filter(None, [read, *(f"{name} ✓" for name in solved)]))
        row = f"{lesson.number}  {lesson.title:<{width}}  {state}".rstrip()
        rows.append(styled(row, "faint") if share == 1 else row)
    return "\n".join(rows)


def exercises(lesson: Lesson) -> list[str]:
    """The names of the graded exercises that a lesson sends to: ["conv"]."""
    text = "\n".join(cell.text for cell in lesson.cells)
    return list(dict.fromkeys(re.findall(r"lessons/exercises/(\w+)\.py", text)))
