"""MaxPool2d and AvgPool2d against loops; overlaps, ties and padding each by hand."""

import numpy
import pytest
from geometries import POOLS
from naive import apart, assert_close, assert_same, avg_pool, max_pool

from minialex import backend
from minialex.gradcheck import check_layer
from minialex.layers import AvgPool2d, CeilMaxPool2d, MaxPool2d

UNPADDED = {name: (*rest, padding) for name, (*rest, padding) in POOLS.items() if padding == 0}


def max_case(geometry):
    shape, kernel_size, stride, padding = geometry
    return (
        MaxPool2d(kernel_size, stride, padding),
        lambda x: max_pool(x, kernel_size, stride, padding),
        shape,
    )


def avg_case(geometry):
    shape, kernel_size, stride, _ = geometry
    return AvgPool2d(kernel_size, stride), lambda x: avg_pool(x, kernel_size, stride), shape


CASES = [pytest.param(max_case, geometry, id=f"max, {name}") for name, geometry in POOLS.items()]
CASES += [
    pytest.param(avg_case, geometry, id=f"mean, {name}") for name, geometry in UNPADDED.items()
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case, geometry", CASES)
def test_forward_equals_the_loops(case, geometry, dtype, rng, xp):
    layer, naive, (height, width) = case(geometry)
    x = rng.standard_normal((2, height, width, 3)).astype(dtype)
    assert_close(layer.forward(xp.asarray(x), train=True), naive(x))
    assert_close(layer.forward(xp.asarray(x), train=False), naive(x))


@pytest.mark.parametrize("case, geometry", CASES)
def test_gradient_equals_finite_differences(case, geometry, rng, xp):
    layer, _, (height, width) = case(geometry)
    report = check_layer(layer, xp.asarray(apart(rng, (2, height, width, 3))), rng)
    assert report.passed, report


def test_a_pixel_that_wins_in_two_windows_gets_both_gradients(xp):
    x = numpy.zeros((1, 5, 3, 1))
    x[0, 2, 1] = 9  # row 2 is the last of the upper window and the first of the lower one
    layer = MaxPool2d(3, stride=2)
    assert_same(layer.forward(xp.asarray(x), train=True).ravel(), numpy.array([9.0, 9.0]))
    dx = layer.backward(xp.asarray(numpy.array([5.0, 7.0]).reshape(1, 2, 1, 1)))
    expected = numpy.zeros_like(x)
    expected[0, 2, 1] = 12
    assert_same(dx, expected)


@pytest.mark.parametrize(
    "window, winner",
    [
        ([[1, 1], [1, 1]], [[1, 0], [0, 0]]),
        ([[0, 1], [1, 1]], [[0, 1], [0, 0]]),
        ([[0, 0], [1, 1]], [[0, 0], [1, 0]]),
        ([[-2, -1], [-1, -2]], [[0, 1], [0, 0]]),
    ],
)
def test_in_a_tie_the_first_maximum_gets_the_whole_gradient(window, winner, xp):
    layer = MaxPool2d(2, stride=2)
    layer.forward(xp.asarray(numpy.array(window, numpy.float64).reshape(1, 2, 2, 1)), train=True)
    dx = layer.backward(xp.asarray(numpy.full((1, 1, 1, 1), 3.0)))
    assert_same(dx, 3 * numpy.array(winner).reshape(1, 2, 2, 1))


def test_padding_never_wins_over_negative_numbers(xp):
    x = xp.asarray(numpy.full((2, 4, 5, 3), -1.0, numpy.float32))
    layer = MaxPool2d(3, stride=2, padding=1)
    y = layer.forward(x, train=True)
    assert_same(y, numpy.full((2, 2, 3, 3), -1))
    dx = layer.backward(xp.ones_like(y))
    assert float(dx.sum()) == y.size  # all of the gradient reached a real pixel


def test_of_a_ceil_pool_the_last_window_reaches_beyond_the_edge(xp):
    x = xp.asarray(numpy.arange(-16.0, 0).reshape(1, 4, 4, 1))
    layer = CeilMaxPool2d(3, stride=2)
    y = layer.forward(x, train=True)
    assert_same(y.ravel(), numpy.array([-6.0, -5, -2, -1]))
    dx = layer.backward(xp.asarray(numpy.array([1.0, 2, 3, 4]).reshape(1, 2, 2, 1)))
    expected = numpy.zeros((1, 4, 4, 1))
    expected[0, 2:, 2:, 0] = [[1, 2], [3, 4]]
    assert_same(dx, expected)


@pytest.mark.parametrize(
    "size, window, expected",
    [
        (55, (3, 2), 27),
        (54, (3, 2), 27),  # Caffe's first pool of 224 pixels; 26 without
        (2, (3, 2), 1),  # smaller than its window
        (8, (2, 3), 3),
        (7, (2, 4), 2),  # a third window would begin behind the picture
        (5, (2, 2, 1), 3),  # a fourth would begin in the padding
        (6, (3, 2, 1), 4),
    ],
)
def test_sizes_of_ceil_pools(size, window, expected, rng):
    layer = CeilMaxPool2d(*window)
    assert layer.output_shape((size, 6, 2))[0] == expected
    x = apart(rng, (2, size, 6, 2))
    assert layer.forward(x).shape[1] == expected
    report = check_layer(layer, x, rng)
    assert report.passed, report


@pytest.mark.parametrize("pixel", [0, 16])
def test_the_first_and_the_last_pixel_of_a_large_window_can_win(pixel, xp):
    x = numpy.zeros((1, 17, 17, 1))
    x[0, pixel, pixel] = 1
    layer = MaxPool2d(17, stride=1)
    layer.forward(xp.asarray(x), train=True)
    assert_same(layer.backward(xp.asarray(numpy.ones((1, 1, 1, 1)))), x)


def test_nan_reaches_the_output_of_every_window_it_is_in(rng, xp):
    x = rng.standard_normal((1, 5, 5, 2))
    x[0, 2, 2, 0] = numpy.nan
    y = backend.to_host(MaxPool2d(3, stride=2).forward(xp.asarray(x)))
    assert numpy.isnan(y).tolist() == [[[[True, False]] * 2] * 2]


@pytest.mark.parametrize("layer", [MaxPool2d, AvgPool2d])
def test_a_missing_stride_is_named(layer):
    with pytest.raises(TypeError, match=r"missing .* 'stride'"):
        layer(3)


@pytest.mark.parametrize(
    "build, message",
    [
        (lambda: MaxPool2d(3, 0), "stride must be at least 1, got 0"),
        (lambda: MaxPool2d(3, 2, padding=2), "between 0 and half of kernel_size 3, got 2"),
        (lambda: MaxPool2d(3, 2, padding=-1), "between 0 and half of kernel_size 3, got -1"),
        (lambda: MaxPool2d(3, 2).output_shape((5, 2, 1)), "window of 3 does not fit into 2 pixels"),
        (lambda: AvgPool2d(3, 2).output_shape((2, 5, 1)), "window of 3 does not fit into 2 pixels"),
    ],
)
def test_what_does_not_fit_is_named_with_both_numbers(build, message):
    with pytest.raises(ValueError, match=message):
        build()
