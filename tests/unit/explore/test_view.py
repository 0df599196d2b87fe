"""A picture's way through a network, forward and back, is the network's own."""

import copy
import math

import numpy
import pytest
from data_helpers import random_pictures
from explored import in_float64, in_use, small_network, smooth_network
from naive import assert_close, softmax_cross_entropy

from minialex.errors import InputError
from minialex.explore.state import Changes, Question
from minialex.explore.view import (
    Gradients,
    View,
    forward,
    gradient_of_logits,
    value_of_logits,
)
from minialex.gradcheck import differences
from minialex.layers import SoftmaxCrossEntropy
from minialex.network import Network

PICTURE = random_pictures(1, 12, seed=8)[0]
QUESTIONS = [Question(0), Question(2, "loss"), Question(1, "logit")]

#: Changes that leave a network with weights of its own, which is easily built by hand.
CHANGES = Changes(silenced=frozenset({("conv1", 1)}), bypassed=frozenset({"norm1"}))


def by_hand(network, changes):
    """The network without dropout, changed as CHANGES say if there are changes."""
    network = copy.deepcopy(network)
    left_out = {"drop3"}
    if changes == CHANGES:
        left_out |= {"norm1"}
        for array in network.layers["conv1"].params.values():
            array[1] = 0
    layers = [item for item in network.layers.items() if item[0] not in left_out]
    return Network(layers, network.input_shape)


def test_every_layer_s_output_is_its_own():
    network = small_network()
    view = View(in_use(network), PICTURE)
    y = (PICTURE[None].astype("float32") - 120) / 60
    numpy.testing.assert_allclose(view.x, y, rtol=1e-6)
    y = view.x
    assert list(view.outputs) == list(network.layers)
    for name, layer in network.layers.items():
        numpy.testing.assert_array_equal(view.input_of(name), y)
        y = layer.forward(y)
        assert view.outputs[name].dtype == numpy.float32
        numpy.testing.assert_array_equal(view.outputs[name], y)


def test_probabilities_are_the_softmax_of_the_last_layer():
    view = View(in_use(small_network()), PICTURE)
    powers = [math.exp(logit) for logit in view.outputs["fc4"][0]]
    numpy.testing.assert_allclose(view.probabilities, numpy.array(powers) / sum(powers), rtol=1e-5)


def test_each_channel_has_its_mean_and_deviation():
    trained = in_use(small_network(), mean=[100.0, 120.5, 90.0], std=[50.0, 60.0, 70.25])
    view = View(trained, PICTURE)
    for channel, (mean, std) in enumerate([(100, 50), (120.5, 60), (90, 70.25)]):
        expected = (PICTURE[..., channel].astype(float) - mean) / std
        numpy.testing.assert_allclose(view.x[0, ..., channel], expected, rtol=1e-6)


@pytest.mark.parametrize(
    "covered, seen",
    [
        ((0, 0, 3), (0, 3, 0, 3)),
        ((2, 5, 4), (2, 6, 5, 9)),
        ((10, 3, 5), (10, 12, 3, 8)),
        ((9, 11, 2), (9, 11, 11, 12)),
        ((0, 0, 12), (0, 12, 0, 12)),
        ((0, 0, 2**53 - 1), (0, 12, 0, 12)),
        ((12, 0, 5), (0, 0, 0, 0)),
        ((2**53 - 1, 2**53 - 1, 2**53 - 1), (0, 0, 0, 0)),
        ((3, 3, 0), (0, 0, 0, 0)),
    ],
    ids=str,
)
def test_a_covered_square_is_the_mean_colour(covered, seen):
    picture = PICTURE.copy()
    view = View(in_use(small_network()), picture, covered)
    top, bottom, left, right = seen
    expected = View(in_use(small_network()), picture).x
    expected[:, top:bottom, left:right] = 0
    numpy.testing.assert_array_equal(view.x, expected)
    numpy.testing.assert_array_equal(picture, PICTURE)
    is_covered = numpy.zeros((12, 12, 1), bool)
    is_covered[top:bottom, left:right] = True
    numpy.testing.assert_array_equal(view.picture, numpy.where(is_covered, 120, PICTURE))
    logits = small_network().forward(expected)
    numpy.testing.assert_array_equal(view.outputs["fc4"], logits)


@pytest.mark.parametrize("changes", [Changes(), CHANGES], ids=["as it is", "changed"])
@pytest.mark.parametrize("question", QUESTIONS, ids=str)
def test_gradients_are_the_network_s_own(question, changes):
    network = small_network()
    view = View(in_use(network), PICTURE, changes=changes)
    reference = by_hand(network, changes)
    logits = reference.forward(view.x, train=True)
    assert_close(view.outputs["fc4"], logits)
    if question.quantity == "loss":
        loss = SoftmaxCrossEntropy()
        loss.forward(logits, numpy.array([question.class_number]))
        dy = loss.backward()
    else:
        dy = numpy.eye(3, dtype="float32")[[question.class_number]]
    dys = {}
    gradients = Gradients(view, question)
    for name, layer in reversed(reference.layers.items()):
        dys[name] = dy
        dy = layer.backward(dy)
    for name, expected in dys.items():
        assert_close(gradients.of_outputs[name], expected)
    assert_close(gradients.of_picture, dy)
    for name, expected in reference.grads.items():
        layer, _, key = name.partition(".")
        found = gradients.of_weights[layer][key]
        if changes == CHANGES and layer == "conv1":  # the silent kernel keeps its weights
            assert not found[1].any()
            found, expected = (numpy.delete(grad, 1, axis=0) for grad in (found, expected))
        assert_close(found, expected)


@pytest.mark.parametrize("question", QUESTIONS, ids=str)
def test_gradients_equal_finite_differences(question):
    """Of the whole network in float64, for the picture and what one layer makes of it."""
    network = smooth_network()
    covered = (2, 3, 4)
    changes = Changes(frozenset({("fc3", 4)}), unpadded=frozenset({"conv2"}))
    view = View(in_use(network), PICTURE, covered, changes)
    gradients = Gradients(view, question)
    doubled = View(in_use(in_float64(network)), PICTURE, covered, changes)
    layers = list(doubled.layers.items())
    of_pool1 = doubled.outputs["pool1"].astype("float64")
    for x, after, found in [
        (view.x.astype("float64"), 0, gradients.of_picture),
        (of_pool1, 4, gradients.of_outputs["pool1"]),
    ]:

        def value(x=x, after=after):
            logits = forward([layer for _, layer in layers[after:]], x)
            return value_of_logits(logits, question)

        expected = differences(value, x)
        assert abs(expected).max() > 1e-4
        numpy.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * abs(expected).max())


def test_the_value_of_an_answer():
    logits = numpy.array([[0.5, -1.0, 2.0]])
    for number in range(3):
        loss = softmax_cross_entropy(logits, [number])
        assert math.isclose(value_of_logits(logits, Question(number)), loss)
        assert value_of_logits(logits, Question(number, "logit")) == logits[0, number]


def test_dropped_units_have_no_gradient():
    changes = Changes(dropping=frozenset({"drop3"}), seed=2)
    view = View(in_use(smooth_network()), PICTURE, changes=changes)
    gradients = Gradients(view, Question(1, "logit"))
    dropped = view.outputs["drop3"][0] == 0
    assert 0 < dropped.sum() < len(dropped)
    assert ((gradients.of_outputs["tanh3"][0] == 0) == dropped).all()


def test_a_view_and_its_gradients_leave_the_network_alone():
    network = small_network()
    before = {name: array.copy() for name, array in network.params.items()}
    view = View(in_use(network), PICTURE, (1, 1, 3), CHANGES)
    outputs = {name: output.copy() for name, output in view.outputs.items()}
    Gradients(view, Question(2))
    for name, array in network.params.items():
        numpy.testing.assert_array_equal(array, before[name])
    for name, output in view.outputs.items():
        numpy.testing.assert_array_equal(output, outputs[name])
    assert all(layer.cache is None and not layer.grads for layer in network.layers.values())


@pytest.mark.parametrize("number", [3, 2**53 - 1])
@pytest.mark.parametrize("quantity", ["loss", "logit"])
def test_a_class_that_is_not_there_is_refused(number, quantity):
    with pytest.raises(InputError, match=f"expected a class from 0 to 2, got {number}"):
        Gradients(View(in_use(small_network()), PICTURE), Question(number, quantity))


def test_a_loss_near_zero_has_all_its_digits():
    """There p is 1 in float32, and 1 − p is 0; in float64 log p has five digits left."""
    logits, question = numpy.array([[25.0, -1.0, 0.5]]), Question(0, "loss")
    loss = math.exp(-26) + math.exp(-24.5)
    assert value_of_logits(logits, question) == pytest.approx(loss, rel=1e-10)
    (own, *others) = gradient_of_logits(logits.astype("float32"), question)[0]
    assert others == pytest.approx([math.exp(-26), math.exp(-24.5)], rel=1e-5)
    assert own == pytest.approx(-loss, rel=1e-4)


def test_a_large_loss_is_what_it_was():
    logits = numpy.array([[-800.0, 300.0, 299.0]])
    expected = 1100 + math.log(1 + math.exp(-1))
    assert value_of_logits(logits, Question(0, "loss")) == pytest.approx(expected, rel=1e-12)
