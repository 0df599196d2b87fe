"""A lesson in a terminal: text, code, waiting for Enter, q; and which pictures it uses."""

import ast
import importlib
import inspect
import os
import subprocess
import sys
import textwrap

import pytest
from lesson_runs import LESSONS
from mnist_files import write

from minialex.errors import InputError
from minialex.layers import Conv2d, Dropout, LocalResponseNorm, MaxPool2d, ReLU
from minialex.layers.im2col import im2col

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
        except OSError:  # on Linux: the other side is closed
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


def test_enter_continues(lesson):
    code, screen = in_terminal(lesson, b"\n")
    assert code == 0 and "second 3" in screen


@pytest.mark.parametrize("typed", [b"q\n", b"\x04"], ids=["q", "Ctrl-D"])
def test_q_quits_before_the_next_step(lesson, typed):
    code, screen = in_terminal(lesson, typed)
    assert code == 0
    assert "first 2" in screen and "The second text." not in screen


def test_a_wrong_option_is_named(lesson):
    done = run(lesson, "--nonsense")
    assert done.returncode == 2 and "--nonsense" in done.stderr


@pytest.mark.parametrize(
    "function",
    [
        im2col,
        *(Conv2d.forward, Conv2d.backward, ReLU.forward, MaxPool2d.forward, MaxPool2d.backward),
        *(LocalResponseNorm.forward, LocalResponseNorm.window_sum, Dropout.forward),
    ],
    ids=lambda function: function.__qualname__,
)
def test_shipped_code_is_shown_in_80_columns_without_its_docstring(monkeypatch, capsys, function):
    monkeypatch.setattr(sys, "argv", ["lesson", "--no-pause"])
    monkeypatch.syspath_prepend(str(LESSONS))
    monkeypatch.delitem(sys.modules, "lesson", raising=False)
    importlib.import_module("lesson").shipped(function)
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80

    definition = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    if ast.get_docstring(definition):
        del definition.body[0]
    assert ast.unparse(ast.parse(shown)) == ast.unparse(definition)


@pytest.fixture
def pictures(monkeypatch, tmp_path):
    """lesson.pictures, where $MINIALEX_DATA is tmp_path and no other data set is in reach."""
    monkeypatch.setenv("MINIALEX_DATA", str(tmp_path))
    monkeypatch.setenv("MINIALEX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("minialex.data.published.mnist.DEBIAN", tmp_path / "nowhere")
    monkeypatch.setattr(sys, "argv", ["lesson", "--no-pause"])
    monkeypatch.syspath_prepend(str(LESSONS))
    monkeypatch.delitem(sys.modules, "lesson", raising=False)
    return importlib.import_module("lesson").pictures


@pytest.mark.parametrize(
    ("name", "train", "test"),
    [("cifar10", 20_000, 2000), ("cifar10", 1, 1), ("fashion-mnist", 500, 3000)],
)
def test_as_many_shapes_are_drawn_as_a_lesson_asks_for(pictures, capsys, name, train, test):
    some = pictures(name, train, test)
    assert capsys.readouterr().out == (
        f"{name} is not on this machine (lessons/README.md): drawn shapes instead.\n"
    )
    assert some.name == "shapes"
    assert some.images.shape == some.x.shape == (train, 32, 32, 3)
    assert some.test_images.shape == some.test_x.shape == (test, 32, 32, 3)
    assert (len(some.labels), len(some.test_labels)) == (train, test)
    assert 50 < some.standardize.std.min() < some.standardize.std.max() < 90


def test_a_data_set_with_too_few_pictures_is_an_error(pictures, tmp_path):
    write(tmp_path)
    expected = (
        r"expected 13 training and 2 test pictures or more, "
        r"fashion-mnist on this machine has 12 and 5$"
    )
    with pytest.raises(InputError, match=expected):
        pictures("fashion-mnist", 13, 2)


def test_real_pictures_are_used_if_they_are_found(pictures, tmp_path, capsys):
    write(tmp_path)
    some = pictures("fashion-mnist", 2, 1)
    assert capsys.readouterr().out == "The pictures are real: fashion-mnist.\n"
    assert (some.name, some.x.shape[0], some.test_x.shape[0]) == ("fashion-mnist", 2, 1)
    assert abs(some.x - some.standardize(some.images)).max() == 0
