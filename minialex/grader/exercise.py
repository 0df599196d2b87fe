"""What an exercise consists of, and what a classic mistake is."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy


class Mistake:
    """A mistake that many make: its name, what to think about, and the plain layer's methods as they are with it."""

    def __init__(self, name: str, why: str, **methods):
        self.name, self.why, self.methods = name, why, methods

    def in_place_of(self, plain: type) -> type:
        """The plain layer with the mistake."""
        return type(plain.__name__, (plain,), self.methods)


@dataclass(frozen=True)
class Stage:
    """A step of grading, a method of the trial: the lesson that teaches it and the mistakes that show in it."""

    lesson: str
    mistakes: list[Mistake]


@dataclass(frozen=True)
class Exercise:
    """One of lessons/exercises/: the class that the learner writes, and what it is graded with.

    `plain` does the same in the most obvious way (None: nobody knows what is right); `trial` takes it, the learner's and
    those with mistakes through the `cases`, which go from easy to hard, in `stages`.
    """

    name: str
    plain: type | None
    trial: type
    cases: Callable[[numpy.random.Generator], list]
    stages: dict[str, Stage]
    #: Results that differ by less than this share of the numbers compared are the same.
    tolerance: float = 1e-9
    #: What may be left unwritten, as the NotImplementedError says that stands there.
    optional: frozenset[str] = frozenset()

    @property
    def compares_shares(self) -> bool:
        """Whether results are shares of random numbers, which are about right, and may agree by chance."""
        return self.tolerance > 0.01
