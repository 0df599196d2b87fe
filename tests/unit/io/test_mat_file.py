"""MATLAB's files: what SciPy writes is read as SciPy reads it, and what is damaged is not."""

import struct

import mat_files
import numpy
import pytest
from mat_files import (
    CELL,
    CHAR,
    COMPRESSED,
    DOUBLE,
    FUNCTION,
    HEADER,
    INT32,
    MATRIX,
    NUMBERS,
    STRUCT,
    UTF8,
    compressed,
    element,
    matrix,
    nested,
    number,
)
from scipy import io

from minialex import available_memory
from minialex.errors import DAMAGED
from minialex.io import mat_file


def cell(*things):
    """A cell array (1, N)."""
    made = numpy.empty((1, len(things)), object)
    for i, thing in enumerate(things):
        made[0, i] = thing
    return made


VARIABLES = {
    "bytes": numpy.arange(24, dtype="u1").reshape(2, 3, 4),
    "doubles": numpy.array([[1.5, -2, numpy.inf]]),
    "singles": numpy.ones((2, 2), "f4"),
    "large": numpy.array([[1 << 40, -1]]),
    "small": numpy.array([[-3, 2]], "i2"),
    "answer": numpy.array([[True, False]]),
    "empty": numpy.empty((0, 5)),
    "text": "a word, and Wörter",
    "lines": numpy.array(["ab", "cd", "ef"]),
    "cells": cell("abc", numpy.arange(6.0).reshape(2, 3), cell(), numpy.empty((0, 0))),
    "record": {"name": "conv1", "inner": {"side": [3.0, 4.0]}, "nothing": ""},
}


def assert_same(found, expected):
    """Equal in all their parts; expected: as SciPy has it."""
    if isinstance(expected, numpy.ndarray):
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        for one, other in zip(found.ravel(), expected.ravel(), strict=True):
            assert_same(one, other)
    elif hasattr(expected, "_fieldnames"):
        assert list(vars(found)) == expected._fieldnames
        for name, value in vars(found).items():
            assert_same(value, getattr(expected, name))
    else:
        assert found == expected


@pytest.mark.parametrize("packed", [True, False])
def test_what_scipy_reads(tmp_path, packed):
    path = tmp_path / "x.mat"
    io.savemat(path, VARIABLES, do_compression=packed)
    found, expected = mat_file.read(path), io.loadmat(path, struct_as_record=False)
    assert list(found) == list(VARIABLES)
    for name in VARIABLES:
        assert_same(found[name], expected[name])


def test_the_other_order_of_bytes(tmp_path):
    mat_files.swapped(tmp_path / "x.mat")
    assert mat_file.read(tmp_path / "x.mat")["x"].tolist() == [[1, 2, 3]]


def read(tmp_path, *content, header=HEADER):
    path = tmp_path / "x.mat"
    path.write_bytes(header + b"".join(content))
    return mat_file.read(path)


def test_what_only_matlab_can_run_is_left_out(tmp_path):
    function = matrix(FUNCTION, (1, 1), element(UTF8, b"delete"), name=b"f")
    found = read(tmp_path, function, number(2.0, b"x"), matrix(CELL, (1, 1), function, name=b"c"))
    assert list(found) == ["x", "c"]
    assert found["c"].tolist() == [[None]]


def test_names_of_fields_mean_nothing_to_python(tmp_path):
    names = b"__class__".ljust(16, b"\0") + b"__del__".ljust(16, b"\0")
    fields = element(INT32, struct.pack("<i", 16)) + element(1, names)
    found = read(tmp_path, matrix(STRUCT, (1, 1), fields, number(1), number(2), name=b"s"))
    assert list(vars(found["s"].item())) == ["__class__", "__del__"]


def test_cells_in_cells_are_read_up_to_a_depth(tmp_path):
    value = read(tmp_path, nested(50))["x"]
    while value.dtype == object:
        value = value.item()
    assert value.item() == 1


ONES = element(DOUBLE, struct.pack("<d", 1))
HUGE = 1 << 30


DAMAGE = [
    (nested(51), "more than 50 deep"),
    (compressed(nested(51)), "more than 50 deep"),
    (number(1)[:-4], "it is cut off: 56 bytes announced, 52 there"),
    (element(MATRIX, b"", HUGE), "it is cut off"),
    (element(COMPRESSED, b"no zlib stream"), "incorrect header check"),
    (compressed(element(MATRIX, bytes(100), HUGE)), "can stand for"),
    (compressed(element(MATRIX, bytes(100), 120)), "it is cut off: 120 bytes announced, 104"),
    (compressed(compressed(number(1))), "an element of type 15, expected a matrix"),
    (element(DOUBLE, b"12345678"), "an element of type 9, expected a matrix"),
    (matrix(NUMBERS, (HUGE, HUGE), ONES), "cannot reshape"),
    (matrix(NUMBERS, (-1, 1), ONES), "has the shape (-1, 1)"),
    (matrix(NUMBERS, (1,), ONES), "has the shape (1,)"),
    (matrix(NUMBERS, (1, 2), ONES), "cannot reshape"),
    (matrix(NUMBERS, (1, 1)), "a matrix ends too early"),
    (matrix(NUMBERS, (1, 1), ONES, flags=0x0800, name=b"z"), "z has complex numbers"),
    (matrix(NUMBERS, (1, 1), element(DOUBLE, b"", HUGE)), "an element announces"),
    (matrix(NUMBERS, (1, 1), element(UTF8, b"12345678")), "of type 16, expected numbers"),
    (matrix(CELL, (HUGE, 4), number(1), name=b"c"), "c announces 4,294,967,296 cells"),
    (matrix(CELL, (1, 2), number(1)), "a matrix ends too early"),
    (matrix(CHAR, (1, 9), element(UTF8, b"cat")), "a text of 3 letters, expected 9"),
    (matrix(CHAR, (1, 1), element(UTF8, b"\xff")), "invalid start byte"),
    (matrix(CHAR, (1, 1), ONES), "text in an element of type 9"),
    (matrix(STRUCT, (1, 1), element(INT32, struct.pack("<i", 0)), element(1, b"a")), "of 0"),
    (element(MATRIX, element(UTF8, b"12345678")), "of type 16, expected numbers"),
    (element(MATRIX, element(INT32, b"")), "does not say its shape or kind"),
]


@pytest.mark.parametrize(("content", "said"), DAMAGE, ids=range(len(DAMAGE)))
def test_damaged_files_are_refused(tmp_path, content, said):
    with pytest.raises(DAMAGED) as caught:
        read(tmp_path, content)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (b"", "no header of MATLAB's version 5"),
        (HEADER[:-1], "no header"),
        (HEADER[:-2] + b"XX", "no header"),
        (HEADER[:-4] + b"\0\2IM", "of version 0x0200, expected 0x0100: save it with -v7"),
    ],
)
def test_other_files_are_refused(tmp_path, header, said):
    with pytest.raises(ValueError, match=said):
        read(tmp_path, header=header)


def test_more_than_the_memory_is_refused_before_it_is_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(available_memory, "available_memory", lambda: 5_000_000)
    bomb = matrix(NUMBERS, (1, 1_000_000), element(DOUBLE, bytes(8_000_000)), name=b"x")
    with pytest.raises(MemoryError, match="announces 8 MB, more than the 5 MB of memory"):
        read(tmp_path, compressed(bomb))
    small = matrix(NUMBERS, (1, 1_000_000), element(2, bytes(1_000_000)), name=b"x")
    with pytest.raises(MemoryError, match="announces 8 MB, more than the 5 MB of memory"):
        read(tmp_path, small)  # bytes that stand for doubles
