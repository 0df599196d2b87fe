"""Loops that NumPy could do without, and the code on whole arrays that would take their place.

Nobody can read off a loop how many axes its arrays have, and so the code without it is guessed. The
loop's line is removed, its index becomes a slice (x[n] becomes x), and where a sum or a maximum
needs an axis, each likely one makes a guess of its own (array_code.py). minialex/grader/simpler.py
then runs the learner's class with the guess in it. It is told to the learner only if every number
stays the same, in every case that the grader knows.

So guessing is safe: a wrong guess fails with an error or gives other numbers, and nobody hears of
it. The cases have random numbers and several shapes, and so it does not agree by chance. All that
guesses cost is time, which is limited. They do not find every loop that could go.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from minialex.grader.advice import Advice, rebuilt
from minialex.grader.array_code import array_forms, head_of

#: With more new lines than this nobody would call it simpler.
MOST_LINES = 5


@dataclass
class Plan:
    """Statements that could do without loops around them.

    loops        the loops, from the outside; the first one has all others in it
    statements   what would stand there without them; other statements stay in the loops
    """

    loops: list[ast.For]
    statements: list[ast.stmt]


def loops(layer: ast.ClassDef) -> Iterator[Advice]:
    """Loops that can go, from around all that is in them or from around one statement."""
    for nest in nests(layer):
        for plan in plans(nest):
            yield from guesses_at(plan)


def nests(layer: ast.ClassDef) -> list[list[ast.For]]:
    """The loops over numbers, each outermost one in a list with those in it."""
    every = loops_in(layer)
    inner = {loop for outer in every for loop in loops_in(outer) if loop is not outer}
    return [loops_in(loop) for loop in every if loop not in inner]


def loops_in(node: ast.AST) -> list[ast.For]:
    """The loops over numbers in a node, from the outside; the node itself, if it is one."""
    return [each for each in ast.walk(node) if isinstance(each, ast.For) and head_of(each)]


def plans(nest: list[ast.For]) -> list[Plan]:
    """What could be tried with loops in each other: most loops first, at last single statements.

    For loops over n, i and j: without n, i and j; without i and j; without n and i; …
    """
    groups = [loops_in(loop) for loop in nest]  # without a loop and all those in it
    groups += [nest[:count] for count in range(1, len(nest))]  # without the outer ones only
    groups.sort(key=len, reverse=True)
    tries = [Plan(group, statements_in(group[0])) for group in groups]
    return tries + [Plan(nest, [statement]) for statement in statements_in(nest[0])]


def statements_in(node: ast.stmt) -> list[ast.stmt]:
    """The statement itself; of a loop, the statements in it and in the loops in it."""
    if not isinstance(node, ast.For):
        return [node]
    found = []
    for each in node.body:
        found += statements_in(each)
    return found


def guesses_at(plan: Plan) -> Iterator[Advice]:
    """The advice to follow the plan, once for each guess at the code."""
    outer = plan.loops[0]
    others = [each for each in statements_in(outer) if each not in plan.statements]
    old = ast.unparse(rebuilt(outer, {each: [] for each in others}))
    left = rebuilt([outer], {each: [] for each in plan.statements})
    heads = {head.line: head for head in map(head_of, plan.loops)}
    if left:
        place = plan.statements[0]
        says = f"{ast.unparse(place).splitlines()[0]} could leave the loops. After them:"
    else:
        place = outer
        variables = [variable for head in heads.values() for variable in head.ranges]
        says = f"NumPy could do this without a loop over {', '.join(variables)}:"
    for form in array_forms(old, list(heads.values())):
        code = lines_of(ast.unparse(form))
        fresh = [line for line in code if line not in lines_of(old) and not line.endswith(":")]
        changed = {each.lineno for each in plan.statements if ast.unparse(each) not in code}
        appends = any(".append(" in line for line in fresh)  # one array, to a list of numbers
        if changed and len(fresh) <= MOST_LINES and not appends:
            yield Advice(place.lineno, says, {outer: left + form.body}, changed, fresh)


def lines_of(code: str) -> list[str]:
    """The lines, without their indentation."""
    return [line.strip() for line in code.splitlines()]
