"""Lesson 11's claims: two tests before training, a loop that learns, and five ill runs."""

import math
import re

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


def test_solutions_a_wrong_sign_a_lost_gradient_and_rates(run_lesson):
    made, printed = run_lesson("11", quick=True, solutions=True)
    as_it_is, wrong_sign, lost = (losses for losses, _ in made["memorised"].values())
    assert as_it_is[-1] < as_it_is[0] - 0.5
    assert lost[-1] < lost[0] - 0.5
    assert wrong_sign[-1] > wrong_sign[0] + 1

    checks = dict(re.findall(r"^(\w+): passed (\w+), dx \S+, ", printed, re.MULTILINE))
    assert checks == {"Conv2d": "True", "WrongSign": "False", "Lost": "False"}
    errors = dict(re.findall(r"^(\w+): passed \w+, dx (\S+), ", printed, re.MULTILINE))
    assert (errors["WrongSign"], errors["Lost"]) == ("2e+00", "1e+00")
    before_conv5 = (f"conv{i}.{key}" for i in range(1, 5) for key in ("weight", "bias"))
    assert made["wrong"] == ["x", *before_conv5]

    results = made["results"]
    for rate in (0.003, 0.024):
        none, short, long = (results[rate, warmup][0] for warmup in (0, 0.1, 0.3))
        assert none > short > long
    assert results[0.024, 0][0] > 10 * results[0.003, 0][0]
