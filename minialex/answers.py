"""What a network answers to labelled pictures, and what follows: scores, what is taken for what, the surest mistakes."""

from dataclasses import dataclass

import numpy
from tqdm import tqdm

from minialex import backend
from minialex.data.batches import Batches
from minialex.fast import Engine


@dataclass
class Answers:
    """What a network answered to N labelled pictures; arrays (N,) on the host, in the pictures' order.

    numbers      which pictures these are
    labels       the right classes
    answers      the most probable classes; of equally probable ones the lower number
    confidence   the probabilities of the answers
    losses       −ln of the probabilities of the right classes
    places       how many classes were more probable than the right one: 0 for a right answer
    """

    numbers: numpy.ndarray
    labels: numpy.ndarray
    answers: numpy.ndarray
    confidence: numpy.ndarray
    losses: numpy.ndarray
    places: numpy.ndarray

    def scores(self) -> dict[str, float]:
        """Mean loss, accuracy (top-1) and top-5: the share of pictures whose class is among the five most probable."""
        right, among_five = (self.places < 1).mean(), (self.places < 5).mean()
        return {
            "loss": float(self.losses.mean()),
            "accuracy": float(right),
            "top5": float(among_five),
        }

    def confusion(self, classes: int) -> numpy.ndarray:
        """How many pictures of each class (row) were taken for which (column): int (classes, classes)."""
        counts = numpy.bincount(self.labels * classes + self.answers, minlength=classes**2)
        return counts.reshape(classes, classes)

    def surest(self, right: bool) -> numpy.ndarray:
        """The places in these arrays of the right answers, or of the wrong ones, the most confident first."""
        chosen = numpy.flatnonzero((self.places < 1) == right)
        return chosen[numpy.argsort(-self.confidence[chosen], kind="stable")]


def answer(engine: Engine, batches: Batches, should_stop=lambda: False) -> Answers | None:
    """What the network answers to all pictures of `batches` that can be read; None if should_stop() turned true on the way.

    Where the batches have several views of a picture, its probabilities are the means over them.
    """
    parts = []
    with tqdm(
        total=len(batches.images), desc="testing", unit="img", leave=False, disable=None
    ) as bar:
        for x, labels in batches.epoch(0):
            if not len(labels):  # none of the batch could be read
                continue
            logits = backend.to_host(over_views(engine.forward(x), len(labels))).astype(
                numpy.float64
            )
            logs, rows = log_softmax(logits), numpy.arange(len(labels))
            best = numpy.where(numpy.isnan(logits), -numpy.inf, logits).argmax(axis=1)
            confidence, losses = numpy.exp(logs[rows, best]), -logs[rows, labels]
            parts.append(
                (batches.numbers, labels, best, confidence, losses, places(logits, labels))
            )
            bar.update(len(labels))
            if should_stop():
                return None
    return Answers(*map(numpy.concatenate, zip(*parts, strict=True)))


def over_views(logits, pictures: int):
    """Logits of the mean probabilities of each picture's views: (pictures · views, classes) -> (pictures, classes)."""
    if len(logits) == pictures:
        return logits
    views = log_softmax(logits.reshape(pictures, -1, logits.shape[-1]))
    largest = views.max(
        axis=1
    )  # taken out, so that the mean below is not 0 and its logarithm finite
    xp = backend.of(logits)
    return largest + xp.log(xp.exp(views - largest[:, None]).mean(axis=1))


def log_softmax(logits):
    """ln p, p = exp(logit) / Σ exp(logit), over the last axis: (..., classes) -> (..., classes)."""
    xp, shifted = backend.of(logits), logits - logits.max(axis=-1, keepdims=True)
    return shifted - xp.log(xp.exp(shifted).sum(axis=-1, keepdims=True))


def places(logits: numpy.ndarray, labels: numpy.ndarray) -> numpy.ndarray:
    """How many classes come before the right one, (N,): 0 for a right answer. logits (N, classes), labels (N,), on the host.

    Of equal logits the lower class number comes first, as with argmax; a logit that is not a number comes last.
    """
    logits = numpy.where(numpy.isnan(logits), -numpy.inf, logits)
    own, classes = logits[numpy.arange(len(labels)), labels][:, None], numpy.arange(logits.shape[1])
    before = (logits > own) | ((logits == own) & (classes < labels[:, None]))
    return before.sum(axis=1)
