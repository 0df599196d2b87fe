"""Scores with ties and NaN logits, the confusion matrix, the surest answers, several views."""

import types

import numpy
import pytest
from naive import assert_same

from minialex import backend
from minialex.data.augment import Standardize
from minialex.data.batches import Batches
from minialex.data.dataset import ArrayImages
from minialex.evaluation import Answers, answer, over_views, places

nan = numpy.nan


@pytest.mark.parametrize(
    ("logits", "label", "place"),
    [
        ([0.1, 0.9, 0.5], 1, 0),
        ([0.1, 0.9, 0.5], 2, 1),
        ([0.1, 0.9, 0.5], 0, 2),
        ([0.0, 0.0, 0.0], 0, 0),  # of equal logits the lower class comes first, as with argmax
        ([0.0, 0.0, 0.0], 2, 2),
        ([nan, 1.0, 2.0], 0, 2),
        ([nan, 1.0, 2.0], 2, 0),
        ([nan, nan, nan], 2, 2),
    ],
)
def test_the_place_of_the_right_answer(logits, label, place):
    logits, labels = numpy.array([logits, logits]), numpy.array([label, 0])
    assert places(logits, labels)[0] == place


def batches(labels, batch_size=4):
    pictures = numpy.zeros((len(labels), 1, 1, 1), numpy.uint8)
    return Batches(ArrayImages(pictures, labels), batch_size, Standardize([0], [1]))


def answering(logits):
    """A network that answers with the next rows of `logits`, whatever the pictures are."""
    rows = iter(logits)
    return types.SimpleNamespace(forward=lambda x: numpy.array([next(rows) for _ in x]))


def test_every_picture_counts_once_in_a_smaller_last_batch_too():
    labels = numpy.arange(10) % 7
    logits = -numpy.abs(numpy.arange(7) - labels[:, None]).astype(float)  # the right class first
    logits[9] = logits[9, ::-1]  # but label 2's in the last batch: class 4 first, 2 comes fourth
    answers = answer(answering(logits), batches(labels))
    numpy.testing.assert_array_equal(answers.numbers, numpy.arange(10))
    numpy.testing.assert_array_equal(answers.labels, labels)
    numpy.testing.assert_array_equal(answers.answers, [*labels[:9], 4])
    tested = answers.scores()
    assert tested["accuracy"] == pytest.approx(0.9)
    assert tested["top5"] == 1
    sums = numpy.exp(logits).sum(axis=1)
    expected = [
        -row[label] + numpy.log(total)
        for row, label, total in zip(logits, labels, sums, strict=True)
    ]
    assert tested["loss"] == pytest.approx(numpy.mean(expected))
    numpy.testing.assert_allclose(answers.confidence, numpy.exp(logits.max(axis=1)) / sums)


def test_top5_leaves_out_the_sixth():
    logits = numpy.tile(numpy.arange(7, 0, -1.0), (7, 1))  # class 0 first, class 6 last
    assert answer(answering(logits), batches(numpy.arange(7))).scores()["top5"] == pytest.approx(
        5 / 7
    )


def test_a_nan_is_never_the_answer_and_makes_the_loss_nan():
    answers = answer(answering(numpy.array([[nan, 1.0, 2.0], [nan, nan, nan]])), batches([2, 1]))
    assert list(answers.answers) == [2, 0]
    assert list(answers.places) == [0, 1]
    assert numpy.isnan(answers.scores()["loss"])


def test_certain_answers_have_finite_losses():
    answers = answer(answering(numpy.array([[1000.0, 0.0], [1000.0, 0.0]])), batches([0, 1]))
    assert list(answers.losses) == [0, 1000]
    assert list(answers.confidence) == [1, 1]


def hand_made(labels, answered, confidence):
    """Answers to that many pictures; for wrong ones, the right class is third."""
    labels, answered, numbers = (
        numpy.array(labels),
        numpy.array(answered),
        numpy.arange(len(labels)),
    )
    return Answers(
        numbers,
        labels,
        answered,
        numpy.array(confidence),
        numpy.zeros(len(labels)),
        2 * (labels != answered),
    )


def test_the_confusion_matrix_counts_true_classes_in_rows():
    answers = hand_made([0, 0, 0, 2, 2], [0, 1, 1, 2, 0], [1.0] * 5)
    numpy.testing.assert_array_equal(
        answers.confusion(4), [[1, 2, 0, 0], [0, 0, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]]
    )


def test_the_surest_right_or_wrong_answers_come_first():
    answers = hand_made([0, 1, 0, 1, 0], [0, 0, 1, 1, 1], [0.6, 0.7, nan, 0.9, 0.8])
    assert list(answers.surest(right=True)) == [3, 0]
    assert list(answers.surest(right=False)) == [4, 1, 2]


def test_it_stops_when_asked_to():
    assert (
        answer(
            answering(numpy.zeros((8, 3))), batches(numpy.zeros(8, int)), should_stop=lambda: True
        )
        is None
    )


def test_the_views_of_a_picture_are_averaged_as_probabilities(xp, rng):
    logits = 3 * rng.standard_normal((6, 4))
    logits[0] = [800, 0, 0, 0]  # a certain view, whose other probabilities are 0
    probabilities = numpy.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    got = backend.to_host(over_views(xp.asarray(logits), 2))
    numpy.testing.assert_allclose(
        got, numpy.log(probabilities.reshape(2, 3, 4).mean(axis=1)), rtol=1e-12
    )
    certain = backend.to_host(over_views(xp.asarray([[800.0, 0], [800.0, 0]]), 1))
    numpy.testing.assert_allclose(certain, [[0, -800]])


def test_logits_of_single_views_stay_as_they_are(xp):
    logits = xp.asarray([[1.0, 2.0], [4.0, 3.0]])
    assert_same(over_views(logits, 2), logits)
