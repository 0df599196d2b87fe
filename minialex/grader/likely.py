"""Which classic mistakes give just what the learner's code gives."""

from collections.abc import Iterator

import numpy

from minialex.grader.compare import same
from minialex.grader.exercise import Exercise, Mistake


def likely(exercise: Exercise, cases: list, stage: str, got: list[dict], wrong: dict[str, int]) -> dict[str, list[Mistake]]:
    """For each wrong result the mistakes that explain it best, each with another name; none if no mistake gives the same.

    `got` has the results of the stage in each case, `wrong` the number of the first case where each is wrong.
    A mistake must agree with all cases up to that one. Of those that do, the ones count that agree with most cases: a
    second mistake may show in the later ones.
    """

    def agrees(mine, mistaken) -> bool:
        return same(mine, mistaken, max(exercise.tolerance, 1e-8))

    best = {name: (0, {}) for name in wrong}
    for mistake in exercise.mistakes:
        results = list(results_with(mistake, exercise, cases, stage))
        for name, first in wrong.items():
            agree = [agrees(mine.get(name), mistaken.get(name)) for mine, mistaken in zip(got, results, strict=True)]
            if not all(agree[: first + 1]):
                continue
            if sum(agree) > best[name][0]:
                best[name] = sum(agree), {}
            if sum(agree) == best[name][0]:
                best[name][1].setdefault(mistake.name, mistake)
    return {name: list(mistakes.values()) for name, (_, mistakes) in best.items()}


def results_with(mistake: Mistake, exercise: Exercise, cases: list, stage: str) -> Iterator[dict]:
    """For each case the results of the stage with the mistake; none if it fails, or is already wrong in an earlier stage."""
    stages = list(exercise.lessons)
    for case in cases:
        wrong, right = exercise.trial(mistake.in_place_of(exercise.plain), case), exercise.trial(exercise.plain, case)
        try:
            with numpy.errstate(all="ignore"):
                for earlier in stages[: stages.index(stage)]:
                    ours, theirs = getattr(right, earlier)(), getattr(wrong, earlier)()
                    if not all(same(theirs[name], ours[name], exercise.tolerance) for name in ours):
                        raise ValueError(f"wrong in {earlier}")
                result = getattr(wrong, stage)()
        except Exception:  # a window that sticks out, say
            result = {}
        yield result
