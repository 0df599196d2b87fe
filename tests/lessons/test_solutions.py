"""Solutions of the lessons' exercises: they run, and answer all of a lesson's exercises."""

import re

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


@pytest.mark.parametrize("lesson", SOLVED, ids=lambda lesson: lesson.number)
def test_solutions_run(lesson, run_lesson):
    _, out = run_lesson(lesson.number, quick=True, solutions=True)
    shown = re.findall(r"^── (\d)\. ", out, re.MULTILINE)
    assert [int(number) for number in shown] == list(exercises(lesson))


def test_what_solutions_say(run_lesson):
    out = run_lesson("00", quick=True, solutions=True)[1]
    assert "no error: (32, 32, 32, 3)" in out
    assert "strides (3072, 96, 3, 1) -> (3072, 96, 3, -1)" in out
    out = run_lesson("02", quick=True, solutions=True)[1]
    assert "X: 387,200 rows of 363, 0.56 GB" in out
    _, out = run_lesson("03", quick=True, solutions=True)
    found = dict(re.findall(r"^(\w+): passed (\w+),", out, re.MULTILINE))
    assert found == {"StrideLost": "False", "OnePicture": "False", "MeanOfBias": "False"}
    assert "one picture: OnePicture passed True" in out
    assert "stride 1: StrideLost passed True" in out
    assert "the same: True" in run_lesson("05", quick=True, solutions=True)[1]
    assert "at x = 2.0" in run_lesson("06", quick=True, solutions=True)[1]
