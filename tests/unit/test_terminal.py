"""Colour on terminals, and nowhere else."""

import io
import types

import pytest

from minialex.terminal import styled, visible


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setattr("minialex.terminal.sys", types.SimpleNamespace(stdout=Terminal()))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)


def test_a_terminal_gets_colour(terminal):
    assert styled("ok", "bold", "green") == "\033[1m\033[32mok\033[0m"


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_nobody_gets_colour_who_asks_for_none(name, value, terminal, monkeypatch):
    monkeypatch.setenv(name, value)
    assert styled("ok", "green") == "ok"


def test_files_and_pipes_get_none(terminal, monkeypatch):
    monkeypatch.setattr("minialex.terminal.sys", types.SimpleNamespace(stdout=io.StringIO()))
    assert styled("ok", "green") == "ok"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\nlines\tand\r\0", r"two\nlines\tand\r\x00"),
        ("\x1b[2J\x9b", r"\x1b[2J\x9b"),
        ("\u202egnp.exe\u2066\u2028\u061c", r"\u202egnp.exe\u2066\u2028\u061c"),
        (
            "café \udce9 🐈 日本語 שלום می\u200cخواهم \\",
            "café \udce9 🐈 日本語 שלום می\u200cخواهم \\",
        ),
    ],
)
def test_what_a_terminal_would_obey_is_shown(text, shown):
    assert visible(text) == shown
