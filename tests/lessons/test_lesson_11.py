"""Lesson 11's claims: two tests before training, a loop that learns, and five ill runs."""

import math

import pytest


def test_checks_training_and_ill_curves(run_lesson):
    made, _ = run_lesson("11", quick=True)
    assert made["first"] == pytest.approx(math.log(10), abs=0.3)
    assert made["first"] == pytest.approx(made["expected"], abs=0.1)
    assert made["sure"] > made["first"] + 3
    assert made["loss"] < 0.05
    assert made["history"][1][0] < made["history"][0][0]

    own, new, share = 0, 1, 3
    ends = made["ends"]
    assert ends["healthy"][new] < ends["too low"][new] - 0.1
    assert ends["healthy"][new] < ends["too high"][new] - 0.1
    assert ends["too high"][share] < 0.2
    assert ends["too low"][own] > 2.2
    assert ends["underfitting"][own] > ends["overfitting"][own] + 1
    assert ends["overfitting"][new] - ends["overfitting"][own] > 1
    assert ends["off by one"][own] < ends["off by one"][new] - 0.3
    assert ends["off by one"][new] > ends["healthy"][new] + 0.15
