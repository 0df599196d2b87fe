"""Which classic mistakes give just what the learner's code gives."""

from collections import Counter
from collections.abc import Iterator

import numpy

from minialex.grader.compare import same
from minialex.grader.exercise import Exercise, Mistake

#: Relative: the mistake and the learner's code add up in another order.
CLOSE = 1e-8


def likely(
    exercise: Exercise, cases: list, stage: str, got: list[dict], wrong: dict[str, int]
) -> dict[str, list[Mistake]]:
    """For each wrong result the mistakes that explain it best, each with another name; none if no mistake gives the same.

    `got` has the results of the stage in each case, `wrong` the number of the first case where each is wrong. A mistake must
    agree with all cases up to that one. Of those that do, the ones count that agree in most cases (in the later ones a
    second mistake may show), and of these the ones whose other results agree best. Shares may agree by chance: a mistake
    must then explain half of what is wrong.
    """

    def agrees(mine, its) -> bool:
        return same(mine, its, max(exercise.tolerance, CLOSE))

    best = {name: ((0, 0), {}) for name in wrong}
    for mistake in exercise.stages[stage].mistakes:
        with_it = list(results_with(mistake, exercise, cases, stage))
        agree = {
            name: [
                agrees(mine[name], its.get(name)) for mine, its in zip(got, with_it, strict=True)
            ]
            for name in got[0]
        }
        everywhere = sum(map(sum, agree.values()))
        for name, first in wrong.items():
            if name in agree and all(agree[name][: first + 1]):
                rank = sum(agree[name]), everywhere
                if rank > best[name][0]:
                    best[name] = rank, {}
                if rank == best[name][0]:
                    best[name][1].setdefault(mistake.name, mistake)
    found = {name: list(mistakes.values()) for name, (_, mistakes) in best.items()}
    if exercise.compares_shares:
        explained = Counter(mistake.name for mistakes in found.values() for mistake in mistakes)
        found = {
            name: [each for each in found[name] if 2 * explained[each.name] >= len(wrong)]
            for name in found
        }
    return found


def results_with(mistake: Mistake, exercise: Exercise, cases: list, stage: str) -> Iterator[dict]:
    """For each case the results of the stage with the mistake; none if it fails, as when a window sticks out."""
    for case in cases:
        trial = exercise.trial(mistake.in_place_of(exercise.plain), case)
        try:
            with numpy.errstate(all="ignore"):
                for each in exercise.stages:
                    results = getattr(trial, each)()
                    if each == stage:
                        break
        except Exception:
            results = {}
        yield results
