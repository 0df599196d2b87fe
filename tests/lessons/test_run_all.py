"""lessons/run_all.py: each lesson with and without data, a table, failures in the exit code."""

import importlib
import re
import sys

import pytest
from mnist_files import write

from minialex.lessons.source import FOLDER

LESSON = """
from minialex.lessons import real_or_drawn
if real_or_drawn.found("fashion-mnist") is None:
    print("fashion-mnist is not on this machine: drawn shapes instead.")
"""


@pytest.fixture
def run_all(monkeypatch, tmp_path):
    """run_all.py in a folder with two lessons, the second of which fails without data."""
    monkeypatch.syspath_prepend(str(FOLDER))
    write(tmp_path)
    monkeypatch.setenv("MINIALEX_DATA", str(tmp_path))
    monkeypatch.delitem(sys.modules, "run_all", raising=False)
    program = importlib.import_module("run_all")
    monkeypatch.setattr(program, "LESSONS", tmp_path / "lessons")
    program.LESSONS.mkdir()
    (program.LESSONS / "00_fine.py").write_text(LESSON)
    (program.LESSONS / "01_greedy.py").write_text(LESSON + "    [][10]\n")
    return program


def test_a_lesson_that_fails_without_data_is_in_the_table_and_in_the_exit_code(
    run_all, tmp_path, capsys
):
    out = tmp_path / "out"
    assert run_all.main(["--out", str(out)]) == 1
    rows = [re.sub(r"\d+ \|", "N |", line) for line in capsys.readouterr().out.splitlines()]
    assert rows[2:4] == [
        "| 00_fine | N | N | ok | N | N | ok |",
        "| 01_greedy | N | N | ok | N | N | failed (1): IndexError: list index out of range |",
    ]
    assert (out / "real" / "01_greedy.txt").read_text() == ""
    assert "not on this machine" in (out / "drawn" / "00_fine.txt").read_text()
    assert "IndexError" in (out / "drawn" / "01_greedy.txt").read_text()


def test_data_that_is_missing_is_named_in_the_table(run_all, tmp_path, monkeypatch, capsys):
    lesson = "print('fashion-mnist is not on this machine: drawn shapes instead.')"
    (run_all.LESSONS / "00_fine.py").write_text(lesson)
    assert run_all.main(["00", "--out", str(tmp_path / "out")]) == 0
    table = capsys.readouterr().out
    assert "ok, but without fashion-mnist" in table and "01_greedy" not in table


def test_an_unknown_lesson_is_refused(run_all):
    with pytest.raises(SystemExit, match=r"^expected lessons from 00 01, got 07$"):
        run_all.main(["07"])
