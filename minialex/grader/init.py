"""Grades lessons/exercises/init.py: fans, and how random weights are spread."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy

from minialex.grader.exercise import Exercise, Stage
from minialex.grader.initial_weights import FANS, HE, XAVIER, InitialWeights
from minialex.grader.trials import Case, Trial, must_be


@dataclass
class Shape(Case):
    """The shape of a weight."""

    shape: tuple[int, ...]

    def call(self, name: str) -> str:
        return f"{name}()"

    def describe(self, name: str) -> str:
        return f"the shape {self.shape}"


class InitTrial(Trial):
    """Fans, then random weights: two right solutions may draw different numbers, so the spread is
    compared, which is the same for all."""

    def __init__(self, kind: type, case: Shape):
        super().__init__()
        self.object, self.case = kind(), case

    def fans(self) -> dict:
        got = self.object.fans(self.case.shape)
        try:
            whole = tuple(int(fan) if fan == int(fan) else fan for fan in got)
        except (TypeError, ValueError, OverflowError):
            whole = got
        return {"fans": whole}

    def xavier(self) -> dict:
        return self.drawn(self.object.xavier)

    def he(self) -> dict:
        return self.drawn(self.object.he)

    def drawn(self, draw: Callable) -> dict:
        """How the weights are spread, and which of them come again."""
        rng, twin = numpy.random.default_rng(7), numpy.random.default_rng(7)
        weights = draw(self.case.shape, rng)
        must_be("the result", weights, self.case.shape)
        following, again = draw(self.case.shape, rng), draw(self.case.shape, twin)
        mean, deviation = numpy.mean(weights, dtype=float), numpy.std(weights, dtype=float)
        near = numpy.mean(abs(weights - mean) < deviation)
        return {
            "the standard deviation": rounded(deviation),
            "the mean, in standard deviations,": round(mean / (deviation or 1), 1) + 0.0,
            "the share of weights within a standard deviation of the mean": rounded(near),
            "the share of weights that the next call gives again": share(weights == following),
            "the share of weights that the same seed gives again": share(weights == again),
        }

    def hints(
        self, name: str, got: numpy.ndarray, right: numpy.ndarray, wrong: numpy.ndarray
    ) -> list[str]:
        if numpy.size(right) == 1 and right and numpy.isfinite(got):
            return [f"It is {float(got / right):.3g} times what it should be."]
        return []

    def checks(self) -> dict[str, Callable[[], str | None]]:
        return {"float32": self.single_precision}

    def single_precision(self) -> str | None:
        """Whether the weights are float32."""
        for name in ("xavier", "he"):
            weights = getattr(self.object, name)(self.case.shape, numpy.random.default_rng(7))
            if weights.dtype != numpy.float32:
                return (
                    f"The weights of {name} are {weights.dtype}. Networks compute in float32: it "
                    'takes half the memory and time. Return weights.astype("float32").'
                )
        return None


def rounded(number: float) -> float:
    """To four digits: more of them say nothing about random numbers."""
    return float(f"{number:.4g}")


def share(same: numpy.ndarray) -> float:
    """The share of True, to 1%: a few random numbers may be the same by chance."""
    return round(float(numpy.mean(same)), 2)


def cases(rng: numpy.random.Generator) -> list[Shape]:
    """A linear layer; a convolution with the larger fan_in, one with the larger fan_out.

    Fans differ, and so do KH and KW. The weights are so many that the standard deviation, and the
    share near the mean, are within a fifth of the tolerance: tens of thousands, as in NORMAL.
    """
    return [Shape((200, 1000)), Shape((100, 3, 5, 160)), Shape((500, 5, 3, 24))]


STAGES = {"fans": FANS, "xavier": XAVIER, "he": HE}
EXERCISE = Exercise(
    "init",
    InitialWeights,
    InitTrial,
    cases,
    {name: Stage("04", mistakes) for name, mistakes in STAGES.items()},
    tolerance=0.01,
)
