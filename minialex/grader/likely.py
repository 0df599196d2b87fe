"""Which classic mistakes give the same numbers as the learner's code."""

from collections import Counter
from collections.abc import Iterator

import numpy

from minialex.grader.compare import same
from minialex.grader.exercise import Exercise, Mistake
from minialex.grader.trials import Case

#: Relative: the mistake and the learner's code sum in different orders.
CLOSE = 1e-8


def likely(
    exercise: Exercise, cases: list[Case], stage: str, got: list[dict], wrong: dict[str, int]
) -> dict[str, list[Mistake]]:
    """For each wrong result the mistakes that explain it best; none if none gives the same numbers.

    got: the stage's results in each case. wrong: for each wrong result, the number of the first
    case where it is wrong.

    A mistake must agree in all cases up to that one. Among those that do, the ones that agree in
    the most cases win (a second mistake may show in later cases), and among these the ones whose
    other results agree best. Mistakes of the same name count as one. Shares may agree by chance:
    there, a mistake must explain at least half of what is wrong.
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


def results_with(
    mistake: Mistake, exercise: Exercise, cases: list[Case], stage: str
) -> Iterator[dict]:
    """The results of the stage with the mistake, case by case.

    They are empty where it fails with an error, as when a window sticks out of the picture.
    """
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
