"""Every learning-rate schedule at chosen moments."""

import math

import pytest

from minialex import schedules
from minialex.schedules import Constant, Cosine, Exponential, Plateau, Step


@pytest.mark.parametrize(
    "schedule, rates",
    [
        (Constant(0.1), {0: 0.1, 7.5: 0.1, 100: 0.1}),
        (Step(0.1, every=2), {0: 0.1, 1.99: 0.1, 2: 0.01, 3.5: 0.01, 4: 0.001}),
        (Step(0.1, every=0.5, factor=2), {0.4: 0.1, 0.5: 0.05, 1.25: 0.025}),
        (Exponential(0.1, epochs=10), {0: 0.1, 5: 0.01, 10: 0.001}),
        (Exponential(0.1, epochs=4, factor=16), {1: 0.05, 2: 0.025, 3: 0.0125}),
        (Cosine(0.1, epochs=10), {0: 0, 0.5: 0.05, 1: 0.1, 4: 0.075, 5.5: 0.05, 7: 0.025, 10: 0}),
        (Cosine(0.1, epochs=10, warmup=0), {0: 0.1, 5: 0.05, 10: 0, 11: 0}),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Constant) else "",
)
def test_a_schedules_rates_at_chosen_moments(schedule, rates):
    assert {progress: schedule(progress) for progress in rates} == pytest.approx(rates, abs=1e-12)
    for error in (3, 2, 2, 2, 2):  # only Plateau listens
        schedule.observe(error, error)
    assert {progress: schedule(progress) for progress in rates} == pytest.approx(rates, abs=1e-12)


def rates_after(schedule, errors):
    rates = []
    for error in errors:
        schedule.observe(error)
        rates.append(schedule(0))
    return rates


def test_plateau_drops_after_so_many_epochs_in_a_row_without_a_new_best():
    #         best stall  best stall  drop stall  drop  best stall  drop
    errors = [0.9, 0.95, 0.80, 0.85, 0.82, 0.81, 0.80, 0.7, 0.75, 0.71]
    rates = [0.1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.001, 0.001, 0.001, 0.0001]
    assert rates_after(Plateau(0.1, patience=2), errors) == pytest.approx(rates)


def test_plateau_waits_as_long_as_any_of_several_errors_falls():
    """An error rate at chance is no reason to give up while the loss falls, nor a growing loss
    while the error rate falls."""
    schedule = Plateau(0.1, patience=2)
    # both        loss        loss        rate        none        none        rate        none
    errors = [
        (0.9, 2.3),
        (0.9, 2.2),
        (0.9, 2.1),
        (0.8, 2.4),
        (0.8, 2.3),
        (0.9, 2.2),
        (0.7, 9.9),
        (0.7, 2.1),
    ]
    rates = []
    for pair in errors:
        schedule.observe(*pair)
        rates.append(schedule(0))
    assert rates == pytest.approx([0.1] * 5 + [0.01] * 3)


def test_plateau_drops_three_times_at_most_unless_told_otherwise():
    assert rates_after(Plateau(1.0, patience=1, factor=2), [5] * 6) == pytest.approx(
        [1, 1 / 2, 1 / 4, 1 / 8, 1 / 8, 1 / 8]
    )
    assert rates_after(Plateau(1.0, patience=1, factor=2, drops=1), [5] * 4) == pytest.approx(
        [1, 1 / 2, 1 / 2, 1 / 2]
    )


@pytest.mark.parametrize(
    "patience, factor, rates", [(1, 2, [1, 0.5, 0.25, 0.125]), (3, 10, [1, 1, 1, 0.1])]
)
def test_plateau_keeps_to_its_patience_and_factor(patience, factor, rates):
    assert rates_after(Plateau(1.0, patience, factor), [5, 5, 5, 5]) == pytest.approx(rates)


def test_plateau_starts_at_lr_and_counts_an_error_that_is_nan_as_no_improvement():
    schedule = Plateau(0.1, patience=1)
    assert schedule(0) == 0.1
    assert rates_after(schedule, [0.5, math.nan]) == pytest.approx([0.1, 0.01])


def test_plateau_given_anothers_state_goes_on_as_that_one_would():
    first, second = Plateau(0.1, patience=2), Plateau(0.1, patience=2)
    rates_after(first, [0.9, 0.95, 0.95, 0.95])
    second.state.update(first.state)
    assert (
        rates_after(second, [0.95, 0.8, 0.85])
        == rates_after(first, [0.95, 0.8, 0.85])
        == pytest.approx([0.001] * 3)
    )


@pytest.mark.parametrize(
    "name, rates",
    [
        ("constant", {0: 0.1, 12: 0.1}),
        ("step", {0: 0.1, 3.9: 0.1, 4: 0.01, 8: 0.001, 11.9: 0.001}),
        ("plateau", {0: 0.1, 12: 0.1}),
        ("exponential", {0: 0.1, 6: 0.01, 12: 0.001}),
        ("cosine", {0: 0, 1.2: 0.1, 12: 0}),
    ],
)
def test_a_schedule_is_built_by_name_for_a_run_of_twelve_epochs(name, rates):
    schedule = schedules.build(name, 0.1, 12)
    assert name in schedules.SCHEDULES
    assert {progress: schedule(progress) for progress in rates} == pytest.approx(rates, abs=1e-12)
