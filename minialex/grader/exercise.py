"""What an exercise consists of, and what a classic mistake is."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy


class Mistake:
    """A mistake that many make: its name, what to think about, and the plain layer's methods as they are with it."""

    def __init__(self, name: str, why: str, **methods):
        self.name, self.why, self.methods = name, why, methods

    def in_place_of(self, plain: type) -> type:
        """The plain layer with the mistake."""
        return type(plain.__name__, (plain,), self.methods)


@dataclass(frozen=True)
class Exercise:
    """One of lessons/exercises/: the class that the learner writes, and what it is graded with.

    `plain` does the same in the most obvious way (None: nobody knows what is right); `trial` takes it, the learner's and
    those with mistakes through the `cases`, which go from easy to hard; `lessons` has the stages of a trial, in order, and
    where each is taught.
    """

    name: str
    plain: type | None
    trial: type
    cases: Callable[[numpy.random.Generator], list]
    mistakes: list[Mistake]
    lessons: dict[str, str]
    #: Results that differ by less than this share of the numbers compared are the same.
    tolerance: float = 1e-9
    #: What may be left unwritten, as the NotImplementedError says that stands there.
    optional: frozenset[str] = field(default_factory=frozenset)
