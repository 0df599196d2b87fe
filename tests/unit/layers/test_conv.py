"""Conv2d against the seven loops of its formula, in every geometry, and its gradients."""

import numpy
import pytest
from naive import assert_close, assert_same, conv, to

from minialex import backend
from minialex.gradcheck import check_layer
from minialex.layers import Conv2d

#: (height, width), what Conv2d is given; 4 input and 6 output channels.
GEOMETRIES = {
    "plain": ((5, 4), dict(kernel_size=3)),
    "stride 2, which leaves the last column over": ((7, 6), dict(kernel_size=3, stride=2)),
    "stride 4 of a kernel of 5, which leaves a row over": ((10, 9), dict(kernel_size=5, stride=4)),
    "stride larger than the kernel": ((8, 7), dict(kernel_size=2, stride=3)),
    "padding": ((4, 3), dict(kernel_size=3, padding=1)),
    "padding and stride": ((6, 5), dict(kernel_size=5, stride=2, padding=2)),
    "padding of more than half a kernel": ((3, 4), dict(kernel_size=2, padding=2)),
    "kernel as large as the picture": ((4, 4), dict(kernel_size=4)),
    "kernel as large as the padded picture": ((3, 5), dict(kernel_size=7, padding=2)),
    "kernel of one pixel": ((3, 4), dict(kernel_size=1)),
    "two groups": ((5, 4), dict(kernel_size=3, groups=2)),
    "two groups, padding and stride": ((6, 5), dict(kernel_size=3, stride=2, padding=1, groups=2)),
}


@pytest.fixture(params=GEOMETRIES.values(), ids=GEOMETRIES.keys())
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


def test_gradients_equal_finite_differences(geometry, rng, xp):
    layer, x = layer_and_input(geometry, rng, xp)
    report = check_layer(layer, xp.asarray(x), rng)
    assert report.passed, report


@pytest.mark.parametrize(
    "options", [{}, dict(stride=2, padding=1, groups=2)], ids=["plain", "stride, padding, groups"]
)
def test_a_batch_of_several_chunks_gives_the_same_numbers(options, rng, xp, two_at_a_time):
    layer, x = layer_and_input(((5, 4), dict(kernel_size=3, **options)), rng, xp, pictures=5)
    assert_equals_loops(layer.astype("float64"), x, xp)
    report = check_layer(layer, xp.asarray(x), rng)
    assert report.passed, report


def test_the_workspace_cuts_a_large_batch_and_the_pictures_stay_right(rng, xp):
    layer = to(Conv2d(8, 2, 5, rng=rng), xp)
    x = xp.asarray(
        rng.standard_normal((9, 64, 48, 8), dtype=numpy.float32)
    )  # 2.1 MB of columns each
    together = layer.forward(x).copy()
    one_by_one = [backend.to_host(layer.forward(x[n : n + 1])).copy() for n in range(len(x))]
    assert_close(together, numpy.concatenate(one_by_one))


def test_without_an_input_gradient_the_parameters_get_the_same(rng, xp):
    layer, x = layer_and_input(
        ((6, 5), dict(kernel_size=3, stride=2, padding=1, groups=2)), rng, xp
    )
    dy = xp.asarray(rng.standard_normal(layer.forward(xp.asarray(x), train=True).shape))
    assert layer.backward(dy) is not None
    expected = {name: grad.copy() for name, grad in layer.grads.items()}
    layer.needs_input_gradient = False
    assert layer.backward(dy) is None
    for name, grad in layer.grads.items():
        assert_same(grad, expected[name])


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
