"""Grades a learner's file step by step: what is right, where it goes wrong, and which mistake that looks like."""

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy

from minialex.command import styled
from minialex.errors import InputError
from minialex.gradcheck import TOLERANCE
from minialex.grader import conv, dropout, lrn, momentum, pool, softmax
from minialex.grader.compare import Difference, difference
from minialex.grader.exercise import Exercise, Mistake
from minialex.grader.free import HOW, free
from minialex.grader.learner import Gap, LearnersFile, Stopped, Wrong
from minialex.grader.likely import likely
from minialex.grader.speed import speed
from minialex.grader.trials import Case, LayerTrial, Trial

EXERCISES = [module.EXERCISE for module in (conv, pool, lrn, dropout, softmax, momentum)]
#: What to say where no mistake is known.
UNKNOWN = "No classic mistake gives just this. Work the first wrong number out by hand, and print what your code makes it from."
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
        raise InputError(
            f"expected a class {BY_FILE[file.path.stem].plain.__name__} in {file.path}, found none"
        )
    found = found or free(file)
    if not found:
        raise InputError(f"expected a class with forward and backward in {file.path}, found none")
    return found


@dataclass
class Run:
    """One case: the learner's code on it, and the plain layer's unless there is none."""

    case: Case
    trial: Trial
    plain: Trial | None


@dataclass
class Result:
    """What a stage gave in one case and what is right, by name; how far off it may be, and who says so."""

    got: dict
    right: dict
    tolerance: float
    judge: str


class Grading:
    """One exercise of one learner under way."""

    def __init__(self, file: LearnersFile, exercise: Exercise, kind: type, seed: int):
        self.file, self.exercise, self.kind, self.name = file, exercise, kind, kind.__name__
        self.cases = exercise.cases(numpy.random.default_rng(seed))
        self.runs: list[Run] = []
        #: Optional parts that are still to be written.
        self.left_out: list[str] = []
        self.step = "__init__"

    def passes(self) -> bool:
        """Goes step by step to the first that fails."""
        print(styled(f"{self.name} in {self.file.path}", "bold") + "\n")
        try:
            self.build()
            return (
                all(map(self.stage, self.exercise.stages))
                and all(map(self.check, self.checks()))
                and self.praise()
            )
        except Gap as gap:
            self.line("next", str(gap))
            print("\nFill the gap, and run this again.")
        except Stopped as stopped:
            self.line("wrong")
            if isinstance(stopped, Wrong):
                say(str(stopped))
            else:
                print(f"\n{textwrap.indent(str(stopped), '  ')}")
                if (
                    self.exercise.name == "free"
                    and self.step != "backward"
                    and not self.cases[0].example
                ):
                    say(HOW)
        return False

    def line(self, verdict: str, remark: str = "") -> None:
        colour = {"ok": "green", "wrong": "red"}.get(verdict, "bold")
        print(f"  {self.step:<16}{styled(f'{verdict:<7}', colour)}{remark}".rstrip(), flush=True)

    def build(self) -> None:
        plain = self.exercise.plain
        for case in self.cases:
            with self.file.running(case.call(self.name)):
                trial = self.exercise.trial(self.kind, case)
            self.runs.append(Run(case, trial, self.exercise.trial(plain, case) if plain else None))

    def stage(self, stage: str) -> bool:
        """Whether a stage gives the right results in every case, and leaves its arguments alone."""
        self.step = stage
        results, stopped = self.results(stage)
        wrong = self.first_wrong(results)
        if wrong:
            self.line("wrong")
            self.explain(stage, wrong, results)
            return False
        if stopped:
            raise stopped
        written = [name for run in self.runs for name in run.trial.written]
        if written:
            self.line("wrong")
            say(
                f"The numbers are right, but {stage} writes into {written[0]}, which others still need. Write into a copy, or "
                "make a new array: x = x * 2 does, x *= 2 does not."
            )
            return False
        numbers = sum(numpy.size(array) for result in results for array in result.right.values())
        measured = f"{numbers:,} numbers as {BY_DIFFERENCES}"
        self.line(
            "ok",
            measured
            if results[0].judge == BY_DIFFERENCES
            else f"{len(results)} cases" * bool(numbers),
        )
        return True

    def results(self, stage: str) -> tuple[list[Result], Stopped | None]:
        """The stage's results, case by case, up to the first in which the learner's code stops with an error, and the error."""
        results = []
        for run in list(self.runs):
            try:
                with self.file.running(stage, run.case.describe(self.name)):
                    results.append(self.result(run, stage))
            except Gap as gap:
                if gap.what not in self.exercise.optional:
                    raise
                self.runs.remove(run)
                self.left_out.append(gap.what)
            except Stopped as stopped:
                return results, stopped
        return results, None

    def result(self, run: Run, stage: str) -> Result:
        got, plain = (getattr(trial, stage)() if trial else {} for trial in (run.trial, run.plain))
        # The plain layer's forward is nudged: the learner's has been shown to give the same, and may take seconds.
        measured = (run.plain or run.trial).differences() if stage == "backward" else None
        if measured is not None:
            return Result(got, measured, TOLERANCE, BY_DIFFERENCES)
        return Result(
            got,
            plain,
            self.exercise.tolerance,
            "expected" + " about" * self.exercise.compares_shares,
        )

    def first_wrong(self, results: list[Result]) -> dict[str, tuple[int, Difference]]:
        """For each name the number of the first case whose result is wrong, and how; nothing for those always right."""
        wrong = {}
        for i, (run, result) in enumerate(zip(self.runs, results, strict=False)):
            for name, right in result.right.items():
                found = difference(
                    run.trial.place,
                    name,
                    result.got.get(name),
                    right,
                    result.tolerance,
                    result.judge,
                )
                if found:
                    wrong.setdefault(name, (i, found))
        return wrong

    def checks(self) -> list[tuple[str, Callable[[], str | None]]]:
        """What else a layer promises, to be checked in the last and hardest case."""
        return list(self.runs[-1].trial.checks().items())

    def check(self, check: tuple[str, Callable[[], str | None]]) -> bool:
        """Whether one of the checks finds nothing."""
        self.step, find = check
        with self.file.running(
            "forward or backward", f"{self.runs[-1].case.describe(self.name)}, {self.step}"
        ):
            problem = find()
        self.line("wrong" if problem else "ok")
        if problem:
            say(problem)
        return not problem

    def praise(self) -> bool:
        """Says that all is right, what could come next, and how fast it is."""
        layers = [run.trial for run in self.runs if isinstance(run.trial, LayerTrial) and run.plain]
        with self.file.running("forward or backward"):
            times = [speed(max(layers, key=lambda trial: trial.case.x[0].size))] if layers else []
        print("\nAll of it is right.")
        for line in [
            *(
                f"What is left, if you like: {part}. See the end of the file."
                for part in self.left_out
            ),
            *times,
        ]:
            say(line)
        return True

    def explain(
        self, stage: str, wrong: dict[str, tuple[int, Difference]], results: list[Result]
    ) -> None:
        """Says of each wrong result where it is wrong, and then which mistakes explain it, or what else is to be seen."""
        first, got = {name: i for name, (i, _) in wrong.items()}, [result.got for result in results]
        mistakes = likely(
            self.exercise, [run.case for run in self.runs[: len(got)]], stage, got, first
        )
        for i in sorted(set(first.values())):
            here, before = (self.runs[k].case.describe(self.name) for k in (i, i - 1))
            say(f"With {here}" + f" (it is right with {before})" * (i > 0) + ":")
            for name in (name for name in wrong if first[name] == i):
                fault, hints = wrong[name][1], []
                if not mistakes[name] and fault.wrong is not None:
                    arrays = numpy.asarray(got[i][name]), numpy.asarray(results[i].right[name])
                    hints = self.runs[i].trial.hints(name, *arrays, fault.wrong)
                print(filled(" ".join([fault.text, *hints])))
        if self.exercise.plain and not any(mistakes.values()):
            say(UNKNOWN)
        for names, found in together(mistakes):
            lead = "Likely mistake" if len(found) == 1 else "Likely one of these mistakes"
            lead += f" in {' and '.join(names)}" * (
                len(names) < len(wrong) and not self.exercise.compares_shares
            )
            for mistake in found:
                say(
                    f"{lead}: {mistake.name}. {mistake.why} (Lesson {self.exercise.stages[stage].lesson}.)"
                )
                lead = "Or"


def together(mistakes: dict[str, list[Mistake]]) -> list[tuple[list[str], list[Mistake]]]:
    """Results that the same mistakes explain, with these; all together if some mistakes explain everything."""
    common = [
        mistake
        for mistake in next(iter(mistakes.values()))
        if all(mistake in found for found in mistakes.values())
    ]
    if common:
        return [(list(mistakes), common)]
    groups: dict[tuple, list[str]] = {}
    for name, found in mistakes.items():
        groups.setdefault(tuple(found), []).append(name)
    return [(names, list(found)) for found, names in groups.items() if found]


def say(text: str) -> None:
    """A paragraph of its own."""
    print("\n" + filled(text))


def filled(text: str) -> str:
    """The text in lines for 80 columns."""
    return textwrap.fill(
        text,
        78,
        initial_indent="  ",
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
