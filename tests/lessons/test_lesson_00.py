"""Lesson 00's claims: views, where an element lies, what float32 loses, who computes."""

import numpy


def test_arrays_do_what_the_lesson_says(run_lesson):
    made, printed = run_lesson("00")
    few, mean, std, images = (made[name] for name in ("few", "mean", "std", "images"))

    exact = (few.astype(numpy.float64) - mean) / std
    assert abs(made["loops"] - exact).max() < 1e-5
    assert "from the loops: 0.0" in printed
    assert "(5, 1) - (5,) is (5, 5)" in printed

    assert images.tobytes()[made["byte"]] == images[3, 20, 10, 2]
    assert made["turned"].strides == (3072, 3, 96, 1)
    assert "images[:2] is a view: True" in printed
    assert "images[[0, 1]]: False" in printed
    assert "turned.reshape(-1): False" in printed
    assert "has changed by 1.0" in printed
    assert all(numpy.shares_memory(view, made["p"]) for view in made["views"].values())

    assert abs(made["total"] - 10_000) > 1
    assert "2²⁴ + 1 - 2²⁴, in float32: [0.]" in printed
    assert "float32 · 0.5: float32" in printed
    assert "a float64: float64" in printed
    assert "200 + 100 = [44]" in printed

    assert made["y"].dtype == numpy.float32
    assert "as on the host: True" in printed
