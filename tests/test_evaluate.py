"""What counts as right: top-1 and top-5, ties and logits that are no numbers."""

import types

import numpy
import pytest

from minialex.data.augment import Standardize
from minialex.data.batches import Batches
from minialex.data.dataset import ArrayImages
from minialex.evaluate import evaluate, places
from minialex.layers import SoftmaxCrossEntropy

nan = numpy.nan


@pytest.mark.parametrize(
    ("logits", "label", "place"),
    [
        ([0.1, 0.9, 0.5], 1, 0),
        ([0.1, 0.9, 0.5], 2, 1),
        ([0.1, 0.9, 0.5], 0, 2),
        ([0.0, 0.0, 0.0], 0, 0),  # a network that knows nothing answers class 0, as argmax does
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
    """What evaluate takes for Workers: it answers with the next rows of `logits`, whatever the pictures."""
    rows = iter(logits)
    return types.SimpleNamespace(
        forward=lambda x: numpy.array([next(rows) for _ in x]),
        loss=SoftmaxCrossEntropy(),
    )


def test_every_picture_counts_once_also_those_of_a_smaller_last_batch():
    labels = numpy.arange(10) % 7
    logits = -numpy.abs(numpy.arange(7) - labels[:, None]).astype(float)  # the right class first
    logits[9] = logits[9, ::-1]  # but label 2's in the last batch: class 4 first, 2 comes fourth
    tested = evaluate(answering(logits), batches(labels))
    assert tested["accuracy"] == pytest.approx(0.9)
    assert tested["top5"] == 1
    expected = [-row[label] + numpy.log(numpy.exp(row).sum()) for row, label in zip(logits, labels, strict=True)]
    assert tested["loss"] == pytest.approx(numpy.mean(expected))


def test_top5_leaves_out_the_sixth():
    logits = numpy.tile(numpy.arange(7, 0, -1.0), (7, 1))  # class 0 first, class 6 last
    assert evaluate(answering(logits), batches(numpy.arange(7)))["top5"] == pytest.approx(5 / 7)


def test_it_stops_when_asked_to():
    assert evaluate(answering(numpy.zeros((8, 3))), batches(numpy.zeros(8, int)), should_stop=lambda: True) is None
