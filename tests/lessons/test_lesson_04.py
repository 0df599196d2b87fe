"""Lesson 04's claims: large inputs make tanh flat but not ReLU, and flat units learn slowly."""

import re

import numpy

from minialex.layers import ReLU


def test_saturated_units_learn_slowly(run_lesson):
    made, printed = run_lesson("04", quick=True)
    assert "return backend.of(x).maximum(x, 0)" in printed, "the shipped code"

    x = numpy.array([-2.0, 0.0, 3.0])
    assert (made["relu"](x) == [0, 0, 3]).all()
    assert "difference from the loop: 0.0" in printed

    shares = re.findall(r"(2012|today) +(\w+) +\|x\| [\d.]+ flat (\d+)%", printed)
    flat = {(start, name): int(share) for start, name, share in shares}
    assert len(flat) == 6
    assert flat["2012", "tanh"] > 40, "raw pixels saturate tanh"
    assert flat["today", "tanh"] < 20, "standardised ones do not"
    assert 40 < flat["2012", "ReLU"] < 60, "ReLU is off where x is negative, whatever its size"
    assert flat["2012", "ReLU"] == flat["today", "ReLU"]

    last = {net: errors[-1] for net, errors in made["curves"].items()}
    assert len(last) == 6
    assert last["2012", "ReLU"] < 0.82, "ReLU learns, fed with raw pixels"
    assert last["today", "ReLU"] < 0.85, "and with standardised ones"
    _, *today = made["curves"]["today", "tanh"]
    _, *then = made["curves"]["2012", "tanh"]
    assert all(now < before for now, before in zip(today, then, strict=True)), (
        "tanh learns faster where it is not saturated"
    )
    assert max(today[0] - then[0], today[1] - then[1]) < -0.05, "and by far at first"
    for start in ("2012", "today"):
        assert last[start, "sigmoid"] > max(last[start, "ReLU"], last[start, "tanh"]) + 0.05

    for (start, name), errors in made["curves"].items():
        assert len(errors) == made["longest"] + 1 or errors[-1] < 0.25
        assert all(error >= 0.25 for error in errors[:-1])
        there = "below" if errors[-1] < 0.25 else "not below"
        assert re.search(rf"{start}, {name}, % wrong in each epoch:\n[ \d]+\n{there} 25%", printed)


def test_solutions_say_what_pixels_weights_and_rates_do(run_lesson):
    made, _ = run_lesson("04", quick=True, solutions=True)
    sizes, flat = made["sizes"], made["flat"]
    larger = numpy.divide(sizes["ReLU", "weights"], sizes["ReLU", "both"])
    assert larger.min() > 20 and larger.max() < 1.1 * larger.min(), "ReLU passes on any size"
    assert sizes["ReLU", "pixels"][2] < 0.02 and sizes["ReLU", "weights"][2] > 50
    assert max(sizes["tanh", "weights"][1:]) < 3, "tanh passes on 1 at most"
    tanh = [flat["tanh", start] for start in ("pixels", "both", "2012", "weights")]
    assert tanh == sorted(tanh) and tanh[0] < 0.02 and tanh[1] < 0.2
    assert tanh[2] > 0.4 and tanh[3] > 0.9

    last = {start: made["curves"]["tanh", start][-1] for start in ("2012", "both")}
    assert last["both"] < last["2012"] - 0.05
    untrained = made["count_dead"](made["build"](ReLU, 0.01), made["centred"])
    assert untrained[1] == 0 and made["dead"]["2012"][1] > 0, "too high a rate kills channels"
