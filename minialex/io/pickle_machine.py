"""Reads pickles without executing them.

A pickle is a program for a stack machine. Python's own machine calls any function that the program
names, `os.system` as readily as `OrderedDict`: loading a pickle means running it. This machine
builds numbers, strings, tuples, lists and dicts, and calls only functions that its caller allows.
Whatever else the pickle would call becomes a Record: a note of what was to be called with what,
which nobody ever calls.
"""

import io
import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

#: The longest pickle, in bytes, where the caller does not say. The names, shapes and offsets of
#: 10,000 tensors take less than half of it. The objects built from it may take 100 times as much
#: memory.
LONGEST = 4 << 20

#: The most instructions. 10,000 tensors take a tenth of it.
MOST = 3_000_000

#: pickletools' names of the instructions whose argument is the value itself.
NUMBERS = {"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"}
UNICODE = {"UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"}
STRINGS = {"STRING", "BINSTRING", "SHORT_BINSTRING"}
BYTES = {"BINBYTES", "SHORT_BINBYTES", "BINBYTES8"}
CONSTANTS = NUMBERS | UNICODE | STRINGS | BYTES
VALUES = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
EMPTY = {"EMPTY_LIST": list, "EMPTY_TUPLE": tuple, "EMPTY_DICT": dict}
SHORT_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
KEYS = (str, int, float, bytes, type(None))


@dataclass(frozen=True)
class Unknown:
    """A class or function that the pickle names, by its name alone: "argparse.Namespace"."""

    name: str


class Record:
    """What the pickle says of an object of an unknown class, or of a call of an unknown function.

    name        of the class or function
    arguments   it was to be called with
    state       what the object's attributes were to become, often a dict
    items       what was to be appended to it
    entries     what was to be set in it, as in a dict
    """

    def __init__(self, name: str, arguments: tuple):
        self.name, self.arguments = name, arguments
        self.state: Any = None
        self.items: list = []
        self.entries: dict = {}


def unpickle(
    file: BinaryIO,
    known: dict[str, Any],
    persistent: Callable[[Any], Any] | None = None,
    unknown: set[str] | None = None,
    longest: int | None = None,
) -> Any:
    """The object in the pickle at the file's position, which then moves to the end of the pickle.

    known: {"module.name": what the name means}, either a value or a function that the pickle may
        call with objects that it has built. Any other name is an Unknown.
    persistent: returns the object for a persistent id, which refers to data outside the pickle.
    unknown: to which the names are added that are not known.
    longest: the most bytes that the pickle may have; None means LONGEST.
    Raises ValueError for a refused instruction, and ValueError, LookupError, TypeError or EOFError
    if the pickle is damaged.
    """
    start, longest = file.tell(), longest or LONGEST
    # Not from the file itself: pickletools would allocate a terabyte if the pickle claims as much.
    pickled = io.BytesIO(file.read(2 * longest))
    stack, below, memo = [], [], {}  # `below`: the stacks under each mark

    def since_mark() -> list:
        """Pops everything above the last mark."""
        nonlocal stack
        items, stack = stack, below.pop()
        return items

    def named(module: str, attribute: str) -> Any:
        name = f"{module}.{attribute}"
        if name in known:
            return known[name]
        if unknown is not None:
            unknown.add(name)
        return Unknown(name)

    for count, (opcode, argument, position) in enumerate(pickletools.genops(pickled)):
        if position > longest:
            raise ValueError(f"its pickle is longer than {longest:,} bytes")
        if count > MOST:
            raise ValueError(f"its pickle has more than {MOST:,} instructions")
        match opcode.name:
            case "PROTO" | "FRAME":
                pass
            case constant if constant in CONSTANTS:
                stack.append(argument)
            case value if value in VALUES:
                stack.append(VALUES[value])
            case empty if empty in EMPTY:
                stack.append(EMPTY[empty]())
            case "MARK":
                below.append(stack)
                stack = []
            case "LIST" | "TUPLE" | "DICT" as kind:
                items = since_mark()
                stack.append({"LIST": list, "TUPLE": tuple, "DICT": pairs}[kind](items))
            case "EMPTY_SET":
                stack.append(Record("builtins.set", ()))
            case "FROZENSET":
                stack.append(Record("builtins.frozenset", (since_mark(),)))
            case short if short in SHORT_TUPLES:
                items = [stack.pop() for _ in range(SHORT_TUPLES[short])]
                stack.append(tuple(reversed(items)))
            case "APPEND":
                item = stack.pop()
                items_of(stack[-1]).append(item)
            case "APPENDS" | "ADDITEMS":
                items = since_mark()
                items_of(stack[-1]).extend(items)
            case "SETITEM":
                items = [stack.pop(), stack.pop()]
                entries_of(stack[-1]).update(pairs(items[::-1]))
            case "SETITEMS":
                items = since_mark()
                entries_of(stack[-1]).update(pairs(items))
            case "PUT" | "BINPUT" | "LONG_BINPUT":
                memo[argument] = stack[-1]
            case "MEMOIZE":
                memo[len(memo)] = stack[-1]
            case "GET" | "BINGET" | "LONG_BINGET":
                stack.append(memo[argument])
            case "GLOBAL":
                stack.append(named(*argument.split(" ", 1)))
            case "STACK_GLOBAL":
                attribute, module = stack.pop(), stack.pop()
                stack.append(named(expect(module, str), expect(attribute, str)))
            case "REDUCE":
                arguments = expect(stack.pop(), tuple)
                stack.append(called(stack.pop(), arguments))
            case "NEWOBJ":
                arguments = expect(stack.pop(), tuple)
                stack.append(Record(expect(stack.pop(), Unknown).name, arguments))
            case "NEWOBJ_EX":
                by_name, arguments = stack.pop(), expect(stack.pop(), tuple)
                stack.append(Record(expect(stack.pop(), Unknown).name, (*arguments, by_name)))
            case "OBJ":
                function, *arguments = since_mark()
                stack.append(Record(expect(function, Unknown).name, tuple(arguments)))
            case "INST":
                function = named(*argument.split(" ", 1))
                stack.append(Record(expect(function, Unknown).name, tuple(since_mark())))
            case "BUILD":
                state = stack.pop()
                if isinstance(stack[-1], Record):
                    stack[-1].state = state
                else:  # attributes of an OrderedDict, where torch keeps version numbers
                    expect(stack[-1], dict)
            case "BINPERSID" if persistent:
                stack.append(persistent(stack.pop()))
            case "STOP":
                file.seek(start + pickled.tell())
                return stack.pop()
            case other:
                raise ValueError(f"it has the instruction {other}, which is refused")
    raise EOFError("its pickle has no end")


def called(function: Any, arguments: tuple) -> Any:
    """What a known function returns; a Record for an unknown one."""
    if isinstance(function, Unknown):
        return Record(function.name, arguments)
    if not callable(function):  # only `known` has functions
        kind = type(function).__name__
        raise ValueError(f"it calls a value of type {kind}, expected a function")
    return function(*arguments)


def items_of(target: Any) -> list:
    """The list to append to."""
    return target.items if isinstance(target, Record) else expect(target, list)


def entries_of(target: Any) -> dict:
    """The dict to set entries of."""
    return target.entries if isinstance(target, Record) else expect(target, dict)


def pairs(items: list) -> dict:
    """The dict from a list [key, value, key, value, …], without keys that are no strings or
    numbers."""
    both = zip(items[::2], items[1::2], strict=True)
    return {key: value for key, value in both if isinstance(key, KEYS)}


def expect(value: Any, kind: type) -> Any:
    """`value`, after checking its type; ValueError if it is not a `kind`."""
    if not isinstance(value, kind):
        raise ValueError(f"it has a value of type {type(value).__name__}, expected {kind.__name__}")
    return value
