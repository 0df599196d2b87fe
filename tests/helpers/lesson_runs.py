"""Runs a lesson as `python lessons/NN_TOPIC.py --no-pause --quick` does, without any real data."""

import runpy
import sys
from pathlib import Path

import pytest

LESSONS = Path(__file__).parents[2] / "lessons"


@pytest.fixture
def run_lesson(monkeypatch, tmp_path, capsys):
    """run_lesson("02_convolution") -> (the lesson's variables by name, its output).

    It runs in tmp_path, where its pictures go.
    """

    def run(name: str) -> tuple[dict, str]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.delenv("MINIALEX_DATA", raising=False)
        monkeypatch.setenv("MINIALEX_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr("minialex.data.fashion_mnist.DEBIAN", tmp_path / "nowhere")
        monkeypatch.setattr(sys, "argv", [name, "--no-pause", "--quick"])
        monkeypatch.syspath_prepend(str(LESSONS))
        monkeypatch.delitem(sys.modules, "lesson", raising=False)
        variables = runpy.run_path(str(LESSONS / f"{name}.py"), run_name="__main__")
        sys.modules.pop("lesson", None)
        return variables, capsys.readouterr().out

    return run
