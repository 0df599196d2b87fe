"""Grades lessons/exercises/topk.py: top-k errors, their cases, the classic mistakes."""

import numpy

from minialex.grader.calls import CallCase, Method, trial
from minialex.grader.exercise import Exercise, Mistake, Stage


class TopK:
    """The error in steps that a mistake can replace."""

    def error(self, logits: numpy.ndarray, labels: numpy.ndarray, k: int) -> float:
        return float(self.share(~self.found(self.best(logits, k), labels)))

    def best(self, logits: numpy.ndarray, k: int) -> numpy.ndarray:
        """The classes of the k largest logits of each row, (N, k)."""
        return numpy.argsort(-logits, axis=1)[:, :k]

    def found(self, best: numpy.ndarray, labels: numpy.ndarray) -> numpy.ndarray:
        return (best == labels[:, None]).any(axis=1)

    def share(self, wrong: numpy.ndarray) -> float:
        return wrong.mean()


def cases(rng: numpy.random.Generator) -> list[CallCase]:
    """Few pictures and k = 1 first; then more of both, and as many pictures as classes."""
    found = []
    for pictures, classes, k in ((7, 5, 1), (23, 10, 5), (6, 6, 3)):
        logits = rng.standard_normal((pictures, classes))
        labels = rng.integers(classes, size=pictures)
        note = f"logits {logits.shape}, k = {k}"
        found.append(CallCase({"error": dict(logits=logits, labels=labels, k=k)}, note))
    return found


LARGEST = "Sort each row, and take the k with the largest logits."
SHARE = "The error is the share of all pictures whose label is not among the k: between 0 and 1."
MISTAKES = [
    Mistake(
        "the smallest logits are taken, not the largest",
        LARGEST + " argsort begins with the smallest.",
        best=lambda self, logits, k: numpy.argsort(logits, axis=1)[:, :k],
    ),
    Mistake(
        "one answer too few is taken",
        LARGEST,
        best=lambda self, logits, k: numpy.argsort(-logits, axis=1)[:, : k - 1],
    ),
    Mistake(
        "one answer too many is taken",
        LARGEST,
        best=lambda self, logits, k: numpy.argsort(-logits, axis=1)[:, : k + 1],
    ),
    Mistake(
        "this is the share that is right",
        SHARE,
        share=lambda self, wrong: 1 - wrong.mean(),
    ),
    Mistake(
        "this is the number of wrong pictures, not their share",
        SHARE,
        share=lambda self, wrong: wrong.sum(),
    ),
    Mistake(
        "only the first answer counts",
        "The label may be anywhere among the k.",
        best=lambda self, logits, k: numpy.argsort(-logits, axis=1)[:, :1],
    ),
    Mistake(
        "only the last of the k answers counts",
        "The label may be anywhere among the k.",
        best=lambda self, logits, k: numpy.argsort(-logits, axis=1)[:, k - 1 : k],
    ),
    Mistake(
        "all k answers would have to be right",
        "One of them is enough: any, not all.",
        found=lambda self, best, labels: (best == labels[:, None]).all(axis=1),
    ),
    Mistake(
        "the mean is taken over all k answers",
        "First ask of each picture whether its label is among them; then take the mean over "
        "pictures.",
        found=lambda self, best, labels: best == labels[:, None],
    ),
    Mistake(
        "k is always 5",
        "Use k.",
        best=lambda self, logits, k: numpy.argsort(-logits, axis=1)[:, :5],
    ),
    Mistake(
        "logits are sorted along the pictures",
        "The answers to a picture are in its row: axis=1.",
        best=lambda self, logits, k: numpy.argsort(logits, axis=0)[::-1][:, :k],
    ),
]
EXERCISE = Exercise(
    "topk", TopK, trial(Method("error", "error")), cases, {"error": Stage("05", MISTAKES)}
)
