"""Where a unit's number comes from: the numbers shown make the layer's own output, whatever the
layer and wherever the unit."""

import math

import numpy
import pytest
from data_helpers import random_pictures
from explored import CLASSES, in_use, small_network
from naive import avg_pool, conv, lrn, max_pool, pixel, positions
from own_layer import Leaky

from minialex.errors import InputError
from minialex.explore.state import Changes
from minialex.explore.unit import MOST_INPUTS, explain
from minialex.explore.view import View
from minialex.layers import (
    AvgPool2d,
    CeilMaxPool2d,
    Conv2d,
    Dropout,
    Flatten,
    Layer,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    ReLU,
    Sigmoid,
    Tanh,
)
from minialex.network import Network

CONVS = {
    "plain": dict(kernel_size=3),
    "padding": dict(kernel_size=3, padding=1),
    "wide padding": dict(kernel_size=5, padding=2),
    "stride": dict(kernel_size=3, stride=2),
    "stride and padding": dict(kernel_size=5, stride=3, padding=2),
    "groups": dict(kernel_size=3, padding=1, groups=2),
}
MAX_POOLS = {
    "apart": MaxPool2d(2, stride=2),
    "overlapping": MaxPool2d(3, stride=2),
    "overlapping twice": MaxPool2d(3, stride=1),
    "padding": MaxPool2d(3, stride=2, padding=1),
    "gaps": MaxPool2d(2, stride=3),
    "beyond the edge": CeilMaxPool2d(3, stride=2),
    "beyond the edge, padding": CeilMaxPool2d(3, stride=2, padding=1),
}


def a_view(layers, picture, **changes):
    """A picture's way through these layers."""
    return View(in_use(Network(layers, picture.shape)), picture, None, Changes(**changes))


def after_a_convolution(layer, rng, channels=6):
    """A view of the layer over the maps of a convolution, all positive or negative."""
    layers = [("conv1", Conv2d(3, channels, 3, rng=rng)), ("it", layer)]
    return a_view(layers, random_pictures(1, 8)[0])


def close(actual, expected):
    numpy.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)


def of_few_values(side, channels=2):
    """A picture of three values only, so that many windows have two largest pixels."""
    return random_pictures(1, side, channels, seed=4)[0] // 86


@pytest.mark.parametrize("options", CONVS.values(), ids=CONVS)
def test_a_convolution_s_window_and_kernel_make_its_number(options, rng):
    layer = Conv2d(4, 6, rng=rng, **options)
    layer.params["bias"] += rng.normal(size=6).astype("float32")
    layers = [("conv1", Conv2d(3, 4, 3, rng=rng)), ("conv2", layer)]
    view = a_view(layers, random_pictures(1, 9)[0])
    x = view.outputs["conv1"]
    weight, bias = layer.params.values()
    expected = conv(x, weight, bias, layer.stride, layer.padding, layer.groups)[0]
    for i, j, o in positions(*expected.shape):
        found = explain(view, "conv2", (i, j, o))
        about, arrays = found.about, found.arrays
        first, behind = about["channels"]
        assert behind - first == 4 // layer.groups
        assert first == (2 if layer.groups == 2 and o >= 3 else 0)
        window = numpy.zeros((layer.kernel_size, layer.kernel_size, behind - first))
        for r, s, c in positions(*window.shape):
            row, column = about["top"] + r, about["left"] + s
            window[r, s, c] = pixel(x, 0, row, column, first + c, 0.0)
        numpy.testing.assert_array_equal(arrays["window"], window)
        numpy.testing.assert_array_equal(arrays["weights"], weight[o])
        assert arrays["bias"] == bias[o]
        for c in range(behind - first):
            close(arrays["sums"][c], (window[..., c] * weight[o, ..., c].astype(float)).sum())
        close(arrays["sums"].sum(), arrays["sum"])
        close(arrays["sum"] + bias[o], expected[i, j, o])
        close(arrays["value"], expected[i, j, o])
        assert (about["kind"], about["layer"], about["unit"]) == ("convolution", "conv2", (i, j, o))


def shown_window(x, about, kernel_size, channel):
    """What the window should hold that begins where `about` says; NaN beyond the edge."""
    window = numpy.empty((kernel_size, kernel_size))
    for r, s in positions(kernel_size, kernel_size):
        window[r, s] = pixel(x, 0, about["top"] + r, about["left"] + s, channel, math.nan)
    return window


def windows_over(layer, place, count):
    """The rows (or columns) of units, `count` in all, whose windows hold this row (or column)."""
    firsts = [i * layer.stride - layer.padding for i in range(count)]
    return [i for i, first in enumerate(firsts) if 0 <= place - first < layer.kernel_size]


@pytest.mark.parametrize("layer", MAX_POOLS.values(), ids=MAX_POOLS)
def test_a_max_pool_s_winner_gets_the_gradient_of_each_unit_where_it_wins(layer):
    """Also where two pixels of a window are equal, and the first one wins."""
    view = a_view([("pool1", layer)], of_few_values(8))
    x, y = view.x.astype("float64"), view.outputs["pool1"]
    layer = type(layer)(layer.kernel_size, layer.stride, layer.padding)
    layer.forward(x, train=True)
    dy = numpy.random.default_rng(1).integers(1, 1000, y.shape).astype("float64")
    dx = layer.backward(dy)
    total = numpy.zeros_like(dx)
    for i, j, c in positions(*y.shape[1:]):
        found = explain(view, "pool1", (i, j, c))
        row, column = found.about["winner"]
        assert x[0, row, column, c] == found.arrays["value"] == y[0, i, j, c]
        others = found.about["others"]
        rows, columns = (
            windows_over(layer, place, count)
            for place, count in zip((row, column), y.shape[1:3], strict=True)
        )
        expected = [[r, s] for r in rows for s in columns if (r, s) != (i, j)]
        assert [other["unit"] for other in others] == [[r, s, c] for r, s in expected]
        won = [tuple(other["unit"]) for other in others if other["wins"]]
        assert dx[0, row, column, c] == dy[0, i, j, c] + sum(dy[0][unit] for unit in won)
        total[0, row, column, c] += dy[0, i, j, c]
    numpy.testing.assert_array_equal(total, dx)


@pytest.mark.parametrize("layer", MAX_POOLS.values(), ids=MAX_POOLS)
def test_a_max_pool_s_window_is_nan_beyond_the_edge(layer):
    view = a_view([("pool1", layer)], of_few_values(8))
    for i, j, c in positions(*view.outputs["pool1"].shape[1:]):
        found = explain(view, "pool1", (i, j, c))
        window = shown_window(view.x, found.about, layer.kernel_size, c)
        numpy.testing.assert_array_equal(found.arrays["window"], window)
        assert numpy.nanmax(window) == found.arrays["value"]
        assert (found.about["kind"], found.about["channel"]) == ("max pool", c)


def test_max_pooling_is_what_it_says():
    layer = MaxPool2d(3, stride=2, padding=1)
    view = a_view([("pool1", layer)], of_few_values(8))
    numpy.testing.assert_array_equal(view.outputs["pool1"], max_pool(view.x, 3, 2, 1))


def test_of_equal_pixels_the_first_wins_row_by_row():
    picture = numpy.zeros((4, 4, 3), "uint8")
    picture[[1, 2, 1], [2, 0, 3], 0] = 9
    view = a_view([("pool1", MaxPool2d(3, stride=1))], picture)
    assert explain(view, "pool1", (0, 0, 0)).about["winner"] == (1, 2)
    others = explain(view, "pool1", (0, 0, 0)).about["others"]
    assert [other["unit"] for other in others] == [[0, 1, 0], [1, 0, 0], [1, 1, 0]]
    assert all(other["wins"] for other in others)
    assert explain(view, "pool1", (1, 0, 1)).about["winner"] == (1, 0)  # all are equal there
    assert not any(o["wins"] for o in explain(view, "pool1", (1, 0, 1)).about["others"])


def test_an_equal_pixel_that_comes_first_is_told_from_a_larger_one():
    picture = numpy.zeros((4, 4, 3), "uint8")
    picture[0, 3, 0] = 9
    view = a_view([("pool1", MaxPool2d(3, stride=1))], picture)
    others = explain(view, "pool1", (1, 0, 0)).about["others"]  # all are 0; the first is (1, 0)
    assert [(other["unit"], other["equal"]) for other in others] == [([0, 0, 0], True)]
    others = explain(view, "pool1", (1, 1, 0)).about["others"]  # the first is (1, 1)
    assert [(o["unit"], o["wins"], o["equal"]) for o in others] == [
        ([0, 0, 0], False, True),
        ([0, 1, 0], False, False),
        ([1, 0, 0], False, True),
    ]


def test_where_all_is_nan_the_first_pixel_wins_as_in_the_layer(rng):
    """As in a network whose training has diverged; padding never wins."""
    conv1, layer = Conv2d(3, 2, 1, rng=rng), MaxPool2d(3, stride=2, padding=1)
    conv1.params["bias"][1] = math.nan
    view = a_view([("conv1", conv1), ("pool1", layer)], of_few_values(6, 3))
    layer.forward(view.outputs["conv1"], train=True)
    for i, j in positions(3, 3):
        found = explain(view, "pool1", (i, j, 1))
        assert math.isnan(found.arrays["value"])
        dy = numpy.zeros_like(view.outputs["pool1"])
        dy[0, i, j, 1] = 1
        assert layer.backward(dy)[0][(*found.about["winner"], 1)] == 1


def test_a_mean_pool_s_window_has_the_unit_s_number_as_its_mean():
    view = a_view([("pool1", AvgPool2d(3, stride=2))], of_few_values(8))
    expected = avg_pool(view.x, 3, 2)[0]
    for i, j, c in positions(*expected.shape):
        found = explain(view, "pool1", (i, j, c))
        window = shown_window(view.x, found.about, 3, c)
        numpy.testing.assert_array_equal(found.arrays["window"], window)
        close(found.arrays["value"], window.mean())
        close(found.arrays["value"], expected[i, j, c])
        assert found.about["kind"] == "mean pool"


@pytest.mark.parametrize("size, groups", [(3, 1), (5, 1), (3, 2), (5, 2), (9, 1), (1, 3)])
def test_a_normalised_number_is_its_input_by_the_divisor_of_its_neighbours(size, groups, rng):
    layer = LocalResponseNorm(size, alpha=0.3, beta=0.6, k=1.5, groups=groups)
    view = after_a_convolution(layer, rng)
    x = view.outputs["conv1"]
    expected = lrn(x, size, 0.3, 0.6, 1.5, groups)[0]
    for i, j, channel in positions(*expected.shape):
        found = explain(view, "it", (i, j, channel))
        group = channel // (6 // groups)
        near = [
            other
            for other in range(6)
            if abs(other - channel) <= size // 2 and other // (6 // groups) == group
        ]
        assert found.about["first"] == near[0]
        numpy.testing.assert_array_equal(found.arrays["neighbours"], x[0, i, j, near])
        assert found.arrays["x"] == x[0, i, j, channel]
        s = 1.5 + 0.3 * sum(float(x[0, i, j, other]) ** 2 for other in near)
        close(found.arrays["s"], s)
        close(found.arrays["divisor"], s**0.6)
        close(found.arrays["x"] / found.arrays["divisor"], expected[i, j, channel])
        close(found.arrays["value"], expected[i, j, channel])
    about = explain(view, "it", (0, 0, 0)).about
    numbers = [about[name] for name in ("kind", "size", "alpha", "beta", "k")]
    assert numbers == ["normalisation", size, 0.3, 0.6, 1.5]


def linear_view(side, rng):
    layer = Linear(side * side * 3, 5, rng=rng)
    layer.params["bias"] += rng.normal(size=5).astype("float32")
    view = a_view([("flatten", Flatten()), ("fc1", layer)], random_pictures(1, side)[0])
    return view, view.x.ravel().astype("float64"), *layer.params.values()


@pytest.mark.parametrize("side", [2, 9])
def test_a_linear_unit_s_largest_products_and_the_rest_make_its_number(side, rng):
    view, x, weight, bias = linear_view(side, rng)
    for o in range(5):
        found = explain(view, "fc1", (o,))
        about, arrays = found.about, found.arrays
        products = [float(a) * float(b) for a, b in zip(x, weight[o], strict=True)]
        order = sorted(range(len(x)), key=lambda i: -abs(products[i]))
        assert about["inputs"] == order[:MOST_INPUTS]
        assert (about["kind"], about["of"]) == ("linear", len(x))
        shown = arrays["x"].astype(float) * arrays["weights"]
        close(shown, [products[i] for i in about["inputs"]])
        close(arrays["rest"], sum(products[i] for i in order[MOST_INPUTS:]))
        close(shown.sum() + arrays["rest"], arrays["sum"])
        assert arrays["bias"] == bias[o]
        close(arrays["sum"] + bias[o], arrays["value"])
        close(arrays["value"], sum(products) + bias[o])


def test_all_inputs_of_a_small_linear_unit_are_shown(rng):
    view, x, *_ = linear_view(2, rng)
    found = explain(view, "fc1", (3,))
    assert sorted(found.about["inputs"]) == list(range(len(x)))
    assert abs(found.arrays["rest"]) < 1e-6


def test_a_flattened_number_stood_in_a_map():
    view = a_view([("flatten", Flatten())], random_pictures(1, 4)[0])
    for number in range(48):
        found = explain(view, "flatten", (number,))
        row, column, channel = found.about["from"]
        assert found.about["kind"] == "flatten"
        assert view.x[0, row, column, channel] == found.arrays["x"] == found.arrays["value"]
    assert explain(view, "flatten", (17,)).about["from"] == [1, 1, 2]


@pytest.mark.parametrize(
    "layer, formula",
    [
        (ReLU(), lambda x: max(x, 0)),
        (Tanh(), math.tanh),
        (Sigmoid(), lambda x: 1 / (1 + math.exp(-x))),
    ],
    ids=["ReLU", "Tanh", "Sigmoid"],
)
def test_an_activation_s_input_is_shown(layer, formula, rng):
    view = after_a_convolution(layer, rng)
    for unit in [(0, 0, 0), (2, 5, 3), (5, 1, 5)]:
        found = explain(view, "it", unit)
        assert found.about["kind"] == "activation"
        assert found.arrays["x"] == view.outputs["conv1"][0][unit]
        close(found.arrays["value"], formula(float(found.arrays["x"])))


def test_dropout_leaves_numbers_alone_until_it_is_switched_on():
    picture = random_pictures(1, 6)[0]
    layers = [("drop1", Dropout(0.25))]
    view, dropping = a_view(layers, picture), a_view(layers, picture, dropping={"drop1"}, seed=3)
    kept = 0
    for unit in positions(6, 6, 3):
        found, dropped = explain(view, "drop1", unit), explain(dropping, "drop1", unit)
        assert found.about["kind"] == "dropout"
        assert found.about["p"] == 0.25
        x = view.x[0][unit]
        assert found.arrays["x"] == found.arrays["value"] == dropped.arrays["x"] == x
        if dropped.arrays["value"] != 0:
            close(dropped.arrays["value"], x / 0.75)
            kept += 1
    assert 60 < kept < 100  # of 108


class Halved(Layer):
    """y = every other row of x."""

    def forward(self, x, train=False):
        return x[:, ::2].copy()

    def output_shape(self, shape):
        return ((shape[0] + 1) // 2, *shape[1:])


class Doubled(Conv2d):
    """Twice a convolution."""

    def forward(self, x, train=False):
        return 2 * super().forward(x, train)


def test_of_a_layer_of_one_s_own_only_its_input_at_the_place_is_known(rng):
    view = after_a_convolution(Leaky(0.2), rng)
    found = explain(view, "it", (1, 2, 3))
    assert found.about["kind"] == "other"
    assert found.arrays["x"] == view.outputs["conv1"][0, 1, 2, 3]
    halved = explain(after_a_convolution(Halved(), rng), "it", (1, 2, 3))
    assert halved.about["kind"] == "other"
    assert list(halved.arrays) == ["value"]


def test_a_layer_of_one_s_own_is_not_explained_as_the_one_it_is_derived_from(rng):
    """Its forward is another: the numbers shown would not make its number."""
    view = a_view([("conv1", Doubled(3, 4, 3, rng=rng))], random_pictures(1, 6)[0])
    found = explain(view, "conv1", (1, 2, 3))
    assert found.about["kind"] == "other"
    assert list(found.arrays) == ["value"]
    assert found.arrays["value"] == view.outputs["conv1"][0, 1, 2, 3]


def test_a_changed_layer_shows_its_own_number():
    picture = random_pictures(1, 12)[0]
    view = View(
        in_use(small_network()),
        picture,
        changes=Changes(
            silenced=frozenset({("conv1", 2), ("fc4", 1)}),
            bypassed=frozenset({"norm1"}),
            unpadded=frozenset({"conv2"}),
        ),
    )
    assert explain(view, "conv1", (3, 3, 2)).arrays["value"] == 0
    assert explain(view, "conv1", (3, 3, 1)).arrays["value"] != 0
    assert explain(view, "fc4", (1,)).arrays["value"] == 0
    assert explain(view, "conv2", (0, 2, 1)).arrays["value"] == 0
    norm = explain(view, "norm1", (3, 3, 0))
    assert norm.arrays["value"] == norm.arrays["x"]


@pytest.mark.parametrize(
    "layer, unit",
    [
        ("conv9", (0, 0, 0)),
        ("", (0,)),
        ("conv1", (12, 0, 0)),
        ("conv1", (0, 12, 0)),
        ("conv1", (0, 0, 4)),
        ("conv1", (2**53 - 1, 0, 0)),
        ("conv1", (0, 0)),
        ("conv1", (0, 0, 0, 0)),
        ("conv1", ()),
        ("fc4", (3,)),
        ("fc4", (0, 0)),
        ("fc4", ()),
    ],
)
def test_a_unit_that_is_not_there_is_refused(layer, unit):
    view = View(in_use(small_network()), random_pictures(1, 12)[0])
    with pytest.raises(InputError, match=r"there is no layer|has units of the shape"):
        explain(view, layer, unit)


def test_the_classes_are_the_last_layer_s_units():
    view = View(in_use(small_network()), random_pictures(1, 12)[0])
    for number in range(len(CLASSES)):
        value = explain(view, "fc4", (number,)).arrays["value"]
        assert value == view.outputs["fc4"][0, number]
