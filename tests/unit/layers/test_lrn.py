"""LocalResponseNorm against loops over the paper's formula, at α = 1, where a wrong window cannot
hide, and at α = 1e-4."""

import numpy
import pytest
from geometries import LRNS
from naive import assert_close, lrn

from minialex.gradcheck import check_layer
from minialex.layers import LocalResponseNorm


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("scale", [1, 100])  # at 100, even the paper's α has an effect
@pytest.mark.parametrize("channels, options", LRNS.values(), ids=LRNS.keys())
def test_forward_equals_the_loops(channels, options, scale, dtype, rng, xp):
    x = (scale * rng.standard_normal((2, 3, 2, channels))).astype(dtype)
    assert_close(LocalResponseNorm(**options).forward(xp.asarray(x)), lrn(x, **options))


@pytest.mark.parametrize("channels, options", LRNS.values(), ids=LRNS.keys())
def test_gradient_equals_finite_differences(channels, options, rng, xp):
    report = check_layer(
        LocalResponseNorm(**options), xp.asarray(rng.standard_normal((2, 3, 2, channels))), rng
    )
    assert report.passed, report


def test_the_window_is_cut_at_the_first_and_the_last_channel(xp):
    x = numpy.array([1.0, 2.0, 3.0, 4.0]).reshape(1, 1, 1, 4)
    y = LocalResponseNorm(size=3, alpha=1.0, beta=1.0, k=1.0).forward(xp.asarray(x))
    # 1 + 1² + 2²,  1 + 1² + 2² + 3²,  1 + 2² + 3² + 4²,  1 + 3² + 4²
    assert_close(y, x / numpy.array([6, 15, 30, 26]))


def test_the_defaults_are_the_papers_and_alpha_is_not_divided_by_the_window(xp):
    y = LocalResponseNorm().forward(xp.asarray(numpy.full((1, 1, 1, 5), 100.0)))
    # k = 2, n = 5, α = 1e-4: 2 + 1e-4 · 5 · 100² = 7 in the middle, where torch has 3; two
    # neighbours fewer at the edge
    assert_close(y[..., 2], numpy.full((1, 1, 1), 100 / 7**0.75))
    assert_close(y[..., 0], numpy.full((1, 1, 1), 100 / 5**0.75))


@pytest.mark.parametrize("size", [0, 4, -3])
def test_a_window_without_a_middle_is_refused(size):
    with pytest.raises(ValueError, match=f"odd window size, got {size}"):
        LocalResponseNorm(size=size)
