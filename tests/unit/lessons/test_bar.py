"""The line below what a cell prints while it computes."""

import io
import time

import pytest

from minialex.lessons import bar
from minialex.lessons.bar import ERASE_LINE, Bar, line


@pytest.mark.parametrize(
    ("elapsed", "expected", "text"),
    [
        (4, None, "computing, 00:04"),
        (70, 60, "computing, 01:10, longer than expected (01:00)"),
    ],
)
def test_what_it_says_without_an_end_in_sight(elapsed, expected, text):
    assert line(elapsed, expected) == text


def test_what_it_says_on_the_way():
    text = line(30, 120)
    assert text.startswith(" 25% ") and text.endswith(" 01:30 left")
    assert len(text) == 60


def test_it_is_not_there_while_something_else_is_written(monkeypatch):
    monkeypatch.setattr(bar, "PATIENCE", 0.0)
    monkeypatch.setattr(bar, "PACE", 0.001)
    out = Drawn()
    with Bar(out, None) as shown:
        out.wait(1)
        for text in ("half a line", " and the rest\n"):
            with shown.out_of_the_way(text.endswith("\n")):
                out.write(text)
        out.wait(1)
    written = out.getvalue()
    assert f"{ERASE_LINE}half a line and the rest\n{ERASE_LINE}computing" in written
    assert written.endswith(ERASE_LINE)


class Drawn(io.StringIO):
    """A terminal that knows when the line has been drawn once more."""

    def wait(self, times):
        before = self.getvalue().count("computing")
        while self.getvalue().count("computing") < before + times:
            time.sleep(0.001)


def test_a_cell_that_is_soon_done_leaves_no_trace():
    out = io.StringIO()
    with Bar(out, 10):
        out.write("done\n")
    assert out.getvalue() == "done\n"
