"""Lesson 18's claims: what each piece of a checkpoint is for, to the bit, and what a file is."""

import re

import numpy


def test_what_a_checkpoint_must_hold(run_lesson, tmp_path):
    made, printed = run_lesson("18", quick=True)
    pieces_one_by_one(made, printed)
    chance_and_schedules(made, printed)
    another_machine_and_fewer_digits(made)
    the_file(made, printed)
    assert (tmp_path / "runs/lessons/18_kink.png").is_file()
    assert not made["path"].parent.exists()


def rows(printed):
    """The lines of the lesson's table: two batches, three epochs, over all, weights that differ."""
    found = re.findall(r"^(A|weights only|no velocities|complete|one bit) +(\d.*)$", printed, re.M)
    return {
        name: [float(number.replace(",", "")) for number in numbers.split()]
        for name, numbers in found
        if len(numbers.split()) == 7
    }


def pieces_one_by_one(made, printed):
    found, weights = rows(printed), made["A"].net.parameter_count()
    assert len(found) == 5
    a, only = found["A"], found["weights only"]
    assert only[0] != a[0] and only[2] < a[2] - 0.05, "the fourth epoch was known by heart"
    assert only[6] > 0.99 * weights

    short = found["no velocities"]
    assert short[0] == a[0] and short[1] != a[1]
    assert short[6] > 0.99 * weights
    assert 2.3 < made["long"] / made["short"] < 10
    assert abs(made["behind"]).max() > 0.01

    assert found["complete"] == a and a[6] == 0
    for name, v in made["A"].velocities.items():
        assert v.tobytes() == made["complete"].velocities[name].tobytes()
    assert made["A"].losses[-made["after"] :] == made["complete"].losses


def chance_and_schedules(made, printed):
    assert printed.count("\nweights that differ: 0\n") == 2
    assert made["straight"].losses[-1] == made["stopped"].losses[-1]
    assert made["begun"].progress["epochs"] == 0 and made["begun"].progress["steps"] == 4
    for name, v in made["whole"].optimizer.state.items():
        assert v.tobytes() == made["resumed"].optimizer.state[name].tobytes()

    a, new, restored = made["rates"].values()
    assert restored == a
    assert (a[6], new[6]) == (0.001, 0.01)
    assert new[:6] == a[:6] and new.index(0.001, 6) == 9 and a.index(0.0001) == 7


def another_machine_and_fewer_digits(made):
    terms = made["terms"]
    left, right = numpy.cumsum(terms)[-1], numpy.cumsum(terms[::-1])[-1]
    assert left != right and abs(left - right) < 1e-3
    assert (made["apart"] > 0).sum() > 100 and made["apart"].max() < 1e-2

    back, weights = made["back"], made["weights"]
    shares = {kind: (read == weights).mean() for kind, read in back.items()}
    assert shares["9 digits"] == 1 > shares["8 digits"] > 0.9
    assert 0.02 < shares["6 digits"] < 0.06
    assert shares["float16"] < 0.01


def the_file(made, printed):
    assert "'descr': '<f4', 'fortran_order': False, 'shape': (48, 5, 5, 3)" in printed
    assert "the same: True" in printed
    assert "half of kept.npz.part: resumed after epoch 3\nhalf of kept.npz: File is not" in printed


def test_solutions_orders_float16_and_adam(run_lesson):
    made, printed = run_lesson("18", quick=True, solutions=True)
    assert 0 < made["again"] < made["n"] // 2
    found = dict(re.findall(r"^(new|saved) order: ([\d,]+) weights differ", printed, re.M))
    assert int(found["new"].replace(",", "")) > 1000 and found["saved"] == "0"

    ends = made["ends"]
    for kind in ("weights", "velocities"):
        assert 0 < abs(ends[kind] - ends["as it was"]) < 0.01

    ratios = made["ratios"]
    assert abs(ratios[0] - 10 / 1000**0.5) < 0.02
    assert ratios[9] < 0.2 < ratios[99] < 0.5 < ratios[999] < 0.9 < ratios[1999] < 1
