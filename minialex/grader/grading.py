"""Grades a learner's file step by step, up to the first step that is wrong or not written yet."""

import textwrap
from collections.abc import Callable
from pathlib import Path

import numpy

from minialex.errors import InputError
from minialex.grader import (
    adam,
    conv,
    dropout,
    gpu,
    init,
    lighting,
    lrn,
    momentum,
    parallel,
    pool,
    softmax,
    topk,
    winograd,
)
from minialex.grader.exercise import Exercise
from minialex.grader.feedback import explain, say
from minialex.grader.free import HOW, free
from minialex.grader.learner import Gap, LearnersFile, Stopped, Wrong
from minialex.grader.results import BY_DIFFERENCES, Result, Run, first_wrong, result
from minialex.grader.simpler import simpler
from minialex.grader.timing import timing
from minialex.grader.trials import LayerTrial
from minialex.terminal import styled

MODULES = (
    conv,
    init,
    pool,
    topk,
    lrn,
    dropout,
    softmax,
    momentum,
    lighting,
    adam,
    winograd,
    parallel,
    gpu,
)
EXERCISES = [module.EXERCISE for module in MODULES]
#: The exercises by the name of the class to write, and by the name of the file.
BY_CLASS = {exercise.plain.__name__: exercise for exercise in EXERCISES}
BY_FILE = {exercise.name: exercise for exercise in EXERCISES}


def grade(path: Path, seed: int = 0) -> bool:
    """Whether every layer in the file is right; prints what is and what is not.

    seed: for the random inputs. InputError if there is nothing to grade.
    """
    try:
        file = LearnersFile(path)
        found = to_grade(file)
    except Stopped as stopped:
        print(f"{path} cannot be run yet.\n\n{textwrap.indent(str(stopped), '  ')}")
        return False
    return all([Grading(file, exercise, kind, seed).passes() for exercise, kind in found])


def to_grade(file: LearnersFile) -> list[tuple[Exercise, type]]:
    """The exercises in the file, with the learner's classes; if there are none, its own layers."""
    found = [(BY_CLASS[name], kind) for name, kind in file.classes().items() if name in BY_CLASS]
    if not found and file.path.stem in BY_FILE:
        raise InputError(
            f"expected a class {BY_FILE[file.path.stem].plain.__name__} in {file.path}, found none"
        )
    found = found or free(file)
    if not found:
        raise InputError(f"expected a class with forward and backward in {file.path}, found none")
    return found


class Grading:
    """The grading of one exercise of one learner.

    runs       the cases, with the learner's layer and the plain one
    left_out   optional parts that are still to be written
    step       the step under way
    """

    def __init__(self, file: LearnersFile, exercise: Exercise, kind: type, seed: int):
        self.file, self.exercise, self.kind, self.name = file, exercise, kind, kind.__name__
        self.cases = exercise.cases(numpy.random.default_rng(seed))
        self.runs: list[Run] = []
        self.left_out: list[str] = []
        self.step = "__init__"

    def passes(self) -> bool:
        """Goes from step to step up to the first that fails; whether none does."""
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
                free = self.exercise.name == "free" and not self.cases[0].example
                if free and self.step != "backward":
                    say(HOW)
        return False

    def line(self, verdict: str, remark: str = "") -> None:
        """Prints the verdict on the step under way."""
        colour = {"ok": "green", "wrong": "red"}.get(verdict, "bold")
        print(f"  {self.step:<16}{styled(f'{verdict:<7}', colour)}{remark}".rstrip(), flush=True)

    def build(self) -> None:
        plain = self.exercise.plain
        for case in self.cases:
            with self.file.running(case.call(self.name)):
                trial = self.exercise.trial(self.kind, case)
            self.runs.append(Run(case, trial, self.exercise.trial(plain, case) if plain else None))

    def stage(self, stage: str) -> bool:
        """Whether a stage gives the right results in every case, and keeps its arguments intact."""
        self.step = stage
        results, stopped = self.results(stage)
        wrong = first_wrong(self.runs, results)
        if wrong:
            self.line("wrong")
            explain(self.exercise, self.name, stage, self.runs, results, wrong)
            return False
        if stopped:
            raise stopped
        written = [name for run in self.runs for name in run.trial.written]
        if written:
            self.line("wrong")
            say(
                f"The numbers are right, but {stage} writes into {written[0]}, which others still "
                "need. Write into a copy, or make a new array: x = x * 2 does, x *= 2 does not."
            )
            return False
        numbers = sum(numpy.size(array) for result in results for array in result.right.values())
        if results[0].judge == BY_DIFFERENCES:
            self.line("ok", f"{numbers:,} numbers agree with finite differences")
        else:
            self.line("ok", f"{len(results)} cases" * bool(numbers))
        return True

    def results(self, stage: str) -> tuple[list[Result], Stopped | None]:
        """The stage's results, case by case.

        If the learner's code fails with an error in some case: those before it, and the error.
        """
        results = []
        for run in list(self.runs):
            try:
                with self.file.running(stage, run.case.describe(self.name)):
                    results.append(result(run, stage, self.exercise))
            except Gap as gap:
                if gap.what not in self.exercise.optional:
                    raise
                self.runs.remove(run)
                self.left_out.append(gap.what)
            except Stopped as stopped:
                return results, stopped
        return results, None

    def checks(self) -> list[tuple[str, Callable[[], str | None]]]:
        """What else a layer promises, to be checked in the last and hardest case."""
        return list(self.runs[-1].trial.checks().items())

    def check(self, check: tuple[str, Callable[[], str | None]]) -> bool:
        """Whether one of the checks finds nothing wrong."""
        self.step, find = check
        on = f"{self.runs[-1].case.describe(self.name)}, {self.step}"
        with self.file.running("forward or backward", on):
            problem = find()
        self.line("wrong" if problem else "ok")
        if problem:
            say(problem)
        return not problem

    def praise(self) -> bool:
        """Says that everything is right, how fast the layer is, and what could come next."""
        layers = [run.trial for run in self.runs if isinstance(run.trial, LayerTrial) and run.plain]
        with self.file.running("forward or backward"):
            times = [timing(max(layers, key=lambda trial: trial.case.x[0].size))] if layers else []
        print("\nEverything is right.")
        for part in self.left_out:
            say(f"What is left, if you like: {part}. See the end of the file.")
        for line in times:
            say(line)
        advice = simpler(self.file, self.exercise, self.kind, self.cases)
        if advice:
            say("Simpler, if you like:")
            print("", *advice, sep="\n")
        return True
