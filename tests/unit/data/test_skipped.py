"""Unreadable pictures: how many are an error, and how they are listed."""

import pytest

from minialex.data.skipped import check_most_are_readable, describe_unreadable
from minialex.errors import InputError


def problems(n):
    return {f"/pictures/{i:03}.jpg": f"/pictures/{i:03}.jpg: broken" for i in reversed(range(n))}


def test_up_to_half_may_be_unreadable():
    check_most_are_readable({}, 0)
    check_most_are_readable(problems(50), 100)
    with pytest.raises(
        InputError, match=r"51 of 100 pictures cannot be read.*: /pictures/050.jpg: broken"
    ):
        check_most_are_readable(problems(51), 100)
    with pytest.raises(InputError, match="1 of 1"):
        check_most_are_readable(problems(1), 1)


def test_at_most_twenty_names_are_listed_in_alphabetical_order():
    one = describe_unreadable(problems(1))
    assert one == "Skipped 1 picture that cannot be read:\n  /pictures/000.jpg"
    lines = describe_unreadable(problems(20), ", all in a.txt").splitlines()
    assert lines == [
        "Skipped 20 pictures that cannot be read:",
        *(f"  /pictures/{i:03}.jpg" for i in range(20)),
    ]
    lines = describe_unreadable(problems(1234), ", all in a.txt").splitlines()
    assert lines[0] == "Skipped 1,234 pictures that cannot be read:"
    assert lines[-2:] == ["  /pictures/019.jpg", "  and 1,214 more, all in a.txt"]


def test_each_name_is_one_line():
    assert describe_unreadable({"a\n\u202eb.jpg": ""}).endswith("read:\n  a\\n\\u202eb.jpg")
