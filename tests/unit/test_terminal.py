"""Colour on terminals, and nowhere else."""

import io
import types

import pytest

from minialex.terminal import styled


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
