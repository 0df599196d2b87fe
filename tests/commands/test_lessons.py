"""python -m minialex.lessons: the list, a lesson in a terminal, and where there is none."""

import errno
import json
import os
import subprocess
import sys

import pytest
from command_runs import call
from solutions import solved

from minialex import lessons
from minialex.gradcheck.__main__ import main as gradcheck
from minialex.lessons import progress, site, source, terminal
from minialex.lessons.__main__ import main

LESSON = """\
# %% [markdown]
# # 01. Waiting
#
# The first $t_i$.

# %%
print("first", 1 + 1)
print("no", end=" "); print("break")

# %% [markdown]
# ## Two
#
# The second text.

# %%
def f():
    return 3


print("second", f())
"""


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """A working folder, and a course of two lessons, the second of which fails."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(source, "FOLDER", tmp_path / "lessons")
    monkeypatch.setattr(lessons, "quick", False)
    source.FOLDER.mkdir()
    (source.FOLDER / "01_waiting.py").write_text(LESSON)
    broken = "# %% [markdown]\n# # 02. Broken\n\n# %%\nx = 1\nprint(x)\n\nx / 0\n"
    (source.FOLDER / "02_broken.py").write_text(broken)
    return tmp_path


def in_terminal(folder, *typed: bytes, number="1") -> tuple[int, str]:
    """(exit code, what it wrote) of the command in a terminal of 80×24 where this is typed, piece
    after piece, whenever it asks."""
    pty = pytest.importorskip("pty", reason="a terminal to type in: this system has no pty")
    here, there = pty.openpty()
    process = subprocess.Popen(
        command(folder, number),
        cwd=folder,
        env=os.environ | {"NO_COLOR": "1", "COLUMNS": "80", "LINES": "24", "TERM": "dumb"},
        stdin=there,
        stdout=there,
        stderr=there,
    )
    os.close(there)
    screen, left = b"", [*typed]
    while True:
        try:
            screen += os.read(here, 10_000)
        except OSError:  # on Linux: the other side is closed
            break
        if screen.endswith((b"quits: ", b"skips): ")):
            if not left:
                process.kill()
                pytest.fail(f"it asks once more than expected: {screen.decode()[-300:]}")
            os.write(here, left.pop(0))
    os.close(here)
    return process.wait(), screen.decode().replace("\r\n", "\n")


def command(folder, *arguments):
    """The command line of a process whose course is that of `folder`."""
    program = f"""
from pathlib import Path
from minialex.command import run
from minialex.lessons import source
from minialex.lessons.__main__ import main
source.FOLDER = Path({str(folder / "lessons")!r})
run(main)
"""
    return [sys.executable, "-c", program, *arguments]


def test_text_then_code_then_what_it_prints(folder, capsys):
    code, out, err = call(main, "1", capsys=capsys)
    assert (code, err) == (0, "")
    assert (
        out
        == f"""\
━━ 01. Waiting {"━" * 65}

The first t[i].

  │ print("first", 1 + 1)
  │ print("no", end=" "); print("break")

first 2
no break

── Two {"─" * 73}

The second text.

  │ def f():
  │     return 3
  │
  │
  │ print("second", f())

second 3
"""
    )


def test_enter_goes_on_to_the_next_step(folder):
    code, screen = in_terminal(folder, b"\n")
    assert code == 0 and "second 3" in screen
    assert screen.count("Enter continues") == 1
    assert json.loads((folder / "runs/lessons/progress.json").read_text()) == {
        "seen": {"01": 4},
        "right": [],
    }


@pytest.mark.parametrize(("typed", "told"), [(b"\n", True), (b"q\n", False)])
def test_who_reaches_the_end_is_told_of_the_solutions(folder, typed, told):
    (source.FOLDER / "solutions").mkdir()
    (source.FOLDER / "solutions/01_waiting.py").write_text(LESSON)
    screen = in_terminal(folder, typed)[1]
    assert ("lessons 01 --solutions" in screen) == told


def test_a_guess_is_asked_for_below_the_code_and_before_it_runs(folder):
    guess = "# %% [markdown]\n# # 03. G\n#\n# **Guess**: 6 · 7?\n\n# %%\nprint(6 * 7)\n"
    (source.FOLDER / "03_guess.py").write_text(guess)
    code, screen = in_terminal(folder, b"41\n", number="3")
    assert code == 0
    asked, answered = screen.split("your guess (Enter skips): ")
    assert "print(6 * 7)" in asked and "42" not in asked
    assert "42\n(your guess: 41)\n" in answered


def test_a_long_step_says_how_long_it_takes_on_this_machine(folder, monkeypatch, capsys):
    text = "# %% [markdown]\n# # 03. L\n\n# %% seconds=40\nprint('computed')\n"
    (source.FOLDER / "03_long.py").write_text(text)
    monkeypatch.setattr(terminal, "gemm_rate", lambda xp: terminal.REFERENCE / 4)
    out = call(main, "3", capsys=capsys)[1]
    assert "(This takes about 3 minutes here.)\ncomputed\n" in out
    monkeypatch.setattr(terminal, "gemm_rate", lambda xp: terminal.REFERENCE * 2)
    assert "(This takes about 20 seconds here.)" in call(main, "3", capsys=capsys)[1]
    assert "This takes" not in call(main, "3", "--quick", capsys=capsys)[1]


@pytest.mark.parametrize("typed", [b"q\n", b"\x04"], ids=["q", "Ctrl-D"])
def test_q_quits_before_the_next_step(folder, typed, capsys):
    code, screen = in_terminal(folder, typed)
    assert code == 0
    assert "first 2" in screen and "The second text." not in screen
    assert call(main, capsys=capsys)[1].splitlines()[0].split() == ["01", "Waiting", "50%"]


def test_q_while_a_cell_prints_ends_the_lesson_without_an_error(folder):
    text = """# %% [markdown]\n# # 03. Long\n\n# %%\nfor number in range(60):
    try:
        print("line", number)
    except Exception:
        print("caught")
"""
    (source.FOLDER / "03_long.py").write_text(text)
    code, screen = in_terminal(folder, b"q\n", number="3")
    assert code == 0
    assert "line 10" in screen and "line 30" not in screen
    assert "Traceback" not in screen and "\ncaught" not in screen


def test_the_list_says_what_has_been_done(folder, capsys):
    exercise = "# %% [markdown]\n# # 03. E\n#\n# Write `lessons/exercises/conv.py`.\n"
    (source.FOLDER / "03_e.py").write_text(exercise)
    progress.note_seen(source.find("1"), 4)
    progress.note_seen(source.find("1"), 2)
    progress.note_right("conv")
    _, out, _ = call(main, capsys=capsys)
    assert [line.split() for line in out.splitlines()[:3]] == [
        ["01", "Waiting", "read"],
        ["02", "Broken"],
        ["03", "E", "conv", "✓"],
    ]
    for damaged in ("{", '{"seen": {"01": "x"}, "right": 1}', "[1]", '{"seen": 1}'):
        progress.FILE.write_text(damaged)
        assert "read" not in call(main, capsys=capsys)[1]


def test_an_exercise_that_is_graded_right_is_in_the_list(folder, monkeypatch, capsys):
    monkeypatch.setattr("minialex.gradcheck.__main__.FOLDER", folder)
    for place in ("exercises", "homework"):
        path = folder / place / "pool.py"
        path.parent.mkdir()
        path.write_text(solved("pool_taps"), encoding="utf-8")
    assert call(gradcheck, folder / "homework/pool.py", capsys=capsys)[0] == 0
    assert progress.load() == ({}, [])
    assert call(gradcheck, folder / "exercises/pool.py", capsys=capsys)[0] == 0
    assert progress.load() == ({}, ["pool"])


def test_running_through_without_a_terminal_is_not_reading(folder, capsys):
    (source.FOLDER / "solutions").mkdir()
    (source.FOLDER / "solutions/01_waiting.py").write_text(LESSON)
    _, out, _ = call(main, "1", "--no-pause", capsys=capsys)
    assert out.endswith("lessons 01 --solutions\n")
    assert not progress.FILE.exists()


def test_figures_of_the_answers_are_not_those_of_a_quick_run(folder, capsys):
    answers = "# %% [markdown]\n# # 03. Q\n\n# %% [markdown]\n# ## Answers to the guesses\n"
    (source.FOLDER / "03_quick.py").write_text(answers)
    assert "without --quick" in call(main, "3", "--quick", capsys=capsys)[1]
    assert "without --quick" not in call(main, "3", capsys=capsys)[1]


@pytest.mark.parametrize("option", ["--solutions", "--notebook"])
def test_a_site_has_all_of_a_lesson(folder, option, capsys):
    code, _, err = call(main, "1", "--site", "pages", option, capsys=capsys)
    assert (code, f"leave out {option}" in err) == (2, True)


@pytest.mark.parametrize("name", ["conf.py", "index.md", "01_waiting.ipynb"])
def test_a_file_of_a_site_that_cannot_be_written_is_named(folder, name, capsys, monkeypatch):
    pytest.importorskip("nbformat")
    replace = os.replace

    def full(source, target):
        if os.path.basename(target) == name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # as writing does
        replace(source, target)

    monkeypatch.setattr(os, "replace", full)
    monkeypatch.setattr(site, "PACKAGES", ())
    code, _, err = call(main, "1", "--site", "pages", capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert err.endswith(f"No space left on device: 'pages/.source/{name}'\n")


def test_quick_reaches_the_lesson(folder, capsys):
    text = "# %% [markdown]\n# # 03. Q\n\n# %%\nfrom minialex.lessons import quick\nprint(quick)\n"
    (source.FOLDER / "03_quick.py").write_text(text)
    assert call(main, "3", "--quick", capsys=capsys)[1].endswith("True\n")
    assert call(main, "3", capsys=capsys)[1].endswith("False\n")


def test_code_that_fails_is_named_with_its_line(folder, capsys):
    code, _, err = call(main, "2", capsys=capsys)
    assert code == 1
    assert (
        err.splitlines()[1].strip().startswith(f'File "{source.FOLDER / "02_broken.py"}", line 8')
    )
    assert err.splitlines()[-1] == "ZeroDivisionError: division by zero"
    assert len(err.splitlines()) <= 5  # nothing of minialex is in it


def test_ctrl_c_while_it_computes_is_one_line(folder, capsys):
    text = "# %% [markdown]\n# # 03. C\n\n# %%\nraise KeyboardInterrupt\n"
    (source.FOLDER / "03_c.py").write_text(text)
    assert call(main, "3", capsys=capsys)[::2] == (130, "interrupted\n")


def test_a_terminal_without_utf_8(folder):
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "NO_COLOR": "1"}
    done = subprocess.run(command(folder, "1"), env=environment, capture_output=True)
    assert done.returncode == 0
    assert done.stdout.startswith(b"-- 01. Waiting ---")
    assert b"  | def f():" in done.stdout


def test_a_reader_that_closes_the_pipe(folder):
    with subprocess.Popen(
        command(folder, "1"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as done:
        done.stdout.close()
        assert done.stderr.read() == b""
    assert done.returncode == 141


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["99"], "error: expected a lesson from 0 to 2, got 99\n"),
        (["convolution"], "error: expected a lesson from 0 to 2, got convolution\n"),
    ],
)
def test_a_lesson_that_there_is_not(folder, capsys, arguments, message):
    assert call(main, *arguments, capsys=capsys) == (2, "", message)
