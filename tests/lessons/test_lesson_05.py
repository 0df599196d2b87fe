"""Lesson 05's claims: a winner gets all its dy, and pooling makes nets steadier against shifts."""

import numpy
from lesson_runs import both_sizes


@both_sizes
def test_winners_ties_padding_and_shifts(run_lesson, quick):
    made, printed = run_lesson("05", quick)
    assert "return windows.max(axis=3)" in printed, "the shipped code"
    assert (made["y"] == made["naive"]).all()

    errors = made["errors"]  # only overlapping windows show that = is wrong
    assert errors[3, "+="] < 1e-5 and errors[2, "+="] < 1e-5
    assert errors[3, "="] > 100 and errors[2, "="] < 1e-5

    x, layer, rng = made["x"], made["layer"], numpy.random.default_rng(1)
    dy = rng.standard_normal(layer.forward(x, train=True).shape).astype(x.dtype)
    numpy.testing.assert_allclose(layer.backward(dy), made["backward"](x, dy, 3), atol=1e-6)
    assert made["ties"].mean() > 0.1  # so the line above covers ties

    assert (made["zeros"] == 0).all()
    assert (made["padded"].forward(made["flat"]) == -1).all()

    change = made["change"]
    for pixels in (1, 2):
        assert abs(change["every 2nd pixel", pixels] - change["the map", pixels]) < 0.02
        steadiest_first = ["three max 3×3", "mean 3×3", "max 3×3", "max 2×2", "the map"]
        order = [change[name, pixels] for name in steadiest_first]
        assert order == sorted(order)
