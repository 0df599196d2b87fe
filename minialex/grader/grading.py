"""Grades a learner's file step by step: what is right, where it goes wrong, and which mistake that looks like."""

import textwrap
from dataclasses import dataclass
from pathlib import Path

import numpy

from minialex.errors import InputError
from minialex.gradcheck import TOLERANCE
from minialex.grader import conv, dropout, lrn, momentum, pool, softmax
from minialex.grader.compare import Difference, difference
from minialex.grader.exercise import Exercise, Mistake
from minialex.grader.free import free
from minialex.grader.learner import Gap, LearnersFile, Stopped
from minialex.grader.likely import likely
from minialex.grader.speed import speed
from minialex.grader.trials import LayerCase, LayerTrial, Trial

EXERCISES = [module.EXERCISE for module in (conv, pool, lrn, dropout, softmax, momentum)]
BY_DIFFERENCES = "finite differences say"
#: The exercises by the name of the class that is to be written, and by that of the file.
BY_CLASS = {exercise.plain.__name__: exercise for exercise in EXERCISES}
BY_FILE = {exercise.name: exercise for exercise in EXERCISES}


def grade(path: Path, seed: int = 0) -> bool:
    """Whether every layer in the file is right; prints what is and what is not. InputError if there is none to grade."""
    try:
        file = LearnersFile(path)
        found = to_grade(file)
    except Stopped as stopped:
        print(f"{path} cannot be run yet.\n\n{textwrap.indent(str(stopped), '  ')}")
        return False
    return all([Grading(file, exercise, kind, seed).passes() for exercise, kind in found])


def to_grade(file: LearnersFile) -> list[tuple[Exercise, type]]:
    """The exercises that the file's classes are for; if there are none its own layers."""
    found = [(BY_CLASS[name], kind) for name, kind in file.classes().items() if name in BY_CLASS]
    if not found and file.path.stem in BY_FILE:
        raise InputError(f"expected a class {BY_FILE[file.path.stem].plain.__name__} in {file.path}, found none")
    found = found or free(file)
    if not found:
        raise InputError(f"expected a class with forward and backward in {file.path}, found none")
    return found


@dataclass
class Run:
    """One case: the learner's code on it, and the plain layer's unless there is none."""

    case: LayerCase
    trial: Trial
    plain: Trial | None


class Grading:
    """One exercise of one learner under way."""

    def __init__(self, file: LearnersFile, exercise: Exercise, kind: type, seed: int):
        self.file, self.exercise, self.kind = file, exercise, kind
        self.cases = exercise.cases(numpy.random.default_rng(seed))
        self.runs: list[Run] = []
        #: Optional parts that are still to be written.
        self.left_out: list[str] = []
        self.step = "__init__"

    def passes(self) -> bool:
        """Goes step by step to the first that fails."""
        print(f"{self.kind.__name__} in {self.file.path}\n")
        try:
            self.build()
            passed = all(self.stage(stage) for stage in self.exercise.lessons) and self.checks()
        except Gap as gap:
            self.line("next", str(gap))
            print("\nFill the gap, and run this again.")
            return False
        except Stopped as stopped:
            self.line("wrong")
            print(f"\n{textwrap.indent(str(stopped), '  ')}")
            return False
        if passed:
            print("\nAll of it is right.")
            for part in self.left_out:
                say(f"What is left, if you like: {part}. See the end of the file.")
            if self.exercise.plain and isinstance(self.runs[0].trial, LayerTrial):
                with self.file.running("forward and backward"):
                    say(speed(max((run.trial for run in self.runs), key=lambda trial: trial.case.x[0].size)))
        return passed

    def line(self, verdict: str, remark: str = "") -> None:
        print(f"  {self.step:<16}{verdict:<7}{remark}".rstrip(), flush=True)

    def build(self) -> None:
        plain = self.exercise.plain
        for case in self.cases:
            with self.file.running(case.call(self.kind.__name__)):
                trial = self.exercise.trial(self.kind, case)
            self.runs.append(Run(case, trial, self.exercise.trial(plain, case) if plain else None))

    def stage(self, stage: str) -> bool:
        """Whether a stage gives the right results in every case, and leaves its arguments alone."""
        self.step = stage
        results = []
        for run in list(self.runs):
            try:
                with self.file.running(stage):
                    results.append((getattr(run.trial, stage)(), *self.right_results(run, stage)))
            except Gap as gap:
                if gap.what not in self.exercise.optional:
                    raise
                self.runs.remove(run)
                self.left_out.append(gap.what)
        wrong = {}
        for name in results[0][1]:
            for i, (got, right, *judge) in enumerate(results):
                found = difference(self.runs[i].trial.place, name, got.get(name), right[name], *judge)
                if found:
                    wrong[name] = i, found
                    break
        if wrong:
            self.line("wrong")
            self.explain(stage, wrong, [got for got, *_ in results], [right for _, right, *_ in results])
            return False
        written = [name for run in self.runs for name in run.trial.written]
        if written:
            self.line("wrong")
            say(
                f"The numbers are right, but {stage} writes into {written[0]}, which others still need. Write into a copy, or "
                "make a new array: x = x * 2 does, x *= 2 does not."
            )
            return False
        checked = sum(numpy.size(array) for _, right, *_ in results for array in right.values())
        judge = results[0][-1]
        self.line("ok", f"{checked:,} numbers as {judge}" if judge == BY_DIFFERENCES else f"{len(results)} cases" * bool(checked))
        return True

    def right_results(self, run: Run, stage: str) -> tuple[dict, float, str]:
        """What the stage should give, how far off it may be, and who says so."""
        plain = getattr(run.plain, stage)() if run.plain else {}
        measured = run.trial.differences() if stage == "backward" else None
        if measured is not None:
            return measured, TOLERANCE, BY_DIFFERENCES
        return plain, self.exercise.tolerance, "expected"

    def checks(self) -> bool:
        """Whether all else holds that a layer promises, in the last and hardest case."""
        last = self.runs[-1].trial
        for self.step, check in last.checks().items():
            with self.file.running("forward and backward"):
                problem = check()
            self.line("wrong" if problem else "ok")
            if problem:
                say(problem)
                return False
        return True

    def explain(self, stage: str, wrong: dict[str, tuple[int, Difference]], got: list[dict], right: list[dict]) -> None:
        """Says of each wrong result where it is wrong, and then which mistakes explain it, or what else is to be seen."""
        first = {name: i for name, (i, _) in wrong.items()}
        mistakes = likely(self.exercise, [run.case for run in self.runs], stage, got, first)
        for name, (i, fault) in wrong.items():
            here, before = (self.runs[k].case.describe(self.kind.__name__) for k in (i, i - 1))
            say(f"{fault.text} This is with {here}." + f" It is right with {before}." * (i > 0))
            if not mistakes[name] and fault.wrong is not None:
                arrays = numpy.asarray(got[i][name]), numpy.asarray(right[i][name])
                for hint in self.runs[i].trial.hints(name, *arrays, fault.wrong):
                    say(hint)
        for names, found in together(mistakes):
            lead = "Likely mistake" if len(found) == 1 else "Likely one of these mistakes"
            lead += "" if len(names) == len(wrong) else f" in {' and '.join(names)}"
            for mistake in found:
                say(f"{lead}: {mistake.name}. {mistake.why} (Lesson {self.exercise.lessons[stage]}.)")
                lead = "Or"


def together(mistakes: dict[str, list[Mistake]]) -> list[tuple[list[str], list[Mistake]]]:
    """Results that the same mistakes explain, with these; all together if some mistakes explain everything."""
    common = [mistake for mistake in next(iter(mistakes.values())) if all(mistake in found for found in mistakes.values())]
    if common:
        return [(list(mistakes), common)]
    groups: dict[tuple, list[str]] = {}
    for name, found in mistakes.items():
        groups.setdefault(tuple(found), []).append(name)
    return [(names, list(found)) for found, names in groups.items() if found]


def say(text: str) -> None:
    """A paragraph, for 80 columns."""
    print("\n" + textwrap.fill(text, 78, initial_indent="  ", subsequent_indent="  ", break_long_words=False))
