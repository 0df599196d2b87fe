"""Linear against three loops, and its gradients."""

import numpy
import pytest
from naive import assert_close, linear, to

from minialex import backend
from minialex.gradcheck import check_layer
from minialex.layers import Linear


@pytest.fixture
def layer(rng, xp):
    layer = to(Linear(5, 4, rng=rng), xp)
    layer.params["bias"] += xp.arange(4, dtype=numpy.float32)  # no two outputs have the same
    return layer


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_forward_equals_the_loops(layer, dtype, rng, xp):
    x = rng.standard_normal((3, 5)).astype(dtype)
    weight, bias = map(backend.to_host, layer.astype(dtype).params.values())
    assert_close(layer.forward(xp.asarray(x)), linear(x, weight, bias))


@pytest.mark.parametrize("pictures", [1, 3, 6])
def test_gradients_equal_finite_differences(layer, pictures, rng, xp):
    report = check_layer(layer, xp.asarray(rng.standard_normal((pictures, 5))), rng)
    assert report.passed, report
