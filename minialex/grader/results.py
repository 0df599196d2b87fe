"""The results of a stage, case by case: the learner's beside the right ones."""

from dataclasses import dataclass

from minialex.gradcheck import TOLERANCE
from minialex.grader.compare import Difference, difference
from minialex.grader.exercise import Exercise
from minialex.grader.trials import Case, Trial

#: The judge, in words, where right results come from finite differences.
BY_DIFFERENCES = "finite differences say"


@dataclass
class Run:
    """One case: the learner's code on it, and the plain layer's, if there is one."""

    case: Case
    trial: Trial
    plain: Trial | None


@dataclass
class Result:
    """The results of a stage in one case, by name.

    got         the learner's
    right       the right ones
    tolerance   the relative error from which a number is wrong
    judge       where the right ones come from: the words that introduce them
    least       errors of smaller numbers are relative to this
    """

    got: dict
    right: dict
    tolerance: float
    judge: str
    least: float = 0.0


def result(run: Run, stage: str, exercise: Exercise) -> Result:
    """Runs a stage of one case."""
    got, plain = (getattr(trial, stage)() if trial else {} for trial in (run.trial, run.plain))
    # The plain layer's forward is nudged: the learner's, which may take seconds, gives the same.
    judging = run.plain or run.trial
    measured = judging.differences() if stage == "backward" else None
    if measured is not None:
        return Result(got, measured, TOLERANCE, BY_DIFFERENCES, judging.least_typical())
    judge = "expected" + " about" * exercise.compares_shares
    return Result(got, plain, exercise.tolerance, judge)


def first_wrong(runs: list[Run], results: list[Result]) -> dict[str, tuple[int, Difference]]:
    """For each result that is wrong somewhere: the number of the first such case, and how."""
    wrong = {}
    for i, (run, result) in enumerate(zip(runs, results, strict=False)):
        for name, right in result.right.items():
            got = result.got.get(name)
            allowed = result.tolerance, result.judge, result.least
            found = difference(run.trial.place, name, got, right, *allowed)
            if found:
                wrong.setdefault(name, (i, found))
    return wrong
