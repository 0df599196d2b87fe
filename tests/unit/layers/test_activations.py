"""ReLU, Tanh and Sigmoid, number by number."""

import math
import warnings

import numpy
import pytest
from naive import apart, assert_close, assert_same

from minialex.gradcheck import check_layer
from minialex.layers import ReLU, Sigmoid, Tanh

FUNCTIONS = {
    ReLU: lambda x: x if x > 0 else 0.0,
    Tanh: math.tanh,
    Sigmoid: lambda x: 1 / (1 + math.exp(-x)),
}
MAPS, FEATURES = (2, 4, 3, 5), (3, 7)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("shape", [MAPS, FEATURES])
@pytest.mark.parametrize("activation", FUNCTIONS)
def test_forward_equals_the_function_of_each_number(activation, shape, dtype, rng, xp):
    x = (4 * rng.standard_normal(shape)).astype(dtype)
    expected = numpy.array([FUNCTIONS[activation](float(number)) for number in x.flat]).reshape(
        shape
    )
    assert_close(activation().forward(xp.asarray(x)), expected)


@pytest.mark.parametrize("shape", [MAPS, FEATURES])
@pytest.mark.parametrize("activation", FUNCTIONS)
def test_gradient_equals_finite_differences(activation, shape, rng, xp):
    report = check_layer(activation(), xp.asarray(apart(rng, shape)), rng)
    assert report.passed, report


@pytest.mark.parametrize("activation, low, high", [(ReLU, 0, 1e4), (Tanh, -1, 1), (Sigmoid, 0, 1)])
def test_very_large_numbers_neither_overflow_nor_warn(activation, low, high, xp):
    layer, x = activation(), xp.asarray(numpy.array([[-1e4, 1e4]], numpy.float32))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_same(layer.forward(x, train=True), numpy.array([[low, high]]))
        assert_same(layer.backward(xp.ones_like(x)), numpy.array([[0, float(activation is ReLU)]]))


def test_relu_at_exactly_zero_passes_no_gradient(xp):
    layer = ReLU()
    layer.forward(xp.asarray(numpy.array([[-1.0, 0.0, 1.0]])), train=True)
    assert_same(layer.backward(xp.asarray(numpy.full((1, 3), 5.0))), numpy.array([[0, 0, 5]]))
