"""How a lesson goes on in a terminal: text, code, waiting for Enter, q; and where its pictures come from."""

import os
import subprocess
import sys

import pytest
from fashion_mnist_files import write
from lesson_runs import LESSONS

LESSON = '''"""Lesson 99: waiting."""

# %%
from lesson import step

step("One", """
The first text.
""")

print("first", 1 + 1)

# %%
step("Two", "The second text.")


def f():
    return 3

print("second", f())
'''


@pytest.fixture
def lesson(tmp_path):
    path = tmp_path / "99_waiting.py"
    path.write_text(LESSON)
    return path


def environment():
    return os.environ | {
        "PYTHONPATH": os.pathsep.join([str(LESSONS), str(LESSONS.parent)]),
        "NO_COLOR": "1",
    }


def run(path, *options, **more):
    command = [sys.executable, str(path), *options]
    return subprocess.run(command, env=environment(), text=True, capture_output=True, **more)


def in_terminal(path, typed: bytes) -> tuple[int, str]:
    """(exit code, screen) of the lesson in a terminal where `typed` is typed."""
    pty = pytest.importorskip("pty", reason="a terminal to type in: this system has no pty")
    here, there = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, str(path)], env=environment(), stdin=there, stdout=there, stderr=there
    )
    os.close(there)
    os.write(here, typed)
    screen = b""
    while True:
        try:
            screen += os.read(here, 10_000)
        except OSError:  # so Linux says that the other side is closed
            break
    os.close(here)
    return process.wait(), screen.decode().replace("\r\n", "\n")


def test_text_then_code_then_output_of_each_step(lesson):
    done = run(lesson, "--no-pause")
    lines = [line for line in done.stdout.splitlines() if line and not line.startswith("──")]
    assert done.returncode == 0
    assert lines == [
        *("Lesson 99: waiting.", "The first text.", '  │ print("first", 1 + 1)', "first 2"),
        *(
            "The second text.",
            "  │ def f():",
            "  │     return 3",
            "  │",
            '  │ print("second", f())',
            "second 3",
        ),
    ]
    assert "── 1. One ──" in done.stdout and "── 2. Two ──" in done.stdout


def test_without_a_terminal_nothing_waits(lesson):
    assert run(lesson, input="").returncode == 0


def test_enter_goes_on(lesson):
    code, screen = in_terminal(lesson, b"\n")
    assert code == 0 and "second 3" in screen


@pytest.mark.parametrize("typed", [b"q\n", b"\x04"], ids=["q", "Ctrl-D"])
def test_q_leaves_before_the_next_step(lesson, typed):
    code, screen = in_terminal(lesson, typed)
    assert code == 0
    assert "first 2" in screen and "The second text." not in screen


def test_a_wrong_option_is_named(lesson):
    done = run(lesson, "--nonsense")
    assert done.returncode == 2 and "--nonsense" in done.stderr


def test_real_pictures_are_used_where_they_are_found(monkeypatch, tmp_path, capsys):
    write(tmp_path)
    monkeypatch.setenv("MINIALEX_DATA", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["lesson", "--no-pause"])
    monkeypatch.syspath_prepend(str(LESSONS))
    monkeypatch.delitem(sys.modules, "lesson", raising=False)
    from lesson import pictures

    some = pictures("fashion-mnist", 2, 1)
    assert capsys.readouterr().out == "The pictures are real: fashion-mnist.\n"
    assert (some.name, some.x.shape[0], some.test_x.shape[0]) == ("fashion-mnist", 2, 1)
    assert abs(some.x - some.standardize(some.images)).max() == 0
