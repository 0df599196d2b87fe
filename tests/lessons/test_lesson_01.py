"""Lesson 01's claims: p − onehot is the gradient, it learns, and moved pictures confuse it."""

import re

import numpy


def test_the_gradient_is_right_and_learns_where_things_are(run_lesson):
    made, printed = run_lesson("01", quick=True)

    p = made["softmax"](numpy.array([[1000.0, 999.0, -1000.0]]))
    assert abs(p - [[0.731, 0.269, 0.0]]).max() < 1e-3
    assert float(re.search(r"difference from the loops: (\S+)", printed)[1]) < 1e-4
    assert float(re.search(r"matrix form, largest difference: (\S+)", printed)[1]) < 1e-6

    nudges = re.findall(r"nudged ([-+]\d\S+), by hand ([-+]\d\S+)", printed)
    assert len(nudges) == 4
    for nudged, by_hand in nudges:
        assert abs(float(by_hand)) > 1e-3
        assert abs(float(nudged) - float(by_hand)) < 1e-6

    losses = numpy.array(made["losses"])
    assert abs(losses[0] - numpy.log(10)) < 0.3
    assert (numpy.diff(losses) < 0).all(), "a step of gradient descent made the loss larger"

    unseen = float(re.search(r"not seen before: (\S+)%", printed)[1])
    learnt = [float(share) for share in re.findall(r"moved by \d pixels: (\S+)%", printed)]
    assert len(learnt) == 7
    assert learnt[0] > 2 * unseen, "drawn shapes are only memorised"
    assert learnt[6] < learnt[0] / 2, "a template sits at one place"
