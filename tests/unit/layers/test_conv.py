"""Conv2d against the seven loops of its formula, in every geometry, and its gradients."""

import numpy
import pytest
from geometries import CONVS
from naive import assert_close, assert_same, conv, to

from minialex import backend
from minialex.gradcheck import check_layer
from minialex.layers import Conv2d


@pytest.fixture(params=CONVS.values(), ids=CONVS.keys())
def geometry(request):
    return request.param


def layer_and_input(geometry, rng, xp, pictures=2):
    (height, width), options = geometry
    layer = to(Conv2d(4, 6, bias=0.5, rng=rng, **options), xp)
    layer.params["bias"] += xp.arange(6, dtype=numpy.float32)  # no two filters have the same
    return layer, rng.standard_normal((pictures, height, width, 4))


def assert_equals_loops(layer, x, xp):
    weight, bias = map(backend.to_host, layer.params.values())
    assert_close(
        layer.forward(xp.asarray(x)),
        conv(x, weight, bias, layer.stride, layer.padding, layer.groups),
    )


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_forward_equals_the_loops(geometry, dtype, rng, xp):
    layer, x = layer_and_input(geometry, rng, xp)
    assert_equals_loops(layer.astype(dtype), x.astype(dtype), xp)


def test_gradients_equal_finite_differences(geometry, rng):
    layer, x = layer_and_input(geometry, rng, numpy)
    report = check_layer(layer, x, rng)
    assert report.passed, report


def test_gradients_on_a_device_equal_numpys(geometry, rng, device):
    layer, x = layer_and_input(geometry, rng, numpy)
    layer.astype("float64")
    dy = rng.standard_normal(layer.forward(x, train=True).shape)
    expected = {"x": layer.backward(dy), **layer.grads}
    to(layer, device).forward(device.asarray(x), train=True)
    got = {"x": layer.backward(device.asarray(dy)), **layer.grads}
    assert got.keys() == expected.keys()
    for name, array in expected.items():
        assert isinstance(got[name], device.ndarray)
        assert_close(got[name], array)


def test_a_filter_of_one_group_does_not_see_the_other(rng, xp):
    layer, x = layer_and_input(((5, 4), dict(kernel_size=3, groups=2)), rng, xp)
    before = layer.forward(xp.asarray(x)).copy()
    x[..., 2:] += 1  # the second half of the channels
    after = layer.forward(xp.asarray(x))
    assert_same(after[..., :3], before[..., :3])
    assert not (after[..., 3:] == before[..., 3:]).any()


@pytest.mark.parametrize(
    "build, message",
    [
        (lambda: Conv2d(6, 4, 3, groups=4), "4 groups do not divide 6 input and 4 output channels"),
        (lambda: Conv2d(4, 6, 3, groups=4), "4 groups do not divide 4 input and 6 output channels"),
        (
            lambda: Conv2d(4, 6, 5).output_shape((9, 4, 4)),
            "window of 5 does not fit into 4 pixels with padding 0",
        ),
        (
            lambda: Conv2d(4, 6, 7, padding=1).forward(numpy.zeros((1, 9, 4, 4))),
            "window of 7 does not fit into 4 pixels",
        ),
    ],
)
def test_what_does_not_fit_is_named_with_both_numbers(build, message):
    with pytest.raises(ValueError, match=message):
        build()
