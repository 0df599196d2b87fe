"""Lesson 14's claims: windows in either order, pieces, four products for six, rounding errors."""

import numpy
import pytest


@pytest.fixture
def lesson(run_lesson):
    return run_lesson("14_fast")


def test_every_way_to_be_fast_gives_the_same_numbers(lesson, tmp_path):
    made, printed = lesson
    assert made["rows"].transpose(0, 5, 3, 4, 1, 2).shape == made["columns"].shape

    x = numpy.random.default_rng(0).standard_normal(1000, numpy.float32)
    for size in (7, 1000):
        y = numpy.full_like(x, numpy.nan)
        made["normalise"](x, y, size)
        assert abs(y - x / (x * x + 2)).max() < 1e-6
    assert (tmp_path / "runs/lessons/14_pieces.png").is_file()

    six, four = (
        numpy.array(line.split()[2:], float)
        for line in printed.splitlines()
        if line.startswith(("six prod", "four prod"))
    )
    assert len(six) == 2 and abs(six - four).max() < 1e-12

    tiles = [
        line
        for line in printed.splitlines()
        if "products each, error" in line and line[0].isdigit()
    ]
    products = [float(line.split()[1]) for line in tiles]
    errors = [float(line.split()[-1]) for line in tiles]
    assert products == [4.0, 2.78, 2.25, 1.96, 1.78]
    assert errors[0] < 2e-7 < 1e-6 < errors[-1] < 1e-5
