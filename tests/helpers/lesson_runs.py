"""Runs a lesson as `python -m minialex.lessons NN --no-pause` does, with no data set in reach."""

import re

import pytest

from minialex import lessons
from minialex.lessons.source import find
from minialex.lessons.terminal import step_through

#: For lessons that take seconds at either size. The others run with --quick in tests and at full
#: size in `python lessons/run_all.py`.
both_sizes = pytest.mark.parametrize("quick", [False, True], ids=["full", "quick"])


@pytest.fixture
def run_lesson(monkeypatch, tmp_path, capsys):
    """run_lesson("02") -> (the lesson's variables by name, what it showed and printed).

    With quick=True it runs with --quick, with solutions=True the solutions of its exercises. Its
    figures are saved below tmp_path. What it shows must fit a terminal of 80 columns.
    """

    def run(number: str, quick: bool = False, solutions: bool = False) -> tuple[dict, str]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.delenv("MINIALEX_DATA", raising=False)
        monkeypatch.setenv("MINIALEX_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr("minialex.lessons.real_or_drawn.DEBIAN", tmp_path / "nowhere")
        monkeypatch.setattr(lessons, "quick", quick)
        lesson = find(number)
        variables = step_through(lesson.solutions() if solutions else lesson, waits=False)
        printed = capsys.readouterr().out
        assert [line for line in printed.splitlines() if len(line) > 80] == []
        if solutions:
            shown = re.findall(r"^── (\d)\. ", printed, re.MULTILINE)
            assert shown and shown == [str(n) for n in range(1, len(shown) + 1)]
        return variables, printed

    return run
