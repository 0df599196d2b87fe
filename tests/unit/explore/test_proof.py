"""The proof of a gradient: two runs of the network with one weight nudged, in float64."""

import numpy
import pytest
from data_helpers import random_pictures
from explored import in_float64, in_use, small_network, smooth_network

from minialex.errors import InputError
from minialex.explore.proof import prove
from minialex.explore.state import Changes, Question
from minialex.explore.view import Gradients, View, forward, value_of_logits

PICTURE = random_pictures(1, 12, seed=9)[0]
PLACES = [
    ("conv1", "weight", (3, 0, 2, 1)),
    ("conv1", "bias", (2,)),
    ("conv2", "weight", (5, 1, 1, 1)),
    ("conv2", "bias", (1,)),
    ("fc3", "weight", (7, 33)),
    ("fc3", "bias", (2,)),
    ("fc4", "weight", (1, 2)),
    ("fc4", "bias", (0,)),
]
CHANGES = {
    "as it is": {},
    "changed": dict(
        silenced=frozenset({("conv1", 1), ("conv2", 0), ("fc3", 5), ("fc4", 0)}),
        bypassed=frozenset({"norm1"}),
        unpadded=frozenset({"conv1", "conv2"}),
    ),
    "dropping": dict(dropping=frozenset({"drop3"}), seed=6),
}


def asked(changes, question=None, covered=None, network=None):
    """A view of the smooth network, its gradients, and the question they answer."""
    question = question or Question(1)
    view = View(in_use(network or smooth_network()), PICTURE, covered, Changes(**changes))
    return view, Gradients(view, question), question


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("place", PLACES, ids=str)
@pytest.mark.parametrize("question", [Question(1), Question(2, "logit")], ids=str)
def test_the_difference_is_the_gradient(place, changes, question):
    """Also where both are 0, as behind a silenced kernel or a unit that has dropped out."""
    view, gradients, _ = asked(changes, question)
    proof = prove(view, gradients, question, *place, 1e-4)
    layer, key, index = place
    largest = abs(gradients.of_weights[layer][key]).max()
    assert largest > 0
    assert abs(proof.difference - proof.gradient) <= 1e-3 * largest
    assert proof.gradient == gradients.of_weights[layer][key][index]
    assert proof.weight == view.layers[layer].params[key][index]
    assert proof.nudge == 1e-4


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_both_answers_are_those_of_a_network_with_another_weight(place):
    network = smooth_network()
    question, nudge = Question(0), 0.25
    view, gradients, _ = asked({}, question, covered=(3, 3, 5), network=network)
    proof = prove(view, gradients, question, *place, nudge)
    layer, key, index = place
    expected = []
    for step in (nudge, -nudge):
        other = in_float64(network)
        other.layers[layer].params[key][index] += step
        logits = forward(other.layers.values(), view.x.astype("float64"))
        expected.append(value_of_logits(logits, question))
    above, below = expected
    assert above != below
    found = [proof.above, proof.below, proof.difference]
    numpy.testing.assert_allclose(found, [above, below, (above - below) / 0.5], rtol=1e-12)


def test_a_silenced_kernel_s_weights_have_no_effect():
    view, gradients, question = asked(CHANGES["changed"])
    for place in [("conv1", "weight", (1, 0, 0, 0)), ("fc3", "bias", (5,))]:
        proof = prove(view, gradients, question, *place, 0.5)
        assert proof.gradient == proof.difference == 0
        assert proof.above == proof.below


def test_a_small_nudge_is_not_lost_in_float32():
    """As the answers are computed in float64, 10⁻⁶ still moves them as the gradient says."""
    view, gradients, question = asked({})
    proof = prove(view, gradients, question, "fc4", "weight", (1, 2), 1e-6)
    assert proof.gradient == pytest.approx(proof.difference, rel=1e-4)


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
def test_the_network_and_the_view_stay_as_they_were(changes):
    network = smooth_network()
    view, gradients, question = asked(changes, network=network)
    kept = {name: array.copy() for name, array in network.params.items()}
    outputs = {name: output.copy() for name, output in view.outputs.items()}
    proofs = [prove(view, gradients, question, *place, 0.1) for place in PLACES]
    for name, array in network.params.items():
        assert array.dtype == numpy.float32
        numpy.testing.assert_array_equal(array, kept[name])
    for name, output in view.outputs.items():
        numpy.testing.assert_array_equal(output, outputs[name])
    assert [prove(view, gradients, question, *place, 0.1) for place in PLACES] == proofs


@pytest.mark.parametrize(
    "layer, key, index, said",
    [
        ("conv9", "weight", (0, 0, 0, 0), "there is no parameter conv9.weight"),
        ("conv1", "weights", (0, 0, 0, 0), "there is no parameter conv1.weights"),
        ("relu1", "weight", (0,), "there is no parameter relu1.weight"),
        ("", "", (), "there is no parameter"),
        ("conv1", "weight", (4, 0, 0, 0), "conv1.weight has the shape"),
        ("conv1", "weight", (0, 3, 0, 0), "conv1.weight has the shape"),
        ("conv1", "weight", (0, 0, 0), "conv1.weight has the shape"),
        ("conv1", "weight", (), "conv1.weight has the shape"),
        ("conv2", "weight", (0, 0, 0, 2), "conv2.weight has the shape"),
        ("fc4", "bias", (3,), "fc4.bias has the shape"),
        ("fc4", "bias", (0, 0), "fc4.bias has the shape"),
        ("fc4", "weight", (0, 2**53 - 1), "fc4.weight has the shape"),
    ],
)
def test_a_weight_that_is_not_there_is_refused(layer, key, index, said):
    network = small_network()
    for changes in ({}, CHANGES["changed"]):
        view, gradients, question = asked(changes, network=network)
        with pytest.raises(InputError, match=said):
            prove(view, gradients, question, layer, key, index, 0.1)
