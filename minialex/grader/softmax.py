"""Grades lessons/exercises/softmax.py: the plain loss, its cases, the classic mistakes."""

from collections.abc import Callable

import numpy

from minialex.grader.exercise import Exercise, Mistake, Stage
from minialex.grader.loss import LossCase, LossTrial
from minialex.layers import Layer


class SoftmaxCrossEntropy(Layer):
    """The loss in steps that a mistake can replace."""

    def forward(self, logits: numpy.ndarray, labels: numpy.ndarray) -> float:
        shifted = logits - self.largest(logits)
        self.cache = self.probabilities(shifted), labels
        return self.together(self.surprise(shifted, labels))

    def largest(self, logits: numpy.ndarray) -> numpy.ndarray:
        return logits.max(axis=1, keepdims=True)

    def probabilities(self, shifted: numpy.ndarray) -> numpy.ndarray:
        exponentials = numpy.exp(shifted)
        return exponentials / exponentials.sum(axis=1, keepdims=True)

    def surprise(self, shifted: numpy.ndarray, labels: numpy.ndarray) -> numpy.ndarray:
        """−log p of each row's label."""
        return (
            numpy.log(numpy.exp(shifted).sum(axis=1)) - shifted[numpy.arange(len(labels)), labels]
        )

    def together(self, surprise: numpy.ndarray) -> numpy.ndarray:
        return surprise.mean()

    def backward(self) -> numpy.ndarray:
        p, labels = self.cache
        return (p - self.one_hot(p, labels)) * self.factor(p)

    def one_hot(self, p: numpy.ndarray, labels: numpy.ndarray) -> numpy.ndarray:
        return numpy.eye(p.shape[1])[labels]

    def factor(self, p: numpy.ndarray) -> float:
        return 1 / len(p)


def cases(rng: numpy.random.Generator) -> list[LossCase]:
    """Small logits first, then logits that overflow or underflow unless the largest of each row is
    subtracted."""
    logits, labels = rng.standard_normal((4, 6)), numpy.array([3, 0, 5, 3])
    rows = numpy.array([[0.0], [1000.0], [-1000.0], [30.0]])
    far = logits[:3].copy()
    far[1, 2] += 1000
    return [
        LossCase(logits, labels, "small numbers"),
        LossCase(logits + 1000, labels, "all near 1000"),
        LossCase(logits + rows, labels, "a row near 1000, another near −1000"),
        LossCase(far, numpy.array([1, 4, 0]), "one logit 1000 above that of its row's label"),
    ]


def minus_log(probability: Callable):
    """The surprise as −log probability(p, rows, labels), with p (N, classes)."""

    def surprise(self, shifted, labels):
        return -numpy.log(
            probability(self.probabilities(shifted), numpy.arange(len(labels)), labels)
        )

    return surprise


def softmax_over(axis: int | None):
    def probabilities(self, shifted):
        exponentials = numpy.exp(shifted)
        return exponentials / exponentials.sum(axis=axis, keepdims=True)

    return probabilities


def one_hot_in_every_row(self, p, labels):
    ones = numpy.zeros_like(p)
    ones[:, labels] = 1
    return ones


of_label = minus_log(lambda p, rows, labels: p[rows, labels])
OVERFLOW = (
    "nothing is subtracted from the logits before exp",
    "exp(1000) overflows. Subtract each row's largest logit from the row first: p stays the same.",
)
WHOLE_BATCH = (
    "the largest logit of the whole batch is subtracted",
    "In a row whose logits are all far below that, every exp becomes 0. Subtract each row's own "
    "largest.",
)
VANISHED = (
    "the log is taken of a probability that has become 0",
    "exp(−1000) underflows to 0. log(a / b) = log a − log b, so no p is needed: the log of the "
    "sum, minus the label's logit. A tiny number added to p only hides it: the loss there is "
    "1000, not what you see.",
)
#: What people add to a probability, or clip it to, before taking its log.
TINY = [10.0**-k for k in (5, 6, 7, 8, 9, 10, 12, 15, 16, 20, 30, 300)]
OTHER_AXIS = (
    "the softmax runs over the wrong axis",
    "Each picture's probabilities add up to 1: for logits (N, classes) that is axis=1, with "
    "keepdims=True.",
)
ENTRY = (
    "For each n it is p[n, labels[n]]: index with numpy.arange(N) and labels together, which picks "
    "one entry of each row."
)
FORWARD = [
    Mistake(*OVERFLOW, largest=lambda self, logits: 0.0, surprise=of_label),
    Mistake(*OVERFLOW, largest=lambda self, logits: 0.0),
    Mistake(*WHOLE_BATCH, largest=lambda self, logits: logits.max(), surprise=of_label),
    Mistake(*WHOLE_BATCH, largest=lambda self, logits: logits.max()),
    Mistake(*VANISHED, surprise=of_label),
    *(
        Mistake(*VANISHED, surprise=minus_log(lambda p, rows, labels, e=e: p[rows, labels] + e))
        for e in TINY
    ),
    *(
        Mistake(
            *VANISHED,
            surprise=minus_log(lambda p, rows, labels, e=e: p[rows, labels].clip(e, 1 - e)),
        )
        for e in TINY
    ),
    Mistake(
        *OTHER_AXIS,
        largest=lambda self, logits: logits.max(axis=0),
        probabilities=softmax_over(0),
        surprise=of_label,
    ),
    Mistake(*OTHER_AXIS, probabilities=softmax_over(0), surprise=of_label),
    Mistake(
        "the sum runs over the whole batch",
        "Each picture's probabilities add up to 1: sum the exponentials of its own row only.",
        probabilities=softmax_over(None),
        surprise=of_label,
    ),
    Mistake(
        "losses are summed over the batch instead of averaged",
        "The size of a step must not depend on how many pictures are in a batch: divide by N.",
        together=lambda self, surprise: surprise.sum(),
    ),
    Mistake(
        "the mean is missing: there is a loss for each picture",
        "The loss is a single number, the mean over the batch.",
        together=lambda self, surprise: surprise,
    ),
    Mistake(
        "the mean is over classes instead of pictures",
        "There are N losses, one per picture: divide their sum by N.",
        forward=lambda self, logits, labels: (
            SoftmaxCrossEntropy.forward(self, logits, labels) * len(labels) / logits.shape[1]
        ),
    ),
    Mistake(
        "the sign is wrong",
        "log p is negative: the loss is −log p.",
        together=lambda self, surprise: -surprise.mean(),
    ),
    Mistake(
        "the log is taken of the wrong entries",
        ENTRY,
        surprise=minus_log(lambda p, rows, labels: p[:, labels]),
    ),
    Mistake(
        "labels are ignored: the log is taken of all entries",
        ENTRY,
        surprise=minus_log(lambda p, rows, labels: p),
    ),
    Mistake(
        "labels are ignored: the log is taken of the largest entry",
        ENTRY,
        surprise=minus_log(lambda p, rows, labels: p.max(axis=1)),
    ),
    Mistake(
        "the log is missing",
        "The loss is −log p, not −p.",
        surprise=lambda self, shifted, labels: -numpy.exp(-of_label(self, shifted, labels)),
    ),
]
BACKWARD = [
    Mistake(
        "dlogits is not divided by N",
        "The loss is a mean over N pictures, so each of them counts for only 1/N of it.",
        factor=lambda self, p: 1.0,
    ),
    Mistake(
        "dlogits is divided by N twice",
        "The loss is a mean over N pictures: each of them counts for 1/N of it, and that is all.",
        factor=lambda self, p: 1 / len(p) ** 2,
    ),
    Mistake(
        "dlogits is divided by the number of classes",
        "The loss is a mean over pictures: divide by N.",
        factor=lambda self, p: 1 / p.shape[1],
    ),
    Mistake(
        "dlogits is divided by the number of all its entries",
        "The loss is a mean over pictures only: divide by N.",
        factor=lambda self, p: 1 / p.size,
    ),
    Mistake(
        "dlogits ignores the labels",
        "The label's logit is in −log p twice: in the sum, like all others, and by itself. What "
        "does the second place add?",
        one_hot=lambda self, p, labels: 0.0,
    ),
    Mistake(
        "1 is subtracted at the labels of all pictures, in every row",
        "dlogits[:, labels] is whole columns. You want one entry of each row: index with "
        "numpy.arange(N) and labels together.",
        one_hot=one_hot_in_every_row,
    ),
    Mistake(
        "dlogits has the wrong sign",
        "A larger logit of the label makes the loss smaller, so dlogits is negative there.",
        factor=lambda self, p: -1 / len(p),
    ),
    Mistake(
        "dlogits is also multiplied by p · (1 − p)",
        "That is the derivative of a sigmoid. Together with the log of the cross-entropy, only p "
        "− 1 or p is left.",
        backward=lambda self: (
            SoftmaxCrossEntropy.backward(self) * self.cache[0] * (1 - self.cache[0])
        ),
    ),
]
EXERCISE = Exercise(
    "softmax",
    SoftmaxCrossEntropy,
    LossTrial,
    cases,
    {"forward": Stage("01", FORWARD), "backward": Stage("01", BACKWARD)},
)
