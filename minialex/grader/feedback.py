"""Explains wrong results: where they are wrong, and which mistakes that looks like."""

import textwrap

import numpy

from minialex.grader.compare import Difference
from minialex.grader.exercise import Exercise, Mistake
from minialex.grader.likely import likely
from minialex.grader.results import Result, Run

#: What to say if no known mistake explains the numbers.
UNKNOWN = (
    "No classic mistake gives exactly this. Work out the first wrong number by hand, and print "
    "what your code computes it from."
)


def explain(
    exercise: Exercise,
    class_name: str,
    stage: str,
    runs: list[Run],
    results: list[Result],
    wrong: dict[str, tuple[int, Difference]],
) -> None:
    """Prints where each wrong result is wrong, and which mistakes explain it or what else is seen.

    class_name: the learner's. wrong: what results.first_wrong found.
    """
    first, got = {name: i for name, (i, _) in wrong.items()}, [result.got for result in results]
    mistakes = likely(exercise, [run.case for run in runs[: len(got)]], stage, got, first)
    for i in sorted(set(first.values())):
        here, before = (runs[k].case.describe(class_name) for k in (i, i - 1))
        say(f"With {here}" + f" (it is right with {before})" * (i > 0) + ":")
        for name in (name for name in wrong if first[name] == i):
            fault, hints = wrong[name][1], []
            if not mistakes[name] and fault.wrong is not None:
                arrays = numpy.asarray(got[i][name]), numpy.asarray(results[i].right[name])
                hints = runs[i].trial.hints(name, *arrays, fault.wrong)
            print(filled(" ".join([fault.text, *hints])))
    if exercise.plain and not any(mistakes.values()):
        say(UNKNOWN)
    lesson = exercise.stages[stage].lesson
    for names, found in together(mistakes):
        lead = "Likely mistake" if len(found) == 1 else "Likely one of these mistakes"
        if len(names) < len(wrong) and not exercise.compares_shares:
            lead += f" in {' and '.join(names)}"
        for mistake in found:
            say(f"{lead}: {mistake.name}. {mistake.why} (Lesson {lesson}.)")
            lead = "Or"


def together(mistakes: dict[str, list[Mistake]]) -> list[tuple[list[str], list[Mistake]]]:
    """Groups of results that the same mistakes explain: (names of the results, the mistakes).

    One group, if some mistakes explain every result.
    """
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
    """Prints a paragraph of its own."""
    print("\n" + filled(text))


def filled(text: str) -> str:
    """The text, indented, in lines for 80 columns."""
    return textwrap.fill(
        text,
        78,
        initial_indent="  ",
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
