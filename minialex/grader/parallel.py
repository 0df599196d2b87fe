"""Grades lessons/exercises/parallel.py: the mean over many ranks, the ring, the classic
mistakes."""

import numpy

from minialex.grader.calls import CallCase, Method, trial
from minialex.grader.exercise import Exercise, Mistake, Stage


class DataParallel:
    """Both in steps that a mistake can replace."""

    def mean(self, gradients: list[numpy.ndarray], counts: list[int]) -> numpy.ndarray:
        total = numpy.zeros_like(gradients[0])
        for gradient, count in zip(gradients, counts, strict=True):
            if self.counts(count):
                total += self.weight(count, counts) * gradient
        return total

    def counts(self, count: int) -> bool:
        """Whether a rank with so many pictures takes part."""
        return count > 0

    def weight(self, count: int, counts: list[int]) -> float:
        return count / sum(counts)

    def part(self, rank: int, turn: int, ranks: int) -> int:
        return (rank - turn) % ranks


class Schedule(trial(Method("mean", "mean"))):
    """The mean; then the parts that all ranks send, round by round."""

    def part(self) -> dict:
        ranks = self.case.arguments["part"]["ranks"]
        turns = range(2 * (ranks - 1))
        parts = [self.object.part(rank, turn, ranks) for turn in turns for rank in range(ranks)]
        return {"parts": tuple(parts)}


def cases(rng: numpy.random.Generator) -> list[CallCase]:
    """Equal shares; others; a rank without pictures, whose mean gradient is 0 / 0."""
    found = []
    for counts in ((4, 4), (7, 6, 6), (2, 1, 0, 1)):
        gradients = [rng.standard_normal((2, 3)) for _ in counts]
        if 0 in counts:
            gradients[counts.index(0)][...] = numpy.nan
        arguments = dict(gradients=gradients, counts=list(counts))
        note = f"{len(counts)} ranks with {', '.join(map(str, counts))} pictures"
        found.append(CallCase({"mean": arguments, "part": dict(ranks=len(counts))}, note))
    return found


MEAN = (
    "The loss is the mean over all pictures: a rank with n of N pictures counts for n / N of the "
    "gradient."
)
RING = (
    "In round 0 rank k sends part k. In each round after that it sends what it has just received: "
    "the part that its left neighbour, rank k − 1, sent before."
)
MEANS = [
    Mistake(
        "this is the mean over ranks, not over pictures",
        MEAN,
        weight=lambda self, count, counts: 1 / len(counts),
    ),
    Mistake(
        "this is the mean over the ranks that have pictures, not over pictures",
        MEAN,
        weight=lambda self, count, counts: 1 / sum(count > 0 for count in counts),
    ),
    Mistake("the gradients are only added up", MEAN, weight=lambda self, count, counts: 1),
    Mistake(
        "the gradients are not divided by the number of all pictures",
        MEAN,
        weight=lambda self, count, counts: count,
    ),
    Mistake(
        "the sum over pictures is divided by the number of ranks",
        MEAN,
        weight=lambda self, count, counts: count / len(counts),
    ),
    Mistake(
        "a rank without pictures spoils the sum",
        "The mean over no pictures is 0 / 0, and 0 times that is not 0. Leave such a rank out.",
        counts=lambda self, count: True,
    ),
]
PARTS = [
    Mistake(
        "the parts go the other way round",
        RING,
        part=lambda self, rank, turn, ranks: (rank + turn) % ranks,
    ),
    Mistake(
        "each rank sends the same part in every round",
        RING,
        part=lambda self, rank, turn, ranks: rank,
    ),
    Mistake(
        "all ranks send the same part",
        RING,
        part=lambda self, rank, turn, ranks: turn % ranks,
    ),
    Mistake(
        "this is the part that a rank receives",
        RING,
        part=lambda self, rank, turn, ranks: (rank - 1 - turn) % ranks,
    ),
    Mistake(
        "the number is not taken modulo K",
        "Parts are numbered from 0 to K − 1, like ranks: after 0 comes K − 1 again.",
        part=lambda self, rank, turn, ranks: rank - turn,
    ),
    Mistake(
        "in the second half the rounds begin at 0 again",
        "The complete parts go on around the ring: rank k has just received the one that it sends.",
        part=lambda self, rank, turn, ranks: (rank - turn % (ranks - 1)) % ranks,
    ),
]
EXERCISE = Exercise(
    "parallel",
    DataParallel,
    Schedule,
    cases,
    {"mean": Stage("16", MEANS), "part": Stage("16", PARTS)},
)
