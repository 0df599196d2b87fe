"""Layers of the reader's own: of another shape than minialex's, and that learn while they look."""

import numpy
import pytest
from data_helpers import random_pictures
from explored import SIDE, in_use
from own_layer import Leaky

from minialex.explore.proof import prove
from minialex.explore.state import Question
from minialex.explore.unit import explain
from minialex.explore.view import Gradients, View, as_laid_out, laid_out
from minialex.layers import Conv2d, Flatten, Layer, Linear, Tanh
from minialex.network import Network

PICTURE = random_pictures(1, SIDE, seed=9)[0]


class Rows(Layer):
    """(N, H, W, C) -> (N, H·W, C): the pixels in a row."""

    def forward(self, x, train=False):
        self.cache = x.shape
        return x.reshape(len(x), -1, x.shape[-1])

    def backward(self, dy):
        return dy.reshape(self.cached())

    def output_shape(self, shape):
        return shape[0] * shape[1], shape[2]


class Centred(Layer):
    """y = x − m: in training m is the mean of the batch, towards which that of a test moves."""

    def __init__(self, channels=4):
        super().__init__()
        self.params["mean"] = numpy.full(channels, 0.5, numpy.float32)

    def forward(self, x, train=False):
        mean = self.params["mean"]
        if train:
            now = x.mean(axis=(0, 1, 2))
            mean += (now - mean) / 10
            mean = now
        return x - mean

    def backward(self, dy):
        self.grads["mean"] = numpy.zeros_like(self.params["mean"])
        return dy - dy.mean(axis=(0, 1, 2))


def a_network(*between):
    rng = numpy.random.default_rng(4)
    first = Conv2d(3, 4, 3, rng=rng)
    layers = [first, Tanh(), *between, Flatten(), Linear(400, 3, rng=rng)]
    return Network(
        [(f"layer{number}", each) for number, each in enumerate(layers)], (SIDE, SIDE, 3)
    )


def test_what_has_neither_maps_nor_is_a_vector_is_laid_out_in_a_row():
    view = View(in_use(a_network(Rows(), Tanh())), PICTURE)
    assert view.outputs["layer2"].shape == (1, 100, 4)
    assert laid_out((100, 4)) == (400,)
    for name, before in (("layer2", None), ("layer3", "layer2"), ("layer4", "layer3")):
        y = as_laid_out(view.outputs[name])
        assert y.shape == (400,)
        for number in (0, 17, 399):
            found = explain(view, name, (number,))
            assert found.arrays["value"] == y[number]
            if before:
                x = as_laid_out(view.outputs[before])
                assert found.arrays["x"] == x[number]
    assert explain(view, "layer4", (17,)).about["from"] == [17]
    gradients = Gradients(view, Question(1))
    assert as_laid_out(gradients.of_outputs["layer2"]).shape == (400,)


def test_looking_teaches_the_network_nothing():
    network = a_network(Centred())
    mean = network.params["layer2.mean"].copy()
    view = View(in_use(network), PICTURE)
    gradients = Gradients(view, Question(1))
    prove(view, gradients, Question(1), "layer0", "weight", (0, 0, 0, 0), 1e-4)
    for array in (network.params["layer2.mean"], view.layers["layer2"].params["mean"]):
        numpy.testing.assert_array_equal(array, mean)


@pytest.mark.parametrize("question", [Question(1), Question(2, "loss")], ids=str)
def test_gradients_and_their_proof_are_both_of_training(question):
    view = View(in_use(a_network(Centred())), PICTURE)
    gradients = Gradients(view, question)
    assert gradients.otherwise == "layer2"
    largest = abs(gradients.of_weights["layer0"]["weight"]).max()
    for place in numpy.ndindex(2, 3, 3, 2):
        proof = prove(view, gradients, question, "layer0", "weight", place, 1e-4)
        assert abs(proof.difference - proof.gradient) < 1e-3 * largest


def test_layers_that_do_the_same_in_a_test_are_not_said_to_differ():
    view = View(in_use(a_network(Leaky())), PICTURE)
    assert Gradients(view, Question(1)).otherwise is None
