"""Times that grow in a straight line: with the bytes of a message, or the pictures of a batch."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy


@dataclass(frozen=True)
class Line:
    """fixed + each · x"""

    fixed: float
    each: float

    def __call__(self, x: float) -> float:
        return self.fixed + self.each * x

    @classmethod
    def through(cls, points: Mapping[float, float]) -> "Line":
        """The line that comes closest to y at every x, relative to y: the sum of (line(x) / y − 1)²
        is least. Neither of its numbers is negative.

        points: maps x to y, each above 0, or all of them 0.
        """
        x, y = numpy.array(list(points.items()), float).T
        if not y.any():
            return cls(0.0, 0.0)
        rows = numpy.stack([1 / y, x / y], axis=1)
        fixed, each = numpy.linalg.lstsq(rows, numpy.ones(len(y)), rcond=None)[0]
        if fixed < 0 or len(points) == 1:
            fixed, each = 0.0, best_factor(x / y)
        elif each < 0:
            fixed, each = best_factor(1 / y), 0.0
        return cls(float(fixed), float(each))


def best_factor(ratios: numpy.ndarray) -> float:
    """The f for which f · ratios come closest to 1."""
    return ratios.sum() / (ratios**2).sum()
