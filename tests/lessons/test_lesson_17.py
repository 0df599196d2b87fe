"""Lesson 17's claims: net 145's size, a norm over places, two rules, and one that gives NaN."""

import math
import re

import numpy
import pytest

from minialex.gradcheck import check_layer


def test_what_it_says_of_the_program(run_lesson):
    made, printed = run_lesson("17", quick=True)
    assert "60,965,224 weights; alexnet in minialex: 60,965,224" in printed
    place_norm = made["PlaceNorm"]
    flat = {a: place_norm().forward(numpy.full((1, 9, 9, 1), a))[0, 4, 4, 0] for a in (39.0, 130.0)}
    assert flat[39.0] == pytest.approx(39 / 2, rel=0.01) and flat[130.0] < flat[39.0]

    class WithoutCrossTerm(place_norm):
        def backward(self, dy):
            _, s = self.cache
            return dy / s**self.beta

    rng = numpy.random.default_rng(1)
    x = rng.standard_normal((2, 6, 7, 3))
    assert made["report"].passed
    assert not check_layer(WithoutCrossTerm(alpha=10), x, rng).passed

    assert 1 < made["divided_by"].max() < 1.2
    assert "biases   2000 times" in printed
    assert re.search(r"after ten steps \de-1[3-9] apart", printed)

    last = made["last"]
    assert last["paper", 0] != last["program", 0] != last["program", 1]
    assert made["negative"]["comment"].sum() == 0
    assert 0.2 < made["negative"]["code"].mean() < 0.8
    assert math.isnan(last["code", 0]) and math.isfinite(last["comment", 0])


def test_solutions_of_lesson_17(run_lesson):
    made, printed = run_lesson("17", quick=True, solutions=True)
    assert "largest: 19.62, at 44.7" in printed
    assert made["by_rate"][0.02] != made["by_rate"][0.2]
    assert "smallest G² - G: -0.25" in printed
    assert made["ends"]["code"] == pytest.approx(made["ends"]["plain"], rel=0.15)
    coasting, scaled = made["bumps"].values()
    assert coasting[0] == scaled[0] and scaled[1] < coasting[1]
