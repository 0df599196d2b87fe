"""Runs a lesson as `python lessons/NN_TOPIC.py --no-pause` does, with no data set in reach."""

import runpy
import sys
from pathlib import Path

import pytest

LESSONS = Path(__file__).parents[2] / "lessons"

#: For lessons that take seconds at either size. The others run with --quick in tests and at full
#: size in `python lessons/run_all.py`.
both_sizes = pytest.mark.parametrize("quick", [False, True], ids=["full", "quick"])


@pytest.fixture
def run_lesson(monkeypatch, tmp_path, capsys):
    """run_lesson("02_convolution") -> (the lesson's variables by name, what it printed).

    With quick=True it runs with --quick. Its figures are saved below tmp_path. What it shows must
    fit a terminal of 80 columns.
    """

    def run(name: str, quick: bool = False) -> tuple[dict, str]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.delenv("MINIALEX_DATA", raising=False)
        monkeypatch.setenv("MINIALEX_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr("minialex.data.published.mnist.DEBIAN", tmp_path / "nowhere")
        monkeypatch.setattr(sys, "argv", [name, "--no-pause", *["--quick"] * quick])
        monkeypatch.syspath_prepend(str(LESSONS))
        monkeypatch.delitem(sys.modules, "lesson", raising=False)
        variables = runpy.run_path(str(LESSONS / f"{name}.py"), run_name="__main__")
        sys.modules.pop("lesson", None)
        printed = capsys.readouterr().out
        assert [line for line in printed.splitlines() if len(line) > 80] == []
        return variables, printed

    return run
