"""Reading pickles without running them.

A pickle is a program for a machine with a stack. Python's own machine calls whatever the program names, `os.system` as
readily as `OrderedDict`: to load a pickle is to run it. This machine knows only the instructions that build numbers,
strings, tuples, lists and dicts, and only the names that its caller gives it. Any other name or instruction is refused
before anything comes of it.
"""

import io
import pickletools
from collections.abc import Callable
from typing import Any, BinaryIO

#: In bytes. The names, shapes and places of 10,000 tensors take less than half of it; what it can build, 100 times as much.
LONGEST = 4 << 20

#: The instructions whose argument is the value itself, by what they are called in pickletools.
CONSTANTS = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *(
        "UNICODE",
        "BINUNICODE",
        "SHORT_BINUNICODE",
        "BINUNICODE8",
        "STRING",
        "BINSTRING",
        "SHORT_BINSTRING",
    ),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
}
VALUES = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
EMPTY = {"EMPTY_LIST": list, "EMPTY_TUPLE": tuple, "EMPTY_DICT": dict}
SHORT_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
KEYS = (str, int, float, bytes, type(None))


class RefusedName(ValueError):
    """The pickle names something that it was not given."""


def unpickle(
    file: BinaryIO, known: dict[str, Any], persistent: Callable[[Any], Any] | None = None
) -> Any:
    """What the pickle at the file's position stands for; afterwards the position is behind it.

    known: "module.name" -> what the pickle means by it: a function that it may call with what it has built, or a value.
    persistent: makes an object of what the pickle says of one that is kept outside it.
    RefusedName or ValueError naming what was refused; ValueError, LookupError, TypeError or EOFError if it is damaged.
    """
    start = file.tell()
    pickled = io.BytesIO(
        file.read(2 * LONGEST)
    )  # from a file, what claims to be a terabyte long would be given the memory
    stack, below, memo = [], [], {}  # `below`: the stacks under each mark

    def since_mark() -> list:
        """Takes what lies above the last mark off the stack."""
        nonlocal stack
        items, stack = stack, below.pop()
        return items

    def name(module: str, attribute: str) -> Any:
        if f"{module}.{attribute}" not in known:
            raise RefusedName(f"it wants to use {module}.{attribute}, which is refused")
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
                    raise ValueError("it wants to call what is no function")
                stack.append(function(*arguments))
            case (
                "BUILD"
            ):  # an OrderedDict's attributes (torch keeps version numbers there): nobody needs them
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
    """The dict of a list key, value, key, value, …; ValueError for keys that are not plain."""
    for key in items[::2]:
        if not isinstance(key, KEYS):
            raise ValueError(f"it has a {type(key).__name__} as a key, expected a name or a number")
    return dict(zip(items[::2], items[1::2], strict=True))


def expect(value: Any, kind: type) -> Any:
    """The value itself; ValueError unless it is a `kind`."""
    if not isinstance(value, kind):
        raise ValueError(f"it has a {type(value).__name__} where a {kind.__name__} belongs")
    return value
