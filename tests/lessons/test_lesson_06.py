"""Lesson 06's claims: loud channels damp others; α = 1e-4 hides mistakes in the gradient."""

import numpy
from lesson_runs import both_sizes
from naive import lrn

from minialex.layers import LocalResponseNorm


@both_sizes
def test_inhibition_gradient_and_conventions(run_lesson, quick):
    made, printed = run_lesson("06", quick)
    assert "return x * s**-self.beta" in printed, "the shipped code"
    y = made["lrn"](made["made_up"])
    numpy.testing.assert_allclose(y, lrn(made["made_up"], alpha=1), rtol=1e-12)
    ring, far, loud_one = y[..., [2, 3, 5, 6]], y[..., [0, 1, 7, 8]], y[..., 4]
    assert ring.max() < 0.3 * far.min() and far.max() < loud_one

    patch, place = made["maps"][:1, 8:12, 8:12], numpy.s_[:1, 8:12, 8:12]
    for name in ("naive", "fast"):
        numpy.testing.assert_allclose(made[name][place], lrn(patch, alpha=1), atol=1e-6)

    errors = made["errors"]
    assert errors[1, "right"] < 1e-8 and errors[1e-4, "right"] < 1e-8
    for mistake in ("no cross term", "window of 4"):
        assert errors[1, mistake] > 0.1
        # less than the bound that the lesson names, more than gradcheck's
        assert 1e-6 < errors[1e-4, mistake] < 1e-3

    layer, a, dy = LocalResponseNorm(alpha=1), made["a"], made["dy"]
    layer.forward(a, train=True)
    numpy.testing.assert_allclose(layer.backward(dy), made["backward"](a, dy, 1), atol=1e-12)

    def factor(convention, x):
        return made["others"][convention].forward(x)[x > 0] / x[x > 0]

    assert abs(factor("the paper's", made["maps"]) - 2**-0.75).max() < 0.01
    assert factor("the paper's", made["loud"]).min() < factor("α / 5", made["loud"]).min() < 0.3
    assert abs(factor("α / 5, k = 1", made["maps"]) - 1).max() < 0.01
    assert made["off"].mean() > 0.05 * made["early"].mean()  # pooling first is not the same
