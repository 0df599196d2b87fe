"""Reads pickles without executing them.

A pickle is a program for a stack machine. Python's own machine calls any function that the program
names, `os.system` as readily as `OrderedDict`: loading a pickle means running it. This machine
knows only the instructions that build numbers, strings, tuples, lists and dicts, and only the names
that its caller allows. It refuses any other name or instruction before it has any effect.
"""

import io
import pickletools
from collections.abc import Callable
from typing import Any, BinaryIO

#: The longest pickle, in bytes. The names, shapes and offsets of 10,000 tensors take less than half
#: of it. The objects built from it may take 100 times as much memory.
LONGEST = 4 << 20

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


class RefusedName(ValueError):
    """The pickle uses a name that is not allowed."""


def unpickle(
    file: BinaryIO, known: dict[str, Any], persistent: Callable[[Any], Any] | None = None
) -> Any:
    """The object in the pickle at the file's position, which then moves to the end of the pickle.

    known: {"module.name": what the name means}, either a value or a function that the pickle may
        call with objects that it has built.
    persistent: returns the object for a persistent id, which refers to data outside the pickle.
    Raises RefusedName or ValueError for a refused name or instruction, and ValueError, LookupError,
    TypeError or EOFError if the pickle is damaged.
    """
    start = file.tell()
    # Not from the file itself: pickletools would allocate a terabyte if the pickle claims as much.
    pickled = io.BytesIO(file.read(2 * LONGEST))
    stack, below, memo = [], [], {}  # `below`: the stacks under each mark

    def since_mark() -> list:
        """Pops everything above the last mark."""
        nonlocal stack
        items, stack = stack, below.pop()
        return items

    def name(module: str, attribute: str) -> Any:
        if f"{module}.{attribute}" not in known:
            raise RefusedName(f"it uses {module}.{attribute}, which is refused")
        return known[f"{module}.{attribute}"]

    for opcode, argument, position in pickletools.genops(pickled):
        if position > LONGEST:
            raise ValueError(f"its pickle is longer than {LONGEST:,} bytes")
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
            case short if short in SHORT_TUPLES:
                items = [stack.pop() for _ in range(SHORT_TUPLES[short])]
                stack.append(tuple(reversed(items)))
            case "APPEND":
                item = stack.pop()
                expect(stack[-1], list).append(item)
            case "APPENDS":
                items = since_mark()
                expect(stack[-1], list).extend(items)
            case "SETITEM":
                items = [stack.pop(), stack.pop()]
                expect(stack[-1], dict).update(pairs(items[::-1]))
            case "SETITEMS":
                items = since_mark()
                expect(stack[-1], dict).update(pairs(items))
            case "PUT" | "BINPUT" | "LONG_BINPUT":
                memo[argument] = stack[-1]
            case "MEMOIZE":
                memo[len(memo)] = stack[-1]
            case "GET" | "BINGET" | "LONG_BINGET":
                stack.append(memo[argument])
            case "GLOBAL":
                stack.append(name(*argument.split(" ", 1)))
            case "STACK_GLOBAL":
                attribute, module = stack.pop(), stack.pop()
                stack.append(name(expect(module, str), expect(attribute, str)))
            case "REDUCE":
                arguments = expect(stack.pop(), tuple)
                function = stack.pop()
                if not callable(function):  # only `known` has functions
                    raise ValueError(
                        f"it calls a value of type {type(function).__name__}, expected a function"
                    )
                stack.append(function(*arguments))
            case "BUILD":
                # The attributes of an OrderedDict, where torch keeps version numbers: not needed.
                stack.pop()
                expect(stack[-1], dict)
            case "BINPERSID" if persistent:
                stack.append(persistent(stack.pop()))
            case "STOP":
                file.seek(start + pickled.tell())
                return stack.pop()
            case other:
                raise ValueError(f"it has the instruction {other}, which is refused")
    raise EOFError("its pickle has no end")


def pairs(items: list) -> dict:
    """The dict from a list [key, value, key, value, …]; ValueError for a key of another type."""
    for key in items[::2]:
        if not isinstance(key, KEYS):
            raise ValueError(
                f"it has a {type(key).__name__} as a key, expected a string or a number"
            )
    return dict(zip(items[::2], items[1::2], strict=True))


def expect(value: Any, kind: type) -> Any:
    """`value`, after checking its type; ValueError if it is not a `kind`."""
    if not isinstance(value, kind):
        raise ValueError(f"it has a value of type {type(value).__name__}, expected {kind.__name__}")
    return value
