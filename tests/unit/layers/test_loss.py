"""SoftmaxCrossEntropy: its value by hand, its gradient, logits of any size, and labels that cannot
be."""

import math
import warnings

import numpy
import pytest
from naive import assert_close, assert_same, softmax_cross_entropy

from minialex.gradcheck import check_loss
from minialex.layers import SoftmaxCrossEntropy

LABELS = numpy.array([3, 0, 5, 3])


@pytest.fixture
def loss():
    return SoftmaxCrossEntropy()


@pytest.fixture
def logits(rng, xp):
    return xp.asarray(rng.standard_normal((4, 6)))


@pytest.mark.parametrize(
    "logits, labels, expected",
    [
        ([[0, 0]], [1], math.log(2)),
        ([[math.log(1), math.log(3)]], [1], math.log(4 / 3)),
        (
            [[0, 0], [0, math.log(3)]],
            [0, 0],
            (math.log(2) + math.log(4)) / 2,
        ),  # the mean, not the sum
        ([[7, 7, 7, 7]], [2], math.log(4)),
    ],
)
def test_the_value_by_hand(logits, labels, expected, loss, xp):
    value = loss.forward(xp.asarray(numpy.array(logits, numpy.float64)), numpy.array(labels))
    assert float(value) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("dtype, bound", [("float64", 1e-12), ("float32", 1e-6)])
def test_the_value_equals_the_loops(dtype, bound, loss, rng, xp):
    logits = (3 * rng.standard_normal((4, 6))).astype(dtype)
    value = loss.forward(xp.asarray(logits), LABELS)
    assert value.dtype == dtype
    assert float(value) == pytest.approx(softmax_cross_entropy(logits.tolist(), LABELS), rel=bound)


@pytest.mark.parametrize("smoothing", [0, 0.3])
def test_gradient_equals_finite_differences(smoothing, logits):
    report = check_loss(SoftmaxCrossEntropy(smoothing), logits, LABELS)
    assert report.passed, report


def test_smoothed_labels_by_hand(xp):
    # p = (1/4, 3/4), q = (0.8 + 0.1, 0.1)
    loss = SoftmaxCrossEntropy(smoothing=0.2)
    value = loss.forward(xp.asarray(numpy.log([[1.0, 3.0]])), numpy.array([0]))
    assert float(value) == pytest.approx(0.9 * math.log(4) + 0.1 * math.log(4 / 3), rel=1e-12)
    assert_close(loss.backward(), numpy.array([[1 / 4 - 0.9, 3 / 4 - 0.1]]))


@pytest.mark.parametrize("smoothing", [-0.1, 1])
def test_smoothing_is_a_share_below_one(smoothing):
    with pytest.raises(ValueError, match=f"at least 0 and under 1, got {smoothing}"):
        SoftmaxCrossEntropy(smoothing)


def test_the_gradient_is_probability_minus_one_hot_over_n(loss, xp):
    loss.forward(xp.asarray(numpy.log([[1.0, 3.0], [1.0, 1.0]])), numpy.array([1, 0]))
    assert_close(loss.backward(), numpy.array([[1 / 4, 3 / 4 - 1], [1 / 2 - 1, 1 / 2]]) / 2)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_huge_logits_give_a_finite_loss_and_gradient(dtype, loss, xp):
    logits = xp.asarray(numpy.array([[1e4, -1e4], [-1e4, -2e4]], dtype))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        value = loss.forward(logits, numpy.array([1, 0]))
        dlogits = loss.backward()
    assert float(value) == 1e4  # the mean of 2e4 for a sure wrong answer and 0 for a sure right one
    assert dlogits.dtype == dtype
    assert_same(dlogits, numpy.array([[0.5, -0.5], [0, 0]]))


def test_forward_and_backward_leave_logits_and_labels_alone(loss, logits):
    before, labels = logits.copy(), LABELS.copy()
    loss.forward(logits, labels)
    loss.backward()
    assert_same(logits, before)
    assert_same(labels, LABELS)


def test_backward_twice_gives_the_same(loss, logits):
    loss.forward(logits, LABELS)
    assert_same(loss.backward().copy(), loss.backward())


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
def test_labels_of_any_integer_type_mean_the_same(dtype, loss, logits):
    assert float(loss.forward(logits, LABELS.astype(dtype))) == float(loss.forward(logits, LABELS))


@pytest.mark.parametrize(
    "labels, message",
    [
        (numpy.array([0, 1, 6, 2]), "labels from 0 to 5 for 6 classes, got labels from 0 to 6"),
        (numpy.array([0, -1, 5, 2]), "labels from 0 to 5 for 6 classes, got labels from -1 to 5"),
        (numpy.array([0.0, 1.0, 2.0, 3.0]), "integer labels, got float64"),
        (numpy.array([True, False, True, True]), "integer labels, got bool"),
        (numpy.array(["cat", "dog", "cat", "cat"]), r"integer labels, got .*'cat'.* numpy.unique"),
        (numpy.array(["cat", 1, 2, 3], object), r"integer labels, got 'cat'.* numpy.unique"),
        (numpy.array([0, 1, 2]), r"got \(4, 6\) and \(3,\)"),
        (numpy.array([[0], [1], [2], [3]]), r"got \(4, 6\) and \(4, 1\)"),
    ],
)
def test_labels_that_cannot_be_are_refused_with_what_was_got(labels, message, loss, logits):
    with pytest.raises(ValueError, match=message):
        loss.forward(logits, labels)


def test_logits_that_are_maps_are_refused(loss, xp):
    with pytest.raises(ValueError, match=r"got \(4, 2, 3\)"):
        loss.forward(xp.zeros((4, 2, 3)), LABELS)


def test_backward_without_forward_is_refused(loss):
    with pytest.raises(RuntimeError, match=r"SoftmaxCrossEntropy\.backward needs a forward"):
        loss.backward()
