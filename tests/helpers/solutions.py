"""The exercises, with their gaps filled from exercise_solutions/, as a learner would fill them."""

import ast
import re
import textwrap
from pathlib import Path

EXERCISES = Path(__file__).parents[2] / "lessons" / "exercises"
FOLDER = Path(__file__).with_name("exercise_solutions")
MISTAKES = Path(__file__).with_name("classic_mistakes")
#: Every solution; the part before the _ is its exercise.
SOLUTIONS = sorted(path.stem for path in FOLDER.glob("*.py"))
NAMES = (
    "conv",
    "pool",
    "lrn",
    "dropout",
    "softmax",
    "momentum",
    "adam",
    "topk",
    "winograd",
    "parallel",
    "init",
    "lighting",
    "gpu",
)
#: For each exercise the quickest solution.
QUICK = {
    "conv": "conv_windows",
    "pool": "pool_taps",
    "lrn": "lrn_shifts",
    "dropout": "dropout_mask",
    "softmax": "softmax_logs",
    "momentum": "momentum_in_place",
    "adam": "adam_in_place",
    "topk": "topk_sorted",
    "winograd": "winograd_tiles",
    "parallel": "parallel_loops",
    "init": "init_product",
    "lighting": "lighting_products",
    "gpu": "gpu_short",
}


def exercise_of(solution: str) -> str:
    return solution.partition("_")[0]


#: The lines that conv.py asks to remove once groups are written.
ABOUT_GROUPS = re.compile(r" +if self.groups > 1:\n.*NotImplementedError.*\n")


def solved(solution: str, *changes: tuple[str, str], only: tuple[str, ...] | None = None) -> str:
    """The exercise's text with the functions of the solution, or `only` some of them, in its gaps.

    A function of the solution replaces everything from "# Your code here" on in the method of its
    name. changes: (old, new), made in the solution first.
    """
    text = (EXERCISES / f"{exercise_of(solution)}.py").read_text(encoding="utf-8")
    code = (FOLDER / f"{solution}.py").read_text(encoding="utf-8")
    for old, new in changes:
        assert code.count(old) == 1, f"{old!r} is {code.count(old)} times in {solution}"
        code = code.replace(old, new)
    for function in [node for node in ast.parse(code).body if isinstance(node, ast.FunctionDef)]:
        if only is None or function.name in only:
            body = code.splitlines()[function.body[0].lineno - 1 : function.end_lineno]
            text = with_gap_filled(text, function.name, textwrap.dedent("\n".join(body)))
    return ABOUT_GROUPS.sub("", text) if "self.groups" in code else text


def with_gap_filled(text: str, name: str, body: str) -> str:
    methods = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef) and node.name == name
    ]
    lines = text.splitlines()
    end = methods[0].end_lineno
    start = next(i for i in range(methods[0].lineno, end) if "# Your code here" in lines[i])
    return "\n".join([*lines[:start], textwrap.indent(body, " " * 8), *lines[end:], ""])


def mistakes(exercise: str) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """The entries of classic_mistakes/: (the solution, the mistake's name, the changes (old, new)).

    They are written as learners make them, independently of how minialex/grader makes its own.
    """
    found = []
    for entry in (MISTAKES / f"{exercise}.diff").read_text(encoding="utf-8").strip().split("\n\n"):
        title, *lines = entry.split("\n")
        solution, name = title.split(": ", 1)
        hunks = re.findall(r"((?:^-.*\n)+)((?:^\+.*\n)*)", "\n".join([*lines, ""]), re.MULTILINE)
        found.append(
            (
                solution,
                name,
                [
                    (re.sub("^-", "", a, flags=re.M), re.sub(r"^\+", "", b, flags=re.M))
                    for a, b in hunks
                ],
            )
        )
    return found
