"""A lesson's file: its cells are those that jupytext finds, and where they lie in the file."""

import re

import jupytext
import pytest

from minialex.errors import InputError
from minialex.lessons.formula import in_terminal
from minialex.lessons.source import find, lessons, read

LESSON = """\
# %% [markdown]
# # 99. Waiting
#
# The first *text*.

# %% seconds=40
print("# %% in a string")


def f():
    # a comment
    return 3

# %% [markdown]
# Indented:
#
#     x = 1
"""


def written(tmp_path, text):
    path = tmp_path / "99_waiting.py"
    path.write_text(text, encoding="utf-8")
    return path


def test_cells_of_a_lesson(tmp_path):
    lesson = read(written(tmp_path, LESSON))
    assert (lesson.number, lesson.title) == ("99", "Waiting")
    kinds, texts, lines = zip(*((c.kind, c.text, c.line) for c in lesson.cells), strict=True)
    assert kinds == ("markdown", "code", "markdown")
    assert texts[0] == "# 99. Waiting\n\nThe first *text*."
    assert texts[1].endswith("    # a comment\n    return 3")
    assert texts[2] == "Indented:\n\n    x = 1"
    assert lines == (2, 7, 15)
    assert [cell.seconds for cell in lesson.cells] == [None, 40, None]


@pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.number)
def test_jupytext_finds_the_same_cells(lesson):
    text = lesson.path.read_text(encoding="utf-8")
    theirs = jupytext.reads(text, "py:percent").cells
    assert [(cell.cell_type, cell.source, cell.metadata.get("seconds")) for cell in theirs] == [
        (cell.kind, cell.text, cell.seconds) for cell in lesson.cells
    ]
    for cell in lesson.cells:
        first = text.splitlines()[cell.line - 1]
        shown = first.removeprefix("# ") if cell.kind == "markdown" else first
        assert shown == cell.text.splitlines()[0]


@pytest.mark.parametrize("text", ["", "import numpy\n\n# %%\n"], ids=["empty", "no cell"])
def test_a_file_without_cells_is_refused(tmp_path, text):
    with pytest.raises(InputError, match=r"99_waiting.py to start with a cell, # %% \[markdown\]"):
        read(written(tmp_path, text))


def test_a_lesson_is_found_by_its_number():
    assert find("3").path == find("03").path == lessons()[3].path
    with pytest.raises(InputError, match=r"^expected a lesson from 0 to \d\d, got 99$"):
        find("99")


def test_a_package_without_the_lessons_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("minialex.lessons.source.FOLDER", tmp_path)
    with pytest.raises(InputError, match="they come with the repository"):
        lessons()


WITH_SOLUTIONS = [*lessons(), *filter(None, (lesson.solutions() for lesson in lessons()))]


@pytest.mark.parametrize("lesson", WITH_SOLUTIONS, ids=lambda lesson: lesson.name)
def test_code_and_formulas_fit_80_columns(lesson):
    """Behind the bar of code, and where a formula is four columns in."""
    for cell in lesson.cells:
        lines = (cell.text if cell.kind == "code" else in_terminal(cell.text)).splitlines()
        shown = [line for line in lines if cell.kind == "code" or line.startswith("    ")]
        assert [line for line in shown if len(line) > 76 + 4 * (cell.kind == "markdown")] == []


@pytest.mark.parametrize("lesson", WITH_SOLUTIONS, ids=lambda lesson: lesson.name)
def test_a_formula_in_a_line_does_not_break(lesson):
    """What comes after the break might begin with a minus sign, which in Markdown is an item."""
    for cell in lesson.cells:
        text = re.sub(r"\$\$.*?\$\$|`[^`]*`", "", cell.text, flags=re.DOTALL)
        lines = text.splitlines() if cell.kind == "markdown" else []
        assert [line for line in lines if line.count("$") % 2] == []


def test_solutions_are_written_like_a_lesson():
    solutions = find("3").solutions()
    assert (solutions.number, solutions.name) == ("03", "03_backward_solutions")
    assert solutions.title == "The backward pass of convolution: solutions"
