"""Winograd's convolution against im2col and the loops, in every geometry and with every tile size; its rounding errors."""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy
import pytest
from naive import assert_close, assert_same, conv, to

from minialex import backend
from minialex.gradcheck import check_layer
from minialex.layers import Conv2d, winograd

#: (height, width), what Conv2d is given; 4 input and 6 output channels.
GEOMETRIES = {
    "kernel 3": ((9, 7), dict(kernel_size=3)),
    "kernel 5": ((9, 7), dict(kernel_size=5)),
    "kernel 3, padding": ((7, 5), dict(kernel_size=3, padding=1)),
    "kernel 5, padding": ((7, 5), dict(kernel_size=5, padding=2)),
    "kernel 3, padding as large as the kernel": ((4, 5), dict(kernel_size=3, padding=3)),
    "kernel 3, whole tiles of padding": ((4, 5), dict(kernel_size=3, padding=9)),
    "kernel 3, two groups": ((8, 7), dict(kernel_size=3, padding=1, groups=2)),
    "kernel 5, two groups": ((6, 5), dict(kernel_size=5, padding=2, groups=2)),
    "a tile larger than the picture": ((1, 2), dict(kernel_size=3, padding=1)),
    "kernel as large as the picture": ((5, 5), dict(kernel_size=5)),
    "stride 4, three blocks, the last in part": ((19, 24), dict(kernel_size=11, stride=4)),
    "stride 4, padding, pixels left over behind the last block": (
        (16, 24),
        dict(kernel_size=11, stride=4, padding=1),
    ),
    "stride 2, padding, pixels left over": ((10, 12), dict(kernel_size=5, stride=2, padding=1)),
    "stride 3, five blocks, more padding than the kernel reaches": (
        (13, 14),
        dict(kernel_size=13, stride=3, padding=4),
    ),
    "stride 2, two groups": ((9, 8), dict(kernel_size=6, stride=2, padding=2, groups=2)),
}

#: For each side a of the patches: how far float32 results may be from float64's. The first number is the root mean square
#: of the difference, the second its largest, both as shares of the standard deviation of the result.
FLOAT32_BOUNDS = {
    4: (1e-6, 1e-5),
    5: (3e-6, 5e-5),
    6: (4e-6, 6e-5),
    7: (8e-6, 1e-4),
    8: (1e-5, 1e-4),
}


def tile_sizes(geometry):
    """The tiles for that kernel: patches have at most 8×8 blocks of stride × stride pixels."""
    _, options = geometry
    return range(2, 10 - math.ceil(options["kernel_size"] / options.get("stride", 1)))


@pytest.fixture(params=GEOMETRIES.values(), ids=GEOMETRIES.keys())
def geometry(request):
    return request.param


def layer_and_input(geometry, rng, xp, pictures=2):
    (height, width), options = geometry
    layer = to(Conv2d(4, 6, bias=0.5, rng=rng, algorithm="winograd", **options), xp).astype(
        "float64"
    )
    layer.params["bias"] += xp.arange(6)  # no two filters have the same
    return layer, xp.asarray(rng.standard_normal((pictures, height, width, 4)))


def results(layer, x, dy):
    """y, dx, dw and db of `layer`, copied to the host."""
    y = backend.to_host(layer.forward(x, train=True)).copy()
    dx = backend.to_host(layer.backward(dy)).copy()
    return y, dx, *(backend.to_host(grad).copy() for grad in layer.grads.values())


@pytest.mark.parametrize(
    "name, m", [(name, m) for name in GEOMETRIES for m in tile_sizes(GEOMETRIES[name])]
)
def test_everything_equals_im2col_to_rounding(name, m, rng, xp, monkeypatch):
    monkeypatch.setattr(winograd, "tile_size", lambda *size: m)
    layer, x = layer_and_input(GEOMETRIES[name], rng, xp)
    dy = xp.asarray(rng.standard_normal(layer.forward(x).shape))
    ours = results(layer, x, dy)
    layer.algorithm = "im2col"
    for got, expected in zip(ours, results(layer, x, dy), strict=True):
        assert numpy.abs(got - expected).max() <= 1e-12 * numpy.abs(expected).max()


def test_forward_equals_the_loops(geometry, rng, xp):
    layer, x = layer_and_input(geometry, rng, xp)
    weight, bias = map(backend.to_host, layer.params.values())
    assert_close(
        layer.forward(x),
        conv(backend.to_host(x), weight, bias, layer.stride, layer.padding, layer.groups),
    )


def test_gradients_equal_finite_differences(geometry, rng):
    """On NumPy. That a device gives the same is tested above, without its thousands of kernels."""
    layer, x = layer_and_input(geometry, rng, numpy)
    report = check_layer(layer, x, rng)
    assert report.passed, report


@pytest.mark.parametrize(
    "rows", [1, 10**6], ids=["products small enough for the cache", "large products"]
)
def test_with_little_memory_in_many_steps_the_numbers_are_the_same(
    geometry, rows, rng, xp, monkeypatch
):
    monkeypatch.setattr(winograd, "ROWS", rows)
    monkeypatch.setattr(backend, "temporary_bytes", lambda xp: 30_000)  # one picture or two
    monkeypatch.setattr(backend, "workspace_bytes", lambda xp: 6_000)
    layer, x = layer_and_input(geometry, rng, xp, pictures=5)
    dy = xp.asarray(rng.standard_normal(layer.forward(x).shape))
    ours = results(layer, x, dy)
    layer.algorithm = "im2col"
    for got, expected in zip(ours, results(layer, x, dy), strict=True):
        assert numpy.abs(got - expected).max() <= 1e-12 * numpy.abs(expected).max()


@pytest.mark.parametrize("options", [dict(kernel_size=3), dict(kernel_size=3, padding=1)])
def test_arrays_may_lie_in_memory_in_any_order(options, rng, xp, monkeypatch):
    monkeypatch.setattr(
        winograd, "tile_size", lambda *size: 2
    )  # which cover these pictures without sticking out
    layer, x = layer_and_input(((10, 8), options), rng, xp)
    dy = xp.asarray(rng.standard_normal(layer.forward(x).shape))
    expected = results(layer, x, dy)
    columns_first = [
        xp.ascontiguousarray(array.transpose(0, 2, 1, 3)).transpose(0, 2, 1, 3) for array in (x, dy)
    ]
    for got, wanted in zip(results(layer, *columns_first), expected, strict=True):
        assert_close(got, wanted)


def test_a_second_batch_does_not_see_the_first(rng, xp):
    layer, x = layer_and_input(GEOMETRIES["kernel 3, padding"], rng, xp)
    dy = xp.asarray(rng.standard_normal(layer.forward(x).shape))
    first = results(layer, x, dy)
    results(layer, 1e3 * x, 1e3 * dy)
    for got, expected in zip(results(layer, x, dy), first, strict=True):
        assert_same(got, expected)


def test_without_an_input_gradient_the_parameters_get_the_same(rng, xp):
    layer, x = layer_and_input(GEOMETRIES["kernel 3, two groups"], rng, xp)
    dy = xp.asarray(rng.standard_normal(layer.forward(x).shape))
    _, _, *expected = results(layer, x, dy)
    layer.needs_input_gradient = False
    assert layer.backward(dy) is None
    for grad, wanted in zip(layer.grads.values(), expected, strict=True):
        assert_same(grad, wanted)


def change_a_weight(layer):
    layer.params["weight"][3, 1, 1, 2] += 1


def change_all_weights(layer):
    layer.params["weight"] = layer.params["weight"] * 2


def train_for_a_step(layer):
    x = backend.of(layer.params["weight"]).ones((1, 7, 5, 4))
    layer.backward(layer.forward(x, train=True))
    layer.params["weight"] -= layer.grads["weight"]


@pytest.mark.parametrize("change", [change_a_weight, change_all_weights, train_for_a_step])
def test_what_is_kept_of_the_weight_does_not_outlive_a_change_of_it(change, rng, xp):
    layer, x = layer_and_input(GEOMETRIES["kernel 3, padding"], rng, xp)
    before = backend.to_host(layer.forward(x)).copy()
    assert_same(layer.forward(x), before)
    change(layer)
    after = backend.to_host(layer.forward(x)).copy()
    layer.algorithm = "im2col"
    assert_close(after, backend.to_host(layer.forward(x)))
    assert not numpy.allclose(before, after)


def test_nor_a_change_of_its_precision(rng, xp):
    layer, x = layer_and_input(GEOMETRIES["kernel 3, padding"], rng, xp)
    layer.astype("float32").forward(x.astype("float32"))
    y = backend.to_host(layer.astype("float64").forward(x)).copy()
    layer.algorithm = "im2col"
    assert_close(y, backend.to_host(layer.forward(x)))


def test_each_layer_keeps_its_own(rng, xp):
    layer, x = layer_and_input(GEOMETRIES["kernel 3, padding"], rng, xp)
    other, _ = layer_and_input(GEOMETRIES["kernel 3, padding"], rng, xp)
    before = backend.to_host(layer.forward(x)).copy()
    other.forward(x)
    assert_same(layer.forward(x), before)


def test_nothing_of_the_weight_is_kept_while_training(rng):
    layer, x = layer_and_input(GEOMETRIES["kernel 3, padding"], rng, numpy)
    layer.forward(x)
    assert layer.kept
    layer.forward(x, train=True)
    assert not layer.kept


def test_threads_keep_one_for_all(rng):
    layer, x = layer_and_input(GEOMETRIES["kernel 3, padding"], rng, numpy)
    twins = [layer.replica() for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        first, *others = threads.map(lambda twin: twin.forward(x).copy(), twins)
    for other in others:
        assert_same(other, first)
    assert all(twin.kept is layer.kept for twin in twins)


@pytest.mark.parametrize(
    "kernel_size, m", [(3, 2), (3, 3), (3, 4), (3, 5), (3, 6), (5, 2), (5, 3), (5, 4)]
)
def test_the_transforms_turn_products_into_a_convolution(kernel_size, m, rng, xp):
    a, b, g = map(backend.to_host, winograd.transforms(m, kernel_size, xp, numpy.dtype("float64")))
    x, w = rng.standard_normal(m + kernel_size - 1), rng.standard_normal(kernel_size)
    expected = [sum(x[i + k] * w[k] for k in range(kernel_size)) for i in range(m)]
    numpy.testing.assert_allclose(a.T @ ((g @ w) * (b.T @ x)), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "kernel_size, m", [(3, 2), (3, 3), (3, 4), (3, 5), (3, 6), (5, 2), (5, 3), (5, 4)]
)
def test_float32_stays_within_the_stated_errors(kernel_size, m, rng, xp, monkeypatch):
    monkeypatch.setattr(winograd, "tile_size", lambda *size: m)
    layer = to(
        Conv2d(128, 32, kernel_size, padding=kernel_size // 2, algorithm="winograd", rng=rng), xp
    )
    x = xp.asarray(rng.standard_normal((4, 13, 13, 128), dtype=numpy.float32))
    dy = xp.asarray(rng.standard_normal((4, 13, 13, 32), dtype=numpy.float32))
    ours = results(layer, x, dy)
    layer.astype("float64").algorithm = "im2col"
    root_mean_square, largest = FLOAT32_BOUNDS[m + kernel_size - 1]
    for got, expected in zip(
        ours[:3], results(layer, x.astype("float64"), dy.astype("float64")), strict=False
    ):
        error = (got - expected) / expected.std()
        assert got.dtype == numpy.float32
        assert numpy.sqrt((error**2).mean()) <= root_mean_square
        assert numpy.abs(error).max() <= largest


def test_auto_gives_what_one_of_the_two_gives(rng, xp):
    x = xp.asarray(rng.standard_normal((2, 12, 12, 32), dtype=numpy.float32))
    layer = to(Conv2d(32, 64, 3, padding=1, rng=rng), xp)
    found = {}
    for algorithm in ("auto", "im2col", "winograd"):
        layer.algorithm = algorithm
        found[algorithm] = backend.to_host(layer.forward(x)).copy()
    assert any((found["auto"] == found[algorithm]).all() for algorithm in ("im2col", "winograd"))
    assert not (found["im2col"] == found["winograd"]).all()


@pytest.mark.parametrize(
    "algorithm", ["auto", "winograd"]
)  # a network's convolutions may all be given one afterwards
@pytest.mark.parametrize(
    "options", [dict(kernel_size=7), dict(kernel_size=3, stride=2), dict(kernel_size=1)]
)
def test_it_is_im2col_where_winograd_cannot(options, algorithm, rng, xp):
    layer = to(Conv2d(64, 64, rng=rng, **options), xp)
    layer.algorithm = algorithm
    x = xp.asarray(rng.standard_normal((1, 24, 24, 64), dtype=numpy.float32))
    y = backend.to_host(layer.forward(x)).copy()
    layer.algorithm = "im2col"
    assert_same(layer.forward(x), y)


@pytest.mark.parametrize(
    "options, message",
    [
        (
            dict(kernel_size=3, algorithm="fft"),
            "algorithm is one of auto, im2col, winograd, got 'fft'",
        ),
        (
            dict(kernel_size=3, stride=2, algorithm="winograd"),
            "kernel_size / stride, rounded up, to be 3 or 5, got Conv2d",
        ),
        (
            dict(kernel_size=7, algorithm="winograd"),
            "kernel_size / stride, rounded up, to be 3 or 5, got Conv2d",
        ),
    ],
)
def test_what_it_cannot_do_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Conv2d(4, 6, **options)


def test_auto_leaves_a_gpu_to_im2col(device):
    layer, shape = Conv2d(96, 128, 3, padding=1), (64, 8, 8, 128)
    assert layer.uses_winograd(numpy.empty(shape, numpy.float32))
    assert not layer.uses_winograd(device.empty(shape, "float32"))
    layer.algorithm = "winograd"
    assert layer.uses_winograd(device.empty(shape, "float32"))
