"""A network's answers to labelled pictures, and what follows from them.

Scores, the confusion matrix, and the answers that the network is surest of.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy
from tqdm import tqdm

from minialex import backend
from minialex.batch_memory import of_answers, saying_what_fits
from minialex.data.batches import Batches
from minialex.errors import InputError


class Forward(Protocol):
    """Anything with a network's forward: a Network, or what runs one on several threads."""

    def forward(self, x: numpy.ndarray) -> numpy.ndarray:
        """The logits (N, classes) for pictures x (N, H, W, C)."""


@dataclass
class Answers:
    """A network's answers to N labelled pictures: arrays (N,) on the host, in picture order.

    numbers      which pictures these are
    labels       the right classes
    answers      the most probable classes; of equally probable ones, the lower number
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
        """The mean "loss", the "accuracy" (top-1) and "top5".

        Top-5 is the share of pictures whose class is among the five most probable.
        """
        right, among_five = (self.places < 1).mean(), (self.places < 5).mean()
        return {
            "loss": float(self.losses.mean()),
            "accuracy": float(right),
            "top5": float(among_five),
        }

    def confusion(self, classes: int) -> numpy.ndarray:
        """The confusion matrix, int (classes, classes): right classes in rows, answers in columns.

        classes: how many there are.
        """
        counts = numpy.bincount(self.labels * classes + self.answers, minlength=classes**2)
        return counts.reshape(classes, classes)

    def surest(self, right: bool) -> numpy.ndarray:
        """The indices of the right answers, or of the wrong ones, the most confident first."""
        chosen = numpy.flatnonzero((self.places < 1) == right)
        return chosen[numpy.argsort(-self.confidence[chosen], kind="stable")]


def evaluate(
    network: Forward,
    batches: Batches,
    should_stop: Callable[[], bool] = lambda: False,
    origin: object = None,
) -> dict[str, float] | None:
    """The scores (see Answers) over all pictures of `batches` that can be read; None and errors as
    in `answer`."""
    answers = answer(network, batches, should_stop, origin)
    return None if answers is None else answers.scores()


def answer(
    network: Forward,
    batches: Batches,
    should_stop: Callable[[], bool] = lambda: False,
    origin: object = None,
) -> Answers | None:
    """The network's answers to all pictures of `batches` that can be read.

    If a picture has several views, its probabilities are the means over them. None if
    should_stop() became true after some batch. InputError if memory runs out, or, with the
    `origin` of the network, as check_finite says; without it NaN is the least probable class.
    """
    parts = []
    bar = tqdm(total=len(batches.images), desc="testing", unit="img", leave=False, disable=None)
    with bar, saying_what_fits(network, batches.at_a_time, of_answers(network)):
        for x, _ in batches.epoch(0):
            labels = batches.images.labels[batches.numbers]
            if not len(x) and batches.share == (0, 1):  # no picture of the batch could be read
                continue
            logits = over_views(network.forward(x), len(labels))
            logits = backend.to_host(logits).astype(numpy.float64)
            if origin:
                check_finite(logits, origin)
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


def check_finite(logits: numpy.ndarray, origin: object) -> None:
    """InputError, which names the network's origin, if logits are NaN or infinite."""
    wrong = numpy.flatnonzero(~numpy.isfinite(logits).all(axis=0))
    if len(wrong):
        classes = f"the logit of class {wrong[0]}" + (" and of others" if len(wrong) > 1 else "")
        raise InputError(f"{origin} computes {classes} as NaN or infinity: are its weights right?")


def over_views(logits: numpy.ndarray, pictures: int) -> numpy.ndarray:
    """The logits of the mean probabilities over each picture's views.

    (pictures · views, classes) -> (pictures, classes)
    """
    if len(logits) == pictures:
        return logits
    views = log_softmax(logits.reshape(pictures, -1, logits.shape[-1]))
    # The largest is factored out: the mean below cannot become 0, nor its logarithm infinite.
    largest = views.max(axis=1)
    xp = backend.of(logits)
    return largest + xp.log(xp.exp(views - largest[:, None]).mean(axis=1))


def log_softmax(logits: numpy.ndarray) -> numpy.ndarray:
    """ln p, p = exp(logit) / Σ exp(logit), over the last axis: (..., classes) -> (..., classes)."""
    xp, shifted = backend.of(logits), logits - logits.max(axis=-1, keepdims=True)
    return shifted - xp.log(xp.exp(shifted).sum(axis=-1, keepdims=True))


def places(logits: numpy.ndarray, labels: numpy.ndarray) -> numpy.ndarray:
    """How many classes come before the right one, (N,): 0 for a right answer.

    logits (N, classes) and labels (N,) are host arrays. Of equal logits the lower class number
    comes first, as with argmax; a NaN comes last.
    """
    logits = numpy.where(numpy.isnan(logits), -numpy.inf, logits)
    own, classes = logits[numpy.arange(len(labels)), labels][:, None], numpy.arange(logits.shape[1])
    before = (logits > own) | ((logits == own) & (classes < labels[:, None]))
    return before.sum(axis=1)
