"""What a page asks to see: a picture, weights, and what is changed in the network.

It comes as JSON from a browser, so nothing in it is trusted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from minialex.errors import InputError

#: What gradients are of: the loss if the class were the right answer, or the logit of the class.
QUANTITIES = ("loss", "logit")


@dataclass(frozen=True)
class Changes:
    """How the network differs from the one that was trained.

    silenced   (layer, number) of kernels and linear units whose output is 0
    bypassed   the local response normalisations that are left out
    unpadded   the convolutions whose units give 0 where their window reaches into the padding
    dropping   the dropout layers that drop units out although nothing is trained
    seed       which units those are
    """

    silenced: frozenset[tuple[str, int]] = frozenset()
    bypassed: frozenset[str] = frozenset()
    unpadded: frozenset[str] = frozenset()
    dropping: frozenset[str] = frozenset()
    seed: int = 0


NO_CHANGES = Changes()


@dataclass(frozen=True)
class State:
    """What a page shows.

    picture   the picture's name (pictures.py)
    moment    the name of the weights (moments.py)
    covered   (row, column, side) of a grey square on the picture; None for no square
    changes   to the network
    """

    picture: str
    moment: str
    covered: tuple[int, int, int] | None = None
    changes: Changes = NO_CHANGES


@dataclass(frozen=True)
class Question:
    """What gradients are asked for: those of the "loss" or the "logit" (`quantity`) of a class."""

    class_number: int
    quantity: str = "loss"


def read_state(given: Any) -> State:
    """The state that a page has sent as JSON. InputError if it is none."""
    fields = mapping(given, "state")
    covered = fields.get("covered")
    changes = mapping(fields.get("changes", {}), "changes")
    return State(
        text(fields.get("picture"), "picture"),
        text(fields.get("moment"), "moment"),
        None if covered is None else square(covered),
        Changes(
            frozenset(kernel(each) for each in sequence(changes.get("silenced", []), "silenced")),
            names(changes, "bypassed"),
            names(changes, "unpadded"),
            names(changes, "dropping"),
            integer(changes.get("seed", 0), "seed"),
        ),
    )


def read_question(given: Any) -> Question:
    """The question that a page has sent as JSON. InputError if it is none."""
    fields = mapping(given, "question")
    quantity = text(fields.get("quantity", "loss"), "quantity")
    if quantity not in QUANTITIES:
        raise InputError(f"quantity: expected one of {', '.join(QUANTITIES)}, got {quantity!r}")
    return Question(integer(fields.get("class"), "class"), quantity)


def read_index(given: Any, what: str) -> tuple[int, ...]:
    """A place in an array that a page has sent as JSON. InputError if it is none."""
    return tuple(integer(each, what) for each in sequence(given, what))


def square(given: Any) -> tuple[int, int, int]:
    numbers = read_index(given, "covered")
    if len(numbers) != 3:
        raise InputError(f"covered: expected row, column and side, got {len(numbers)} numbers")
    return numbers[0], numbers[1], numbers[2]


def kernel(given: Any) -> tuple[str, int]:
    pair = sequence(given, "silenced")
    if len(pair) != 2:
        raise InputError(f"silenced: expected a layer and a number, got {len(pair)} things")
    return text(pair[0], "silenced"), integer(pair[1], "silenced")


def names(changes: dict, what: str) -> frozenset[str]:
    return frozenset(text(each, what) for each in sequence(changes.get(what, []), what))


def checker(kind: type, noun: str, sound: Callable[[Any], bool]) -> Callable[[Any, str], Any]:
    """A function that returns its first argument if it is of the kind and `sound`; else it raises
    an InputError that names its second."""

    def check(given: Any, what: str) -> Any:
        if not isinstance(given, kind) or isinstance(given, bool) or not sound(given):
            raise InputError(f"{what}: expected {noun}, got {said(given)}")
        return given

    return check


def said(given: Any) -> str:
    """What was given, if it is short; else of which kind it is."""
    if isinstance(given, str | float | bool | None) or (
        isinstance(given, int) and abs(given) < 2**63
    ):
        return repr(given)[:50]
    return {dict: "an object", list: "a list"}.get(type(given), "a number too large")


mapping = checker(dict, "an object", lambda given: True)
sequence = checker(list, "a list of at most 10,000 things", lambda given: len(given) <= 10_000)
text = checker(str, "a text of at most 200 characters", lambda given: len(given) <= 200)
integer = checker(int, "a whole number from 0", lambda given: 0 <= given < 2**53)
