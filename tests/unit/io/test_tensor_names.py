"""Names of tensors as wrappers and training scripts change them, and their order."""

import numpy
import pytest

from minialex.io.tensor_names import in_order, input_channels, unwrapped


def tensors(*names, shape=(1,)):
    """Tensors that can be told from each other."""
    return {name: numpy.full(shape, i, numpy.float32) for i, name in enumerate(names)}


def of(*shapes):
    """Tensors by name, of the given shapes."""
    return {name: numpy.zeros(shape) for name, shape in shapes}


@pytest.mark.parametrize(
    "name",
    [
        "features.0.weight",
        "module.features.0.weight",
        "features.module.0.weight",  # only the convolutions were on several GPUs
        "_orig_mod.module.features.0.weight",
        "model._orig_mod.features.0.weight",
        "net.backbone.features.0.weight",
        "model.features._orig_mod.0.weight",
    ],
)
def test_what_wrappers_add_is_removed_wherever_it_is(name):
    mixed = tensors(name, "classifier.1.weight")
    assert list(unwrapped(mixed)) == ["features.0.weight", "classifier.1.weight"]
    assert [int(tensor[0]) for tensor in unwrapped(mixed).values()] == [0, 1]


def test_a_network_may_be_called_as_its_holder_is():
    assert list(unwrapped(tensors("model.0.weight", "net.weight"))) == ["0.weight", "net.weight"]


def test_names_that_would_become_the_same_stay():
    two = tensors("net.0.weight", "model.0.weight")
    assert unwrapped(two) == two


def test_the_order_is_that_of_layers():
    names = ["fc10.weight", "fc2.bias", "fc2.weight", "a.bias"]
    expected = ["a.bias", "fc2.weight", "fc2.bias", "fc10.weight"]
    assert list(in_order(tensors(*names))) == expected
    numbers = ["10.weight", "2.weight", "x.10.bias", "x.3.weight"]
    assert list(in_order(tensors(*numbers))) == ["2.weight", "10.weight", "x.3.weight", "x.10.bias"]


def test_convolutions_come_first_with_their_biases():
    kernel, matrix = (2, 3, 1, 1), (2, 2)
    found = in_order(
        of(
            ("classifier.1.weight", matrix),
            ("features.0.bias", (2,)),
            ("classifier.1.bias", (2,)),
            ("features.0.weight", kernel),
        )
    )
    expected = ["features.0.weight", "features.0.bias", "classifier.1.weight", "classifier.1.bias"]
    assert list(found) == expected


def test_channels_are_those_of_the_first_convolution():
    others = [("classifier.1.weight", (2, 5)), ("features.3.weight", (4, 7, 3, 3))]
    grey = ("features.0.weight", (7, 1, 3, 3))
    assert input_channels(of(*others, grey)) == 1
    assert input_channels(of(("a.weight", (7, 1, 3, 3)), *others)) == 1
    assert input_channels(of(others[0])) == 3
