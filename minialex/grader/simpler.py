"""What could be simpler in a right solution: advice that is tried before it is given.

loops.py and expressions.py look at the learner's class and have ideas. Each is put into the class,
and the class is run on the grader's cases again. An idea is told only if nothing changes: all
results stay the same, and all promises of a layer are kept.
"""

import ast
import re
import time
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress

import numpy

from minialex.grader.advice import Advice, Changes, rebuilt
from minialex.grader.compare import same
from minialex.grader.exercise import Exercise
from minialex.grader.expressions import longer, repeats, shorter
from minialex.grader.learner import LearnersFile
from minialex.grader.loops import loops

#: What looks for advice in a class, the most valuable first.
IDEAS = (loops, repeats, shorter, longer)
#: How many pieces of advice are given at most.
MOST = 3
#: Seconds of computing after which nothing more is tried.
LIMIT = 2
#: The smallest tolerance: other code sums in another order.
CLOSE = 1e-8


def simpler(file: LearnersFile, exercise: Exercise, kind: type, cases: list) -> list[str]:
    """Some pieces of advice on the learner's class, as they are printed.

    Whatever the code that is tried does, nothing is printed, and no error stops the grader.
    """
    names = vars(file.module)
    before = dict(names)
    names["numpy"] = numpy  # which new code calls by this name
    found: list[Advice] = []
    with suppress(Exception), redirect_stdout(None), redirect_stderr(None):
        for advice in good_advice(Tries(file, exercise, kind, cases)):
            found.append(advice)
    names.update(before)
    numpys_name = "np" if "np" in names else "numpy"
    return [str(advice).replace("numpy.", f"{numpys_name}.") for advice in found]


class Tries:
    """The learner's class, to be run with other code in it.

    parts    the classes and functions of the file, as trees
    layers   those that define the class
    right    what the class returns as it is
    """

    def __init__(self, file: LearnersFile, exercise: Exercise, kind: type, cases: list):
        self.exercise, self.name, self.cases = exercise, kind.__name__, cases
        self.names = vars(file.module)
        source = re.sub(rb"\bnp\.", b"numpy.", file.path.read_bytes())
        self.parts = [node for node in ast.parse(source).body if hasattr(node, "name")]
        self.layers = [node for node in self.parts if node.name == self.name]
        self.right = list(results(exercise, kind, cases))

    def same_with(self, changes: Changes) -> bool:
        """Whether the class returns the same with these changes: not if it fails with an error."""
        code = "\n".join(ast.unparse(rebuilt(part, changes)) for part in self.parts)
        tolerance = max(self.exercise.tolerance, CLOSE)
        with suppress(Exception), numpy.errstate(all="ignore"):
            exec(code, self.names)
            new = results(self.exercise, self.names[self.name], self.cases)
            pairs = zip(self.right, new, strict=True)
            return all(same(right, result, tolerance) for right, result in pairs)
        return False

    def reaches(self, node: ast.AST) -> bool:
        """Whether some case gets to this place: if so, an unknown name there is an error."""
        unknown = ast.Name("_unknown_")
        wrong = unknown if isinstance(node, ast.expr) else ast.Expr(unknown)
        return not self.same_with({node: wrong})


def good_advice(tries: Tries) -> Iterator[Advice]:
    """Advice that changes nothing, on lines that no other advice is about."""
    end = time.process_time() + LIMIT
    given: list[Advice] = []
    for advice in advice_to_try(tries):
        if len(given) == MOST or time.process_time() > end:
            return
        taken = any(advice.lines & other.lines for other in given)
        *_, last = advice.changes
        if not taken and tries.same_with(advice.changes) and tries.reaches(last):
            given.append(advice)
            yield advice


def advice_to_try(tries: Tries) -> Iterator[Advice]:
    """All that the ideas say, good or not."""
    for idea in IDEAS:
        for layer in tries.layers:
            yield from idea(layer)


def results(exercise: Exercise, kind: type, cases: list) -> Iterator:
    """All that a class returns, case by case, and how many promises it breaks."""
    for case in cases:
        with suppress(NotImplementedError):  # in an optional part
            trial = exercise.trial(kind, case)
            for stage in exercise.stages:
                yield from getattr(trial, stage)().values()
            yield getattr(trial, "y", 0.0)
            yield float(len(trial.written))
            checks = trial.checks().values()
    yield float(sum(check() is not None for check in checks))
