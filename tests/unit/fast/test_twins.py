"""Every fast layer against its plain twin, over the one list of geometries: values and
gradients."""

import math

import numpy
import pytest
from geometries import GEOMETRIES
from naive import apart, assert_same, to

from minialex import backend
from minialex.fast import choose, fuse
from minialex.fast.conv import FastConv2d
from minialex.fast.kept_weight import KeptWeight
from minialex.fast.layer import FastLayer
from minialex.fast.memory import Memory
from minialex.fast.relu import InPlaceReLU
from minialex.fast.workers import Workers
from minialex.gradcheck import check_layer
from minialex.layers import Conv2d, Layer, MaxPool2d

#: For each side of a Winograd patch, how far float32 results may be from float64's: the root mean
#: square of the difference and its largest, both as shares of the result's standard deviation.
WINOGRAD_BOUNDS = {
    4: (1e-6, 1e-5),
    5: (3e-6, 5e-5),
    6: (4e-6, 6e-5),
    7: (8e-6, 1e-4),
    8: (1e-5, 1e-4),
}

#: The same for every other way of computing a layer.
BOUNDS = (1e-6, 1e-5)

FAST = {
    name: geometry
    for name, geometry in GEOMETRIES.items()
    if fuse.fast_class(geometry.build(numpy.random.default_rng(0)))
}


def algorithms(geometry):
    """(algorithm, side of the tiles) that can compute a convolution; (None, None) for others."""
    layer = geometry.build(numpy.random.default_rng(0))
    if not isinstance(layer, Conv2d):
        return [(None, None)]
    tiles = range(2, choose.LARGEST_PATCH + 2 - choose.kernel_blocks(layer))
    winograd = [("winograd", m) for m in tiles] if choose.winograd_applies(layer) else []
    return [("im2col", None), *winograd]


CASES = [
    pytest.param(geometry, algorithm, m, id=f"{name}, {algorithm} {m}" if algorithm else name)
    for name, geometry in FAST.items()
    for algorithm, m in algorithms(geometry)
]
SIMPLE = [case for case in CASES if case.values[2] in (None, 2)]
SMALL = [case for case in SIMPLE if math.prod(case.values[0].shape) <= 150]


def plain_layer(geometry, xp=numpy, dtype="float64") -> Layer:
    return to(geometry.build(numpy.random.default_rng(2)).astype(dtype), xp)


def twin_of(plain, algorithm=None, kind=None) -> FastLayer:
    twin = (kind or fuse.fast_class(plain)).of(plain, Memory(), Workers())
    if isinstance(twin, FastConv2d):
        twin.algorithm, twin.kept = algorithm, KeptWeight()
    return twin


def results(layer, x, dy):
    """y, dx and the gradients of `layer`, copied to the host."""
    y = backend.to_host(layer.forward(x.copy(), train=True)).copy()
    dx = backend.to_host(layer.backward(dy.copy())).copy()
    grads = {name: backend.to_host(grad).copy() for name, grad in layer.grads.items()}
    return {"y": y, "dx": dx, **grads}


def inputs(layer, shape, rng, pictures=3):
    x = apart(rng, (pictures, *shape))
    return x, rng.standard_normal((pictures, *layer.output_shape(shape)))


def assert_equal_to_rounding(got, expected):
    assert got.keys() == expected.keys()
    for name in expected:
        assert got[name].shape == expected[name].shape
        worst = numpy.abs(got[name] - expected[name]).max()
        assert worst <= 1e-12 * numpy.abs(expected[name]).max(), name


@pytest.fixture
def tile(monkeypatch):
    """Sets the side of Winograd's tiles."""
    return lambda m: m and monkeypatch.setattr(choose, "winograd_tile", lambda *given: m)


@pytest.mark.parametrize("geometry, algorithm, m", CASES)
def test_it_equals_the_plain_layer_in_float64(geometry, algorithm, m, rng, xp, tile):
    tile(m)
    plain = plain_layer(geometry, xp)
    x, dy = map(xp.asarray, inputs(plain, geometry.shape, rng))
    expected = results(plain, x, dy)
    twin = twin_of(plain_layer(geometry, xp), algorithm)
    assert_equal_to_rounding(results(twin, x, dy), expected)
    tested, untrained = (backend.to_host(layer.forward(x)) for layer in (twin, plain))
    assert numpy.abs(tested - untrained).max() <= 1e-12 * numpy.abs(untrained).max()


@pytest.mark.parametrize("geometry, algorithm, m", CASES)
def test_float32_stays_within_the_stated_bounds(geometry, algorithm, m, rng, xp, tile):
    tile(m)
    plain = plain_layer(geometry)
    x, dy = inputs(plain, geometry.shape, rng)
    expected = results(plain, x, dy)
    single = (xp.asarray(array.astype("float32")) for array in (x, dy))
    got = results(twin_of(plain_layer(geometry, xp, "float32"), algorithm), *single)
    patch = m and m + choose.kernel_blocks(plain) - 1
    root_mean_square, largest = WINOGRAD_BOUNDS[patch] if patch else BOUNDS
    for name, array in expected.items():
        assert got[name].dtype == numpy.float32
        error = (got[name] - array) / max(array.std(), 1e-3)
        assert numpy.sqrt((error**2).mean()) <= root_mean_square, name
        assert numpy.abs(error).max() <= largest, name


@pytest.mark.parametrize("geometry, algorithm, m", [case for case in CASES if case.values[1]])
def test_without_dx_a_convolution_has_the_same_gradients(geometry, algorithm, m, rng, xp, tile):
    """A net's first one; and a second part of the batch adds to the gradient of the weight."""
    tile(m)
    plain = plain_layer(geometry, xp)
    x, dy = map(xp.asarray, inputs(plain, geometry.shape, rng))
    expected = results(plain, x, dy)["weight"]
    twin = twin_of(plain_layer(geometry, xp), algorithm)
    twin.needs_dx = False
    for times in (1, 2):
        twin.adds = times > 1
        twin.forward(x.copy(), train=True)
        assert twin.backward(dy.copy()) is None
        got = backend.to_host(twin.grads["weight"])
        assert numpy.abs(got - times * expected).max() <= 1e-11 * numpy.abs(expected).max()


@pytest.mark.parametrize("geometry, algorithm, m", SMALL)
def test_its_gradients_equal_finite_differences(geometry, algorithm, m, rng, tile):
    """On NumPy: on a device they are compared with the plain layer's, above, in fewer kernels."""
    tile(m)
    twin = twin_of(plain_layer(geometry), algorithm)
    report = check_layer(twin, apart(rng, (2, *geometry.shape)), rng)
    assert report.passed, report


@pytest.mark.parametrize("geometry, algorithm, m", SIMPLE)
def test_a_few_pictures_at_a_time_give_the_same(geometry, algorithm, m, rng, xp, monkeypatch):
    """With memory for two pictures, which five do not divide into."""

    def slices(count, bytes_each, budget):
        return [slice(start, min(start + 2, count)) for start in range(0, count, 2)]

    monkeypatch.setattr(Memory, "slices", staticmethod(slices))
    plain = plain_layer(geometry, xp)
    x, dy = map(xp.asarray, inputs(plain, geometry.shape, rng, pictures=5))
    expected = results(plain, x, dy)
    twin = twin_of(plain_layer(geometry, xp), algorithm)
    assert_equal_to_rounding(results(twin, x, dy), expected)


@pytest.mark.parametrize("geometry, algorithm, m", SIMPLE)
def test_batches_of_changing_size_and_content_come_out_right(geometry, algorithm, m, rng, xp):
    plain, twin = plain_layer(geometry, xp), twin_of(plain_layer(geometry, xp), algorithm)
    for pictures, scale in ((3, 1), (2, 1e3), (5, 1), (1, 1)):
        x, dy = inputs(plain, geometry.shape, rng, pictures)
        x, dy = xp.asarray(scale * x), xp.asarray(scale * dy)
        assert_equal_to_rounding(results(twin, x, dy), results(plain, x, dy))


@pytest.mark.parametrize("geometry, algorithm, m", SIMPLE)
def test_arrays_may_lie_in_memory_in_any_order(geometry, algorithm, m, rng, xp):
    plain, twin = plain_layer(geometry, xp), twin_of(plain_layer(geometry, xp), algorithm)
    x, dy = map(xp.asarray, inputs(plain, geometry.shape, rng))
    expected = results(plain, x, dy)
    twin_y = backend.to_host(twin.forward(fortran_order(x), train=True)).copy()
    twin_dx = backend.to_host(twin.backward(fortran_order(dy))).copy()
    assert_equal_to_rounding({"y": twin_y, "dx": twin_dx}, {n: expected[n] for n in ("y", "dx")})


def fortran_order(array):
    """The same numbers with the first axis running fastest."""
    reverse = range(array.ndim)[::-1]
    return backend.of(array).ascontiguousarray(array.transpose(*reverse)).transpose(*reverse)


@pytest.mark.parametrize("geometry, algorithm, m", SIMPLE)
def test_it_leaves_its_arguments_and_parameters_alone(geometry, algorithm, m, rng, xp):
    """All but the in-place ReLU, which is for arguments that nobody else needs."""
    twin = twin_of(plain_layer(geometry, xp), algorithm)
    x, dy = map(xp.asarray, inputs(twin, geometry.shape, rng))
    before = [array.copy() for array in (x, dy, *twin.params.values())]
    twin.forward(x, train=True)
    twin.backward(dy)
    for array, copy in zip((x, dy, *twin.params.values()), before, strict=True):
        assert_same(array, copy)


def test_an_in_place_relu_gives_the_numbers_in_the_memory_it_was_given(rng, xp):
    geometry = GEOMETRIES["ReLU"]
    plain = plain_layer(geometry, xp)
    x, dy = map(xp.asarray, inputs(plain, geometry.shape, rng))
    expected = results(plain, x, dy)
    twin = twin_of(plain, kind=InPlaceReLU)
    assert twin.forward(x, train=True) is x
    assert twin.backward(dy) is dy
    assert_same(x, expected["y"])
    assert_same(dy, expected["dx"])


@pytest.mark.parametrize("geometry", FAST.values(), ids=FAST.keys())
def test_a_twin_has_the_parameters_but_gradients_and_caches_of_its_own(geometry, rng):
    plain = plain_layer(geometry)
    x, dy = inputs(plain, geometry.shape, rng)
    twin = twin_of(plain)
    results(twin, x, dy)
    assert plain.grads == {}
    with pytest.raises(RuntimeError, match="needs a forward"):
        plain.backward(dy)
    for name in plain.params:
        plain.params[name][...] = 7
        assert float(twin.params[name].min()) == 7


def test_every_layer_that_has_a_fast_twin_is_tested_here():
    tested = {type(geometry.build(numpy.random.default_rng(0))) for geometry in FAST.values()}
    assert tested == set(fuse.TWINS)


def test_a_pool_whose_winner_fits_no_byte_stays_plain():
    assert fuse.fast_class(MaxPool2d(15, 2))
    assert fuse.fast_class(MaxPool2d(16, 2)) is None


@pytest.mark.parametrize("pixel", [0, 14])
def test_the_first_and_the_last_pixel_of_the_largest_window_can_win(pixel, xp):
    x = numpy.zeros((1, 15, 15, 1))
    x[0, pixel, pixel] = 1
    layer = twin_of(MaxPool2d(15, stride=1))
    layer.forward(xp.asarray(x), train=True)
    assert_same(layer.backward(xp.asarray(numpy.ones((1, 1, 1, 1)))), x)


@pytest.mark.parametrize("window", [(3, 2, 0), (3, 2, 1), (4, 3, 2)])
def test_in_a_tie_the_same_pixel_wins(window, rng, xp):
    """Few different numbers, so that nearly every window has several largest."""
    x = xp.asarray(rng.integers(-1, 2, (3, 8, 7, 4)).astype("float64"))
    plain, twin = MaxPool2d(*window), twin_of(MaxPool2d(*window))
    dy = xp.asarray(rng.standard_normal(plain.forward(x).shape))
    assert_equal_to_rounding(results(twin, x, dy), results(plain, x, dy))


@pytest.mark.parametrize("algorithm", ["im2col", "winograd"])
def test_without_the_pictures_gradient_the_parameters_get_the_same(algorithm, rng, xp):
    twin = twin_of(plain_layer(FAST["conv, several tiles, two groups"], xp), algorithm)
    x, dy = map(xp.asarray, inputs(twin, FAST["conv, several tiles, two groups"].shape, rng))
    twin.forward(x, train=True)
    assert twin.backward(dy) is not None
    expected = {name: grad.copy() for name, grad in twin.grads.items()}
    twin.needs_dx = False
    assert twin.backward(dy) is None
    for name, grad in twin.grads.items():
        assert_same(grad, expected[name])
