"""A screen of 80×24: what fits stays together, full ones wait, b shows the ones before."""

import builtins
import os

import pytest

from minialex.lessons.screen import ERASE, Quit, Screen


@pytest.fixture
def opened(monkeypatch):
    """opened("", "b"): a Screen of 10 rows and 20 columns on which the reader types these."""
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("LINES", "10")

    def open_screen(*typed, waits=True):
        left = list(typed)

        def read():
            answer = left.pop(0)
            if isinstance(answer, type):
                raise answer
            return answer

        monkeypatch.setattr(builtins, "input", read)
        return Screen(waits)

    return open_screen


def shown(capsys):
    """What is on the terminal: screens in a list, without prompts."""
    prompt = "\nEnter continues, b goes back, q quits: "
    return capsys.readouterr().out.replace(ERASE, "").split(prompt)


def numbered(*numbers):
    return [f"line {number}" for number in numbers]


def test_blocks_share_a_screen_if_they_fit(opened, capsys):
    screen = opened()
    screen.show(numbered(1, 2, 3))
    screen.show(numbered(4, 5, 6))
    assert shown(capsys) == ["line 1\nline 2\nline 3\n\nline 4\nline 5\nline 6\n"]


def test_a_block_that_does_not_fit_gets_a_screen_of_its_own(opened, capsys):
    screen = opened("")
    screen.show(numbered(1, 2, 3))
    screen.show(numbered(4, 5, 6), room=3)
    assert shown(capsys) == ["line 1\nline 2\nline 3\n", "line 4\nline 5\nline 6\n"]


def test_a_block_that_is_longer_than_a_screen_is_cut(opened, capsys):
    screen = opened("")
    screen.show(numbered(*range(12)))
    first, second = shown(capsys)
    assert first.splitlines() == numbered(*range(9))
    assert second.splitlines() == numbered(9, 10, 11)


def test_what_is_printed_counts_too_with_the_rows_that_it_wraps_to(opened, capsys):
    screen = opened("")
    screen.show(numbered(1))
    print("x" * 101, end="", file=screen)  # six rows
    print("y", file=screen)
    print("line 8\nline 9", file=screen)
    screen.write("line 10\n")
    assert shown(capsys)[1] == "line 10\n"


def test_b_shows_the_screens_before_and_enter_comes_back(opened, capsys):
    screen = opened("", "b", "B ", "", "x", "")
    for number in range(3):
        screen.show(numbered(number), room=8)
    zero, one, two = "line 0\n", "line 1\n", "line 2\n"
    assert shown(capsys) == [zero, one, zero, zero, one, "", two]


@pytest.mark.parametrize("typed", ["q", " Quit", EOFError, KeyboardInterrupt])
def test_who_quits_sees_no_more(opened, capsys, typed):
    screen = opened(typed)
    screen.show(numbered(1))
    with pytest.raises(Quit):
        screen.show(numbered(2), room=9)
    assert "line 2" not in "".join(shown(capsys))


def test_where_nobody_sits_nothing_waits(opened, capsys):
    screen = opened(waits=False)
    for start in (0, 20):
        screen.show(numbered(*range(start, start + 15)))
    assert capsys.readouterr().out.splitlines() == [
        *numbered(*range(15)),
        "",
        *numbered(*range(20, 35)),
    ]


def test_a_dumb_terminal_gets_no_codes(opened, capsys, monkeypatch):
    screen = opened("")
    monkeypatch.setitem(os.environ, "TERM", "dumb")
    screen.show(numbered(1))
    screen.show(numbered(2), room=9)
    assert "\033" not in capsys.readouterr().out


def test_a_guess_is_typed_once_and_stays_on_its_screen(opened, capsys):
    screen = opened("Five", "")
    screen.show(numbered(1))
    assert screen.guess() == "Five"
    screen.show(numbered(2), room=9)
    assert "your guess (Enter skips): Five\n" in screen.past[0]
    assert opened(waits=False).guess() == ""
    with pytest.raises(Quit):
        opened("q").guess()
