"""Solutions of the lessons' exercises: they run, and answer all of a lesson's exercises."""

import re
from pathlib import Path

import pytest

from minialex.lessons.source import lessons

SOLVED = [lesson for lesson in lessons() if lesson.solutions()]


def exercises(lesson):
    """The text of a lesson's exercises, by number."""
    end = next(cell.text for cell in lesson.cells if "### Exercises" in cell.text)
    items = re.split(r"^(\d)\. ", end.partition("### Exercises")[2], flags=re.MULTILINE)[1:]
    return {int(n): " ".join(text.split()) for n, text in zip(items[::2], items[1::2], strict=True)}


@pytest.mark.parametrize("lesson", SOLVED, ids=lambda lesson: lesson.number)
def test_every_exercise_is_quoted_and_solved(lesson):
    asked = exercises(lesson)
    quoted = {}
    for cell in lesson.solutions().cells:
        if found := re.match(r"## (\d)\. ", cell.text):
            quote = [line[1:] for line in cell.text.splitlines() if line.startswith(">")]
            quoted[int(found[1])] = " ".join(" ".join(quote).split())
    assert list(quoted) == list(asked)
    for number, quote in quoted.items():
        assert asked[number].startswith(quote)


#: What solutions print that no test of their lesson asks for.
SAID = {
    "00": ["no error: (32, 32, 32, 3)", "strides (3072, 96, 3, 1) -> (3072, 96, 3, -1)"],
    "01": ["all 0   [2.303"],
    "02": ["X: 387,200 rows of 363, 0.56 GB"],
    "03": ["one picture: OnePicture passed True", "stride 1: StrideLost passed True"],
    "05": ["the same: True"],
    "06": ["at x = 2.0"],
    "08": ["one layer 257,000, fc6 to fc8 58,631,144", "with the mean: 2,591,080 weights"],
}


@pytest.mark.parametrize("number", SAID)
def test_what_solutions_say(number, run_lesson):
    _, out = run_lesson(number, quick=True, solutions=True)
    assert [line for line in SAID[number] if line not in out] == []
    if number == "03":
        found = dict(re.findall(r"^(\w+): passed (\w+),", out, re.MULTILINE))
        assert found == {"StrideLost": "False", "OnePicture": "False", "MeanOfBias": "False"}


@pytest.mark.parametrize("lesson", SOLVED, ids=lambda lesson: lesson.number)
def test_solutions_are_run_once(lesson):
    """Here, or in the test of their lesson."""
    own = Path(__file__).with_name(f"test_lesson_{lesson.number}.py").read_text(encoding="utf-8")
    assert (lesson.number in SAID) != ("solutions=True" in own)
