"""Dropout: what falls out, how much the rest is raised, and that testing leaves everything as it
is."""

import numpy
import pytest
from naive import assert_same

from minialex import backend
from minialex.gradcheck import check_layer
from minialex.layers import Dropout

PROBABILITIES = [0.0, 0.2, 0.5, 0.75]


@pytest.fixture
def x(rng, xp):
    return xp.asarray(rng.standard_normal((20, 3, 2, 50)))


def mask(layer, xp, shape=(1000, 100)):
    """What the layer multiplies with: its answer to ones."""
    return backend.to_host(layer.forward(xp.ones(shape), train=True)).copy()


@pytest.mark.parametrize("p", PROBABILITIES)
def test_a_unit_is_dropped_or_divided_by_the_probability_of_staying(p, rng, xp):
    values = numpy.unique(mask(Dropout(p, rng), xp))
    numpy.testing.assert_allclose(values, [0, 1 / (1 - p)] if p else [1], rtol=1e-15)


@pytest.mark.parametrize("p", PROBABILITIES)
def test_the_share_dropped_is_p_and_the_mean_stays(p, rng, xp):
    m = mask(Dropout(p, rng), xp)
    deviations = 5 * (p * (1 - p) / m.size) ** 0.5  # five standard deviations of the share
    assert abs((m == 0).mean() - p) <= deviations
    assert abs(m.mean() - 1) <= deviations / (1 - p) + 1e-12


@pytest.mark.parametrize("p", PROBABILITIES)
def test_testing_changes_nothing(p, x, rng):
    assert_same(Dropout(p, rng).forward(x, train=False), x)


def test_testing_draws_no_random_numbers(x, xp):
    tested, untested = (
        Dropout(0.5, numpy.random.default_rng(3)),
        Dropout(0.5, numpy.random.default_rng(3)),
    )
    tested.forward(x)
    assert_same(mask(tested, xp), mask(untested, xp))


def test_the_same_seed_drops_the_same_units_and_each_step_others(xp):
    layer, twin = (
        Dropout(0.5, numpy.random.default_rng(3)),
        Dropout(0.5, numpy.random.default_rng(3)),
    )
    first, second = mask(layer, xp), mask(layer, xp)
    assert_same(mask(twin, xp), first)
    assert_same(mask(twin, xp), second)
    assert 0.4 < (first == second).mean() < 0.6


def test_the_same_seed_drops_the_same_units_in_both_precisions(xp):
    layer, twin = (
        Dropout(0.5, numpy.random.default_rng(3)),
        Dropout(0.5, numpy.random.default_rng(3)),
    )
    assert_same(
        layer.forward(xp.ones((50, 40), "float32"), train=True),
        twin.forward(xp.ones((50, 40)), train=True),
    )


@pytest.mark.parametrize("p", PROBABILITIES)
def test_backward_multiplies_with_the_mask_of_forward(p, x, rng, xp):
    layer = Dropout(p, rng)
    y, dy = layer.forward(x, train=True).copy(), xp.asarray(rng.standard_normal(x.shape))
    numpy.testing.assert_allclose(
        backend.to_host(layer.backward(dy)), backend.to_host(dy * y / x), rtol=1e-12
    )


@pytest.mark.parametrize("p", PROBABILITIES)
def test_gradient_equals_finite_differences(p, rng, xp):
    report = check_layer(Dropout(p, rng), xp.asarray(rng.standard_normal((2, 4, 3, 5))), rng)
    assert report.passed, report


@pytest.mark.parametrize("p", [-0.1, 1, 1.5, float("nan")])
def test_a_p_that_is_no_probability_of_dropping_is_refused(p):
    with pytest.raises(ValueError, match=f"0 <= p < 1, got {p}"):
        Dropout(p)


def test_the_masks_of_a_seed_are_these(xp):
    """A checkpoint's generator draws the masks that it would have drawn, in later versions too."""
    layer = Dropout(0.5, numpy.random.default_rng(0))
    first, second = ((mask(layer, xp, (2, 8)) > 0).astype(int).tolist() for _ in range(2))
    assert first == [[1, 1, 1, 0, 1, 0, 1, 1], [0, 0, 1, 0, 0, 1, 0, 0]]
    assert second == [[1, 1, 0, 1, 0, 0, 0, 1], [0, 1, 0, 0, 0, 1, 0, 0]]
