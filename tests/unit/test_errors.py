"""Messages are one line of bounded length, whatever the files have put into them."""

import pytest

from minialex.errors import LONGEST, InputError, refusing


def test_a_message_becomes_one_line():
    assert str(InputError("a\n  b\t c\r\n")) == "a b c"


def test_a_message_shows_what_a_terminal_would_obey():
    assert str(InputError("a\x1b[2J\u202eb")) == r"a\x1b[2J\u202eb"


def test_of_a_long_message_the_beginning_and_the_end_are_said():
    said = str(InputError(f"{'name' * 50_000} has 3 pictures, expected 4"))
    assert said.startswith("namename") and said.endswith("has 3 pictures, expected 4")
    assert len(said) <= LONGEST + 3


@pytest.mark.parametrize("error", [ValueError("x" * 60_000), RecursionError(), KeyError("name")])
def test_what_a_damaged_file_raises_names_the_file(error):
    with (
        pytest.raises(InputError, match=r"^a\.bin cannot be read: ") as caught,
        refusing("a.bin", "cannot be read"),
    ):
        raise error
    assert len(str(caught.value)) < 1100
