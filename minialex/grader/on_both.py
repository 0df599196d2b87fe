"""Trials of functions on NumPy, then on the stand-in for a GPU, which refuses and counts.

The numbers are compared on both. What a function makes a GPU do shows on the stand-in only, and so
do the traps: mistakes that a GPU punishes and NumPy does not.
"""

import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy

from minialex.grader.calls import CallCase
from minialex.grader.exercise import Mistake
from minialex.grader.learner import Stopped
from minialex.grader.trials import Trial

#: The lesson that teaches the traps.
LESSON = "13"


@dataclass
class Trace:
    """What a function did on the stand-in.

    got, error      what it returned or raised
    in_steps        how often Python had waited when the last step was computed
    waits           how often it had waited at the end
    sent, fetched   bytes to the card and back
    written         how many bytes the kernels wrote, each of them
    card, host      bytes of the largest array given on the card, and of all those on the host
    refused         whether it raised ValueError for each of the arguments to be refused
    """

    got: Any = None
    error: Exception | None = None
    in_steps: int = 0
    waits: int = 0
    sent: int = 0
    fetched: int = 0
    written: set[int] = field(default_factory=set)
    card: int = 0
    host: int = 0
    refused: list[bool] = field(default_factory=list)

    def on_card(self) -> bool:
        """Whether the result lies there."""
        return hasattr(self.got, "memory")

    def refuses(self, error: type, words: str) -> bool:
        """Whether the stand-in raised such an error."""
        return isinstance(self.error, error) and words in str(self.error)

    def counted(self) -> str:
        """How often Python waited, and what travelled."""
        times = "once" if self.waits == 1 else f"{self.waits} times"
        return (
            f"Python waited {times}, {self.sent} bytes were sent to the card and {self.fetched} "
            "fetched"
        )


class Trap(Mistake):
    """A mistake that gives the right numbers on NumPy; `shows` tells it by its trace. seen: what
    is seen of it, if it is not what was counted."""

    def __init__(self, name: str, why: str, shows: Callable[[Trace], bool], seen: str = ""):
        super().__init__(name, why)
        self.shows, self.seen = shows, seen


@dataclass
class Function:
    """A function to be graded. The arguments in `card` lie on the card, the others on the host.

    traps      the first that shows is named
    refused    changes of the arguments, each of which it must refuse with a ValueError
    in_steps   the argument that is an iterator, each of whose turns computes a step
    is_list    whether the result is a list of arrays
    """

    name: str
    card: tuple[str, ...]
    traps: list[Trap]
    refused: Callable[[dict], list[dict]] = lambda arguments: []
    in_steps: str = ""
    is_list: bool = False

    def result(self, got: Any) -> dict:
        """What it returned, by its name, on the host; equal shapes in a list as one array."""
        if self.is_list and isinstance(got, list | tuple):
            parts = [on_host(each) for each in got]
            alike = len({numpy.shape(part) for part in parts}) == 1
            return {self.name: numpy.stack(parts) if alike else got}
        return {self.name: on_host(got)}


def trial(*functions: Function) -> type[Trial]:
    """A trial with two stages for each function: NAME, and "NAME, GPU"."""

    lists = {function.name for function in functions if function.is_list}

    class OnBoth(Trial):
        """An object under way, whose methods are called with the case's arguments."""

        def __init__(self, kind: type, case: CallCase):
            super().__init__()
            self.object, self.case = kind(), case

        def place(self, name: str, index: tuple[int, ...]) -> str:
            if name in lists:
                return super().place(f"{name}[{index[0]}]", index[1:])
            return super().place(name, index)

    for function in functions:
        setattr(OnBoth, function.name, on_numpy(function))
        setattr(OnBoth, f"{function.name}, GPU", on_standin(function))
    return OnBoth


def on_numpy(function: Function) -> Callable[[Any], dict]:
    """The stage that calls the function with NumPy's arrays, in double precision."""

    def stage(self: Any) -> dict:
        arguments = self.case.arguments[function.name]
        given = {name: moved(value, numpy) for name, value in arguments.items()}
        lent = flat(given)
        if function.in_steps:
            given[function.in_steps] = iter(given[function.in_steps])
        got = getattr(self.object, function.name)(**given)
        self.compare_with(lent, flat(arguments))
        return function.result(got)

    return stage


def on_standin(function: Function) -> Callable[[Any], dict]:
    """The stage that calls the function with arrays on the stand-in, in single precision."""

    def stage(self: Any) -> dict:
        method, arguments = getattr(self.object, function.name), self.case.arguments[function.name]
        trace = traced(method, function, arguments)
        if trace.error is None:
            for change in function.refused(arguments):
                again = traced(method, function, arguments | change)
                trace.refused.append(isinstance(again.error, ValueError | IndexError))
        trap = next((trap for trap in function.traps if trap.shows(trace)), None)
        raise_problem(trace, trap, self.case.note)
        return function.result(trace.got)

    return stage


def traced(method: Callable[..., Any], function: Function, arguments: dict) -> Trace:
    """Calls a learner's method on the stand-in. The file does without it otherwise: it is imported
    here."""
    from minialex import standin

    trace, given, sizes = Trace(), {}, {True: [0], False: [0]}
    for name, value in arguments.items():
        on_card = name in function.card
        given[name] = moved(value, standin if on_card else numpy)
        sizes[on_card] += [getattr(x, "nbytes", 0) for x in flat({name: given[name]}).values()]
    trace.card, trace.host = max(sizes[True]), sum(sizes[False])
    with standin.accounting() as account:
        if function.in_steps:
            given[function.in_steps] = watched(given[function.in_steps], account, trace)
        try:
            trace.got = method(**given)
        except NotImplementedError as error:  # no gap, which NumPy would have found: the stand-in's
            trace.error = TypeError(str(error)).with_traceback(error.__traceback__)
        except Exception as error:
            trace.error = error
    trace.waits, trace.sent, trace.fetched = account.waits, account.uploaded, account.downloaded
    trace.written = {launch.written for launch in account.log}
    return trace


def watched(steps: list, account: Any, trace: Trace) -> Iterator[Any]:
    """Each step's number; notes how often Python waits between two of them."""
    for step in steps:
        yield step
        trace.in_steps = account.waits


def raise_problem(trace: Trace, trap: Trap | None, note: str) -> None:
    """Raises what is to be said of a trap or an error, if there is one."""
    said = ""
    if trap is not None:
        said = filled(f"Likely mistake: {trap.name}. {trap.why} (Lesson {LESSON}.)")
    if trace.error is None and trap is not None:
        seen = trap.seen or trace.counted()
        told = filled(f"With {note}, on the stand-in for a GPU: {seen}.")
        raise Stopped(f"{told}\n\n{said}")
    if isinstance(trace.error, TypeError) and trap is not None:
        raise TypeError(f"{trace.error}\n\n{said}").with_traceback(trace.error.__traceback__)
    if trace.error is not None:
        raise trace.error


def filled(text: str) -> str:
    """The text in lines for 80 columns, two of which are the margin."""
    return textwrap.fill(text, 76, break_long_words=False, break_on_hyphens=False)


def moved(value: Any, xp: ModuleType) -> Any:
    """A copy of an array, or of all in a list: as it is for NumPy, in single precision for the
    stand-in; anything else unchanged."""
    if isinstance(value, list):
        return [moved(each, xp) for each in value]
    if not isinstance(value, numpy.ndarray):
        return value
    if xp is numpy:
        return value.copy()
    return xp.asarray(value.astype("float32") if value.dtype.kind == "f" else value)


def on_host(got: Any) -> Any:
    """An array of the stand-in's as one of NumPy's, in double precision; anything else stays."""
    return got.get().astype("float64") if hasattr(got, "memory") else got


def flat(values: dict) -> dict:
    """The arguments by name, those in lists by name and number."""
    found = {}
    for name, value in values.items():
        if isinstance(value, list):
            found |= {f"{name}[{i}]": each for i, each in enumerate(value)}
        else:
            found[name] = value
    return found
