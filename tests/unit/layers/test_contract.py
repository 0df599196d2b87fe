"""What every layer promises in layer.py, asked of every layer."""

import math

import numpy
import pytest
from geometries import GEOMETRIES
from naive import assert_close, assert_same, to

from minialex import backend, layers, standin
from minialex.layers import (
    AvgPool2d,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    ReLU,
)

MAPS = (7, 6, 4)  # H, W, C


class Case:
    """One layer, however often it is wanted afresh, and inputs for it."""

    def __init__(self, geometry, xp):
        self.build, self.shape, self.xp = geometry.build, geometry.shape, xp
        self.rng = numpy.random.default_rng(1)

    def layer(self):
        """Always with the same weights and the same dropout masks to come."""
        return to(self.build(numpy.random.default_rng(2)), self.xp)

    def x(self, pictures=3, dtype="float32"):
        numbers = self.rng.standard_normal((pictures, *self.shape))
        return self.xp.asarray(numbers.astype(dtype))

    def dy(self, y):
        return self.xp.asarray(self.rng.standard_normal(y.shape).astype(str(y.dtype)))


#: One of each kind, and two where an option takes another path.
CASES = (
    *("conv, plain", "conv, two groups, padding and stride", "max-pool, overlapping and padded"),
    *("max-pool, every pixel", "mean-pool, every pixel", "LRN, as in the paper", "LRN, any power"),
    *("ceil-pool, overlapping and padded", "ReLU", "tanh", "sigmoid", "dropout", "flatten"),
    "linear",
)


@pytest.fixture(params=[GEOMETRIES[name] for name in CASES], ids=CASES)
def case(request, xp):
    return Case(request.param, xp)


def passes(layer, x, dy=None):
    """y, dx and the gradients of one forward and backward pass, as host arrays of the caller's own;
    dy is 1 if not given."""
    y = layer.forward(x, train=True)
    dx = layer.backward(backend.of(x).ones_like(y) if dy is None else dy)
    return {
        name: numpy.array(backend.to_host(a))
        for name, a in {"y": y, "dx": dx, **layer.grads}.items()
    }


def assert_all_close(actual, expected):
    assert actual.keys() == expected.keys()
    for name in expected:
        assert_close(actual[name], expected[name])


def everywhere_apart(array):
    """The same numbers, but no two of them beside each other in memory."""
    xp = backend.of(array)
    room = xp.zeros([2 * side for side in array.shape][::-1], array.dtype)
    view = room.T[tuple(slice(1, None, 2) for _ in array.shape)]
    view[...] = array
    return view


def test_no_layer_is_missing_here():
    shipped = set(layers.__all__) - {
        "Layer",
        "SoftmaxCrossEntropy",
    }  # the contract itself, and test_loss.py
    rng = numpy.random.default_rng(0)
    assert {type(GEOMETRIES[name].build(rng)).__name__ for name in CASES} == shipped


def test_the_dtype_that_comes_in_comes_out(case):
    layer = case.layer()
    for dtype in ("float32", "float64", "float32"):
        layer.astype(dtype)
        y = layer.forward(case.x(dtype=dtype), train=True)
        dx = layer.backward(case.dy(y))
        assert {str(array.dtype) for array in (y, dx, *layer.grads.values())} == {dtype}


def test_forward_and_backward_leave_their_arguments_alone(case):
    layer, x = case.layer(), case.x()
    before = x.copy()
    dy = case.dy(layer.forward(x, train=True))
    dy_before = dy.copy()
    layer.backward(dy)
    assert_same(x, before)
    assert_same(dy, dy_before)


def test_what_forward_and_backward_return_is_the_callers(case):
    """Whoever writes into it changes neither the arguments nor what backward says."""
    layer, x = case.layer(), case.x()
    before = x.copy()
    y = layer.forward(x, train=True)
    dy = case.dy(y)
    expected = layer.backward(dy).copy()
    y[...] = numpy.nan
    dx = layer.backward(dy)
    assert_same(dx, expected)
    dy_before = dy.copy()
    dx[...] = numpy.nan
    assert_same(dy, dy_before)
    assert_same(layer.backward(dy), expected)
    layer.forward(x, train=False)[...] = numpy.nan
    assert_same(x, before)


def test_a_second_forward_leaves_the_first_ones_result_alone(case):
    layer = case.layer()
    first = layer.forward(case.x(), train=True)
    dx = layer.backward(case.dy(first))
    kept = [array.copy() for array in (first, dx)]
    layer.backward(case.dy(layer.forward(case.x(), train=True)))
    assert_same(first, kept[0])
    assert_same(dx, kept[1])


def test_forward_and_backward_leave_the_parameters_alone(case):
    layer, untouched = case.layer(), case.layer()
    passes(layer, case.x())
    for name, array in untouched.params.items():
        assert_same(layer.params[name], array)


def test_arrays_that_are_views_give_the_same_numbers(case):
    x = case.x()
    dy = case.dy(case.layer().forward(x))
    assert_all_close(
        passes(case.layer(), everywhere_apart(x), everywhere_apart(dy)), passes(case.layer(), x, dy)
    )


def test_backward_needs_a_forward_before_it(case):
    layer = case.layer()
    y = layer.forward(case.x())
    for _ in range(2):  # neither without any forward(train=True) nor when the last one was without
        with pytest.raises(
            RuntimeError,
            match=rf"{type(layer).__name__}\.backward needs a forward\(x, train=True\)",
        ):
            layer.backward(case.dy(y))
        layer.forward(case.x(), train=True)
        layer.forward(case.x(), train=False)


def test_a_layer_that_never_ran_says_so(case):
    with pytest.raises(RuntimeError, match="needs a forward"):
        case.layer().backward(case.x())


def test_output_shape_is_the_shape_that_comes_out(case):
    assert case.layer().forward(case.x()).shape[1:] == case.layer().output_shape(case.shape)


def test_dx_has_the_shape_of_x(case):
    layer, x = case.layer(), case.x()
    assert layer.backward(case.dy(layer.forward(x, train=True))).shape == x.shape


def test_flatten_lays_the_pixels_end_to_end_row_by_row_with_their_channels_together(rng, xp):
    x = rng.standard_normal((2, *MAPS))
    y = backend.to_host(Flatten().forward(xp.asarray(x)))
    for n in range(2):
        assert y[n].tolist() == [
            number for row in x[n].tolist() for pixel in row for number in pixel
        ]


def test_gradients_have_the_names_and_shapes_of_the_parameters(case):
    layer = case.layer()
    passes(layer, case.x())
    assert {n: g.shape for n, g in layer.grads.items()} == {
        n: p.shape for n, p in layer.params.items()
    }


def test_backward_overwrites_the_gradients_of_the_last_one(case):
    layer = case.layer()
    y = layer.forward(case.x(), train=True)
    dy = case.dy(y)
    layer.backward(dy)
    once = {name: grad.copy() for name, grad in layer.grads.items()}
    layer.backward(dy)
    for name, grad in layer.grads.items():
        assert_same(grad, once[name])


def test_a_smaller_and_then_a_larger_batch_come_out_right(case):
    used = case.layer()
    for pictures in (3, 2, 5, 1):
        fresh = case.layer()
        if isinstance(fresh, Dropout):
            fresh.rng.bit_generator.state = used.rng.bit_generator.state
        x = case.x(pictures)
        assert_all_close(passes(used, x), passes(fresh, x))


@pytest.mark.parametrize(
    "layer, shape, message",
    [
        (Conv2d(4, 6, 3), (2, 7, 6, 5), r"Conv2d\(4, 6, 3.* expects .* \(N, H, W, 4\), got .*5\)"),
        (
            Conv2d(4, 6, 3, groups=2),
            (2, 7, 6, 2),
            r"Conv2d\(4, 6, 3.* expects .* \(N, H, W, 4\), got .*2\)",
        ),
        (Conv2d(4, 6, 3), (2, 4), r"expects .* \(N, H, W, 4\), got .*4\)"),
        (Linear(5, 3), (2, 6), r"Linear\(5, 3\) expects .* \(N, 5\), got .*6\)"),
        (Linear(5, 3), (2, 1, 1, 5), r"Linear\(5, 3\) expects .* \(N, 5\), got .*1, 1, 5\)"),
    ],
)
def test_a_wrong_shape_is_named_beside_the_right_one(layer, shape, message, xp):
    with pytest.raises(ValueError, match=message):
        to(layer, xp).forward(xp.zeros(shape, numpy.float32))
    with pytest.raises(ValueError, match=message):
        layer.output_shape(shape[1:])


@pytest.mark.parametrize("layer", [MaxPool2d(2, stride=2), AvgPool2d(2, stride=2)], ids=str)
def test_a_pool_given_features_says_that_it_wants_maps(layer, xp):
    with pytest.raises(ValueError, match=r"expects .*\(N, H, W.*got \(2, 8\)"):
        layer.forward(xp.zeros((2, 8), numpy.float32))


@pytest.mark.parametrize(
    "layer, shape",
    [(Conv2d(4, 6, 3), MAPS), (MaxPool2d(3, 2), MAPS), (Linear(5, 3), (5,))],
    ids=str,
)
def test_a_single_input_gets_an_error_that_says_how_to_make_a_batch_of_it(layer, shape, xp):
    shown = ", ".join(map(str, shape))
    with pytest.raises(ValueError, match=rf"a batch .*single input of shape \({shown}\): pass x\["):
        to(layer, xp).forward(xp.zeros(shape, numpy.float32))


@pytest.mark.parametrize("size", [2.5, "3", None])
def test_a_size_that_is_no_integer_is_named(size):
    with pytest.raises(TypeError, match=rf"kernel_size must be an integer, got {size!r}"):
        Conv2d(4, 6, size)


def test_pictures_of_integers_are_refused(xp):
    """A batch straight from a picture file, uint8, would divide to 0 or wrap at 256 somewhere."""
    with pytest.raises(ValueError, match=r"float.*uint8"):
        to(Conv2d(4, 6, 3), xp).forward(xp.ones((2, *MAPS), numpy.uint8))


@pytest.mark.parametrize(
    "layer, shape, macs",
    [
        (Conv2d(3, 96, 11, stride=4), (227, 227, 3), 105_415_200),  # 55 · 55 · 96 · 11 · 11 · 3
        (Conv2d(96, 256, 5, padding=2, groups=2), (27, 27, 96), 27 * 27 * 256 * 5 * 5 * 48),
        (Conv2d(8, 6, 3, stride=2, padding=1), (7, 6, 8), 4 * 3 * 6 * 3 * 3 * 8),
        (Linear(9216, 4), (9216,), 9216 * 4),
        (MaxPool2d(3, stride=2), (55, 55, 96), 0),
        (LocalResponseNorm(), (55, 55, 96), 0),
        (ReLU(), (55, 55, 96), 0),
    ],
    ids=str,
)
def test_multiply_adds_equal_the_count_by_hand(layer, shape, macs):
    assert layer.macs(shape) == macs


@pytest.mark.parametrize(
    "build, fan_in",
    [
        (lambda **options: Conv2d(16, 64, 5, **options), 5 * 5 * 16),
        (lambda **options: Conv2d(16, 64, 5, groups=2, **options), 5 * 5 * 8),
        (lambda **options: Linear(200, 64, **options), 200),
    ],
    ids=["conv", "conv, groups", "linear"],
)
def test_initial_weights_are_hes_or_have_the_deviation_asked_for(build, fan_in, rng):
    for std, layer in [
        (math.sqrt(2 / fan_in), build(rng=rng)),
        (0.01, build(rng=rng, weight_std=0.01, bias=1)),
    ]:
        weight = layer.params["weight"]
        assert weight.dtype == layer.params["bias"].dtype == numpy.float32
        assert abs(weight.std() / std - 1) < 5 / math.sqrt(
            2 * weight.size
        )  # five standard deviations of a deviation
        assert abs(weight.mean() / std) < 5 / math.sqrt(weight.size)
        assert (layer.params["bias"] == (std == 0.01)).all()


@pytest.mark.parametrize(
    "build", [lambda rng: Conv2d(3, 4, 5, rng=rng), lambda rng: Linear(6, 5, rng=rng)]
)
def test_the_same_seed_gives_the_same_weights(build):
    first, second, other = (
        build(numpy.random.default_rng(seed)).params["weight"] for seed in (4, 4, 5)
    )
    assert_same(first, second)
    assert not (first == other).any()


@pytest.mark.parametrize("layer", [Conv2d(3, 4, 3), Linear(3, 4)], ids=["conv", "linear"])
def test_an_input_that_is_not_where_the_parameters_are_gets_an_error_that_says_what_to_call(layer):
    x = numpy.ones((2, 5, 5, 3) if isinstance(layer, Conv2d) else (2, 3), numpy.float32)
    with pytest.raises(
        TypeError,
        match=r"parameters in minialex.standin, the input is in numpy.*"
        r"backend\.to_device\(x, minialex.standin\)",
    ):
        to(layer, standin).forward(x)
    with pytest.raises(
        TypeError,
        match=r"parameters in numpy, the input is in minialex.standin.*"
        r"backend\.to_device\(x, numpy\)",
    ):
        to(layer, numpy).forward(standin.asarray(x))
