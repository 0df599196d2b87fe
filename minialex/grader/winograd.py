"""Grades lessons/exercises/winograd.py: Winograd convolution in one dimension, its cases, the
classic mistakes."""

import numpy

from minialex.grader.calls import CallCase, Method, trial
from minialex.grader.exercise import Exercise, Mistake, Stage


class Winograd:
    """A tile of two answers, and rows of any length."""

    def kernel(self, w: numpy.ndarray) -> numpy.ndarray:
        return numpy.array([w[0], w[0] + w[1] + w[2], w[0] - w[1] + w[2], w[2]])

    def pixels(self, x: numpy.ndarray) -> numpy.ndarray:
        return numpy.array([x[0] - x[2], (x[1] + x[2]) / 2, (x[2] - x[1]) / 2, x[3] - x[1]])

    def answers(self, m: numpy.ndarray) -> numpy.ndarray:
        return numpy.array([m[0] + m[1] + m[2], m[1] - m[2] + m[3]])

    def convolve(self, x: numpy.ndarray, w: numpy.ndarray) -> numpy.ndarray:
        count = len(x) - 2
        x, w = numpy.append(x, 0 * x[:1]), self.turned(w)
        y = []
        for start in self.starts(count):
            y.extend(self.answers(self.kernel(w) * self.pixels(x[start : start + 4])))
        return numpy.array(y[: self.length(count)])

    def turned(self, w: numpy.ndarray) -> numpy.ndarray:
        return w

    def starts(self, count: int) -> range:
        """Where the tiles start that have the first `count` answers."""
        return range(0, count, 2)

    def length(self, count: int) -> int:
        return count


TRIAL = trial(
    Method("kernel", "factors"),
    Method("pixels", "factors"),
    Method("answers", "y"),
    Method("convolve", "y"),
)


def cases(rng: numpy.random.Generator) -> list[CallCase]:
    """A tile; rows with an even and with an odd number of answers."""
    found = []
    for length in (4, 10, 13):
        w, x, m = rng.standard_normal(3), rng.standard_normal(4), rng.standard_normal(4)
        row = rng.standard_normal(length)
        arguments = dict(
            kernel=dict(w=w), pixels=dict(x=x), answers=dict(m=m), convolve=dict(x=row, w=w)
        )
        found.append(CallCase(arguments, f"a row of {length} numbers"))
    return found


VALUES = "They are the values of w₀ + w₁ · t + w₂ · t² at t = 0, 1, −1, and w₂ alone."
HALF = "The two in the middle are halved once: here, in the pixels."
KERNEL = [
    Mistake(
        "the value at −1 has the wrong sign of w₁",
        VALUES,
        kernel=lambda self, w: numpy.array([w[0], w.sum(), w.sum(), w[2]]),
    ),
    Mistake(
        "the values at 1 and −1 are swapped",
        VALUES,
        kernel=lambda self, w: Winograd.kernel(self, w)[[0, 2, 1, 3]],
    ),
    Mistake(
        "the first and the last are swapped",
        VALUES,
        kernel=lambda self, w: Winograd.kernel(self, w)[[3, 1, 2, 0]],
    ),
    Mistake(
        "the middle values are halved, which the pixels are already",
        HALF,
        kernel=lambda self, w: Winograd.kernel(self, w) * numpy.array([1, 0.5, 0.5, 1]),
    ),
]
PIXELS = [
    Mistake(
        "the halves are missing",
        HALF,
        pixels=lambda self, x: Winograd.pixels(self, x) * numpy.array([1, 2, 2, 1]),
    ),
    Mistake(
        "the first has the wrong sign",
        "It is x₀ − x₂.",
        pixels=lambda self, x: Winograd.pixels(self, x) * numpy.array([-1, 1, 1, 1]),
    ),
    Mistake(
        "the third has the wrong sign",
        "It is (x₂ − x₁) / 2.",
        pixels=lambda self, x: Winograd.pixels(self, x) * numpy.array([1, 1, -1, 1]),
    ),
    Mistake(
        "the last has the wrong sign",
        "It is x₃ − x₁.",
        pixels=lambda self, x: Winograd.pixels(self, x) * numpy.array([1, 1, 1, -1]),
    ),
]
ANSWERS = [
    Mistake(
        "the two answers are swapped",
        "y₀ is the answer of the first window.",
        answers=lambda self, m: Winograd.answers(self, m)[::-1].copy(),
    ),
    Mistake(
        "m₂ is added in both answers",
        "y₁ = m₁ − m₂ + m₃.",
        answers=lambda self, m: numpy.array([m[:3].sum(), m[1:].sum()]),
    ),
    Mistake(
        "m₃ is subtracted",
        "y₁ = m₁ − m₂ + m₃.",
        answers=lambda self, m: numpy.array([m[:3].sum(), m[1] - m[2] - m[3]]),
    ),
]
CONVOLVE = [
    Mistake(
        "the kernel is turned round",
        "Nets do not turn it: y[i] = x[i] · w[0] + x[i + 1] · w[1] + x[i + 2] · w[2].",
        turned=lambda self, w: w[::-1],
    ),
    Mistake(
        "tiles do not overlap",
        "A tile takes four numbers and gives two answers, so the next one starts two further on.",
        starts=lambda self, count: range(0, count - 1, 4),
    ),
    Mistake(
        "tiles start at every number",
        "A tile gives two answers, so the next one starts two further on.",
        starts=lambda self, count: range(count),
    ),
    Mistake(
        "there is one answer too many",
        "A row of n numbers has n − 2 answers. If that is odd, the last tile has one too many.",
        length=lambda self, count: count + 1,
    ),
    Mistake(
        "the last answer is missing",
        "With an odd number of answers half a tile is left over: fill the row up with a zero.",
        starts=lambda self, count: range(0, count - 1, 2),
    ),
]
STAGES = {"kernel": KERNEL, "pixels": PIXELS, "answers": ANSWERS, "convolve": CONVOLVE}
EXERCISE = Exercise(
    "winograd",
    Winograd,
    TRIAL,
    cases,
    {name: Stage("14", mistakes) for name, mistakes in STAGES.items()},
)
