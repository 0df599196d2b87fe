"""What a unit depends on, against brute force: every pixel, and every place of every layer before
it, is changed by itself, and it is seen whether that changes the unit."""

import copy
import itertools

import numpy
import pytest
from explored import in_use
from own_layer import Leaky

from minialex.explore.unit import explain
from minialex.explore.view import View
from minialex.layers import (
    AvgPool2d,
    CeilMaxPool2d,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    ReLU,
    Sigmoid,
    Tanh,
)
from minialex.network import Network

#: How much is added at a place: enough to win in every window of a max-pool.
MUCH = 1e6

#: (height and width of the picture, layers). No window leaves a pixel over.
CHAINS = {
    "one convolution": ((9, 7), [Conv2d(2, 3, 3)]),
    "stride": ((11, 9), [Conv2d(2, 3, 5, stride=2)]),
    "padding": ((6, 8), [Conv2d(2, 3, 5, padding=2)]),
    "stride and padding": ((9, 7), [Conv2d(2, 3, 3, stride=2, padding=1)]),
    "groups": ((6, 5), [Conv2d(2, 4, 3, padding=1, groups=2)]),
    "mean pool": ((9, 7), [AvgPool2d(3, stride=2)]),
    "max pool": ((9, 7), [MaxPool2d(3, stride=2)]),
    "max pool with padding": ((7, 9), [MaxPool2d(3, stride=2, padding=1)]),
    "max pool beyond the edge": ((8, 10), [CeilMaxPool2d(3, stride=2)]),
    "gaps between windows": ((10, 7), [Conv2d(2, 3, 1, stride=3)]),
    "in place": (
        (7, 6),
        [
            *(Conv2d(2, 3, 3), ReLU(), LocalResponseNorm(3, beta=0.25), Tanh()),
            *(Dropout(0.5), Sigmoid(), Conv2d(3, 2, 3)),
        ],
    ),
    "as in AlexNet": (
        (43, 43),
        [
            *(Conv2d(2, 4, 7, stride=4), ReLU(), LocalResponseNorm(3, beta=0.25)),
            *(MaxPool2d(2, stride=2), Conv2d(4, 4, 3, padding=1, groups=2), ReLU()),
            *(Conv2d(4, 2, 3, padding=1), MaxPool2d(3, stride=2)),
        ],
    ),
    "as in LeNet": (
        (14, 14),
        [
            *(Conv2d(2, 3, 5, padding=2), Sigmoid(), AvgPool2d(2, stride=2)),
            *(Conv2d(3, 2, 4), AvgPool2d(2, stride=2)),
        ],
    ),
}

#: Chains whose windows leave pixels over, which no unit sees.
LEFT_OVER = {
    "behind a max pool": ((7, 6), [MaxPool2d(2, stride=2), Conv2d(2, 3, 3, padding=1)]),
    "behind a stride": ((10, 12), [Conv2d(2, 3, 3, stride=4), Conv2d(3, 2, 3, padding=1)]),
}


def a_view(layers, size, rng):
    """A random picture's way through the layers, with positive weights: what is added in one place
    never cancels."""
    layers = copy.deepcopy(layers)
    for layer in layers:
        for array in layer.params.values():
            array[...] = rng.uniform(0.5, 1, array.shape) / array[0].size
    picture = rng.integers(0, 256, (*size, 2), dtype="uint8")
    named = [(f"layer{number}", layer) for number, layer in enumerate(layers)]
    return View(in_use(Network(named, picture.shape)), picture)


def fields_of(view, name, *unit):
    """What the unit depends on, from the picture to the layer before it."""
    return dict(reversed(explain(view, name, unit).about["fields"].items()))


def looked_at(layers, x, unit):
    """Which places (H, W) of the one input x (H, W, C) change the unit of the last layer."""
    height, width, _ = x.shape
    many = numpy.tile(x, (1 + height * width, 1, 1, 1))
    for number, (row, column) in enumerate(numpy.ndindex(height, width), start=1):
        many[number, row, column] += MUCH
    for layer in layers:
        many = layer.forward(many)
    first, *others = many[(slice(None), *unit)]
    return (numpy.array(others) != first).reshape(height, width)


def frame(seen):
    """The smallest (top, bottom, left, right) around all that is true."""
    rows, columns = numpy.flatnonzero(seen.any(axis=1)), numpy.flatnonzero(seen.any(axis=0))
    return rows[0], rows[-1] + 1, columns[0], columns[-1] + 1


def clipped(field, shape):
    top, bottom, left, right = field
    return max(top, 0), min(bottom, shape[0]), max(left, 0), min(right, shape[1])


def assert_fields_are_what_is_looked_at(size, layers, rng):
    view = a_view(layers, size, rng)
    inputs = {"": view.x[0]} | {name: y[0] for name, y in view.outputs.items()}
    *_, (last, y) = inputs.items()
    for row, column in itertools.product(*[sorted({0, n // 2, n - 1}) for n in y.shape[:2]]):
        found = fields_of(view, last, row, column, 1)
        assert list(found) == list(inputs)[:-1]
        for number, (name, field) in enumerate(found.items()):
            x, after = inputs[name], list(view.layers.values())[number:]
            expected = frame(looked_at(after, x, (row, column, 1)))
            assert clipped(field, x.shape) == expected, (row, column, name)


@pytest.mark.parametrize("size, layers", CHAINS.values(), ids=CHAINS)
def test_a_field_is_all_that_changes_a_unit_and_no_more(size, layers, rng):
    assert_fields_are_what_is_looked_at(size, layers, rng)


@pytest.mark.parametrize("size, layers", LEFT_OVER.values(), ids=LEFT_OVER)
def test_pixels_that_no_window_reaches_are_in_no_field(size, layers, rng):
    """Padding around the second layer's input does not stand for further units of the first."""
    assert_fields_are_what_is_looked_at(size, layers, rng)


def test_a_window_s_field_is_its_rows_and_columns(rng):
    view = a_view([Conv2d(2, 4, 5, stride=2, padding=1), MaxPool2d(3, stride=2)], (30, 28), rng)
    assert fields_of(view, "layer0", 2, 3, 0) == {"": (3, 8, 5, 10)}
    # The pool sees rows 4 to 6 and columns 6 to 8 of the convolution.
    assert fields_of(view, "layer1", 2, 3, 0) == {"": (7, 16, 11, 20), "layer0": (4, 7, 6, 9)}


def test_a_linear_unit_depends_on_everything(rng):
    layers = [Conv2d(2, 4, 3), Flatten(), Linear(48, 8), ReLU()]
    view = a_view(layers, (6, 5), rng)
    inputs = ["", "layer0", "layer1", "layer2"]
    for number in (2, 3):
        found = fields_of(view, f"layer{number}", 5)
        assert found == dict.fromkeys(inputs[: number + 1])


def test_a_unit_behind_flatten_depends_on_what_it_was_made_of(rng):
    view = a_view([Conv2d(2, 4, 3), Flatten(), ReLU(), Dropout(0.5)], (6, 5), rng)
    for name in ("layer1", "layer2", "layer3"):
        found = fields_of(view, name, (2 * 3 + 1) * 4 + 3)  # row 2, column 1 of map 3
        assert (found.pop(""), found.pop("layer0")) == ((2, 5, 1, 4), (2, 3, 1, 2))
        assert set(found.values()) <= {None}


def test_how_far_a_layer_of_one_s_own_reaches_is_not_known(rng):
    view = a_view([Conv2d(2, 4, 3), Leaky(), Conv2d(4, 4, 3)], (8, 8), rng)
    expected = {"": None, "layer0": None, "layer1": (1, 4, 2, 5)}
    assert fields_of(view, "layer2", 1, 2, 0) == expected


def test_it_is_said_behind_which_layer_the_reach_is_not_known(rng):
    layers = [Conv2d(2, 4, 3), Leaky(), Conv2d(4, 4, 3), Flatten(), Leaky(), Linear(16 * 4, 3)]
    view = a_view(layers, (8, 8), rng)
    for number, unit, unknown in (
        (0, (1, 2, 0), None),
        (1, (1, 2, 0), "layer1"),
        (2, (1, 2, 0), "layer1"),
        (3, (20,), "layer1"),
        (4, (20,), "layer4"),
        (5, (1,), None),  # all of it anyway
    ):
        assert explain(view, f"layer{number}", unit).about["unknown"] == unknown
