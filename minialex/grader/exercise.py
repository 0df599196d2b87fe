"""What an exercise consists of, and what a classic mistake is."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy


class Mistake:
    """A mistake that many make: its name, an explanation, and the plain layer's methods with it.

    methods: functions that take the place of those of the same name in the plain layer.
    """

    def __init__(self, name: str, why: str, **methods: object):
        self.name, self.why, self.methods = name, why, methods

    def in_place_of(self, plain: type) -> type:
        """The plain layer with the mistake."""
        return type(plain.__name__, (plain,), self.methods)


@dataclass(frozen=True)
class Stage:
    """A step of grading, which is a method of the trial.

    lesson     the number of the lesson that teaches it
    mistakes   the classic mistakes that show in it
    """

    lesson: str
    mistakes: list[Mistake]


@dataclass(frozen=True)
class Exercise:
    """One of lessons/exercises/: the class that the learner writes, and how it is graded.

    name        the file's, without .py
    plain       a class that does the same in the most obvious way; None if nobody knows the result
    trial       takes a class through a case: the plain one, the learner's, or one with a mistake
    cases       makes the cases, from easy to hard
    stages      the steps of grading, in order
    tolerance   results that differ by less than this, relatively, are the same
    optional    parts that may be left unwritten: the messages of their NotImplementedErrors
    """

    name: str
    plain: type | None
    trial: type
    cases: Callable[[numpy.random.Generator], list]
    stages: dict[str, Stage]
    tolerance: float = 1e-9
    optional: frozenset[str] = frozenset()

    @property
    def compares_shares(self) -> bool:
        """Whether results are shares of random numbers: only about right, and equal by chance."""
        return self.tolerance > 0.01
