"""Saliency: the weights of a linear network, and finite differences of others; dropout is off."""

import numpy

from minialex import models
from minialex.layers import Conv2d, Dropout, Flatten, Linear, MaxPool2d, ReLU
from minialex.network import Network
from minialex.visualize.saliency import saliency


def test_of_a_linear_network_it_is_the_weights_of_the_class(xp, rng):
    linear = Linear(4 * 5 * 3, 6, rng=rng)
    weight = linear.params["weight"].reshape(6, 4, 5, 3).copy()
    network = Network([("flatten", Flatten()), ("fc1", linear)], (4, 5, 3)).to(xp)
    classes = numpy.array([2, 5, 2])
    maps = saliency(network, rng.standard_normal((3, 4, 5, 3), dtype="float32"), classes)
    assert isinstance(maps, numpy.ndarray)
    numpy.testing.assert_allclose(maps, abs(weight[classes]).max(axis=3), rtol=1e-6)


def test_it_equals_finite_differences_of_the_logit(rng):
    """In float64: the largest change of the logit over the channels of each pixel."""
    features = [
        ("conv1", Conv2d(2, 3, 3, rng=rng)),
        ("relu1", ReLU()),
        ("pool1", MaxPool2d(2, stride=2)),
    ]
    network = Network(
        [*features, ("flatten", Flatten()), ("fc2", Linear(12, 4, rng=rng))], (6, 6, 2)
    ).astype("float64")
    x = rng.standard_normal((2, 6, 6, 2))
    classes, expected = [3, 0], numpy.zeros((2, 6, 6, 2))
    for index in numpy.ndindex(x.shape):
        nudged = [x.copy(), x.copy()]
        nudged[0][index] += 1e-6
        nudged[1][index] -= 1e-6
        above, below = (network.forward(one).copy()[index[0], classes[index[0]]] for one in nudged)
        expected[index] = (above - below) / 2e-6
    numpy.testing.assert_allclose(
        saliency(network, x, classes), abs(expected).max(axis=3), atol=1e-7
    )


def test_dropout_is_off_and_its_generator_does_not_move(rng):
    linear = Linear(12, 4, rng=rng)
    dropout = Dropout(0.5, numpy.random.default_rng(1))
    network = Network([("flatten", Flatten()), ("dropout1", dropout), ("fc2", linear)], (2, 2, 3))
    x, before = rng.standard_normal((2, 2, 2, 3), dtype="float32"), dropout.rng.bit_generator.state
    maps = saliency(network, x, [1, 1])
    numpy.testing.assert_allclose(
        maps[0], abs(linear.params["weight"][1].reshape(2, 2, 3)).max(axis=2), rtol=1e-6
    )
    assert dropout.rng.bit_generator.state == before


def test_the_network_is_left_as_it_was(rng):
    network = models.build("lenet", rng=rng)
    x = rng.standard_normal((2, 28, 28, 1), dtype="float32")
    before = {name: array.copy() for name, array in network.params.items()}
    logits = network.forward(x).copy()
    assert saliency(network, x, [0, 1]).shape == (2, 28, 28)
    numpy.testing.assert_array_equal(network.forward(x), logits)
    for name, array in network.params.items():
        numpy.testing.assert_array_equal(array, before[name])
    assert all(layer.cache is None and not layer.grads for layer in network.layers.values())


def test_any_device_gives_the_same(xp, rng):
    network = models.build("alexnet-cifar", num_classes=3, image_size=16, rng=rng)
    x = rng.standard_normal((2, 16, 16, 3), dtype="float32")
    expected = saliency(network, x, [0, 2])
    got = saliency(network.to(xp), x, [0, 2])
    numpy.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-5 * expected.max())
