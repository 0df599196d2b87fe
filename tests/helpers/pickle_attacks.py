"""Pickles that run a harmless command when Python reads them, in every way a pickle can."""

import pickle

from torch_files import pickled


class Attack:
    """Python runs `function(*arguments)` when it reads the pickle of this."""

    def __init__(self, function, *arguments):
        self.reduced = function, arguments

    def __reduce__(self):
        return self.reduced


def attacks(path):
    """Pickles that make a file at `path`, or would if that module were there, when Python reads them."""
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
    yield (
        b"\x80\x04csubprocess\nPopen\n((lp0\nS'touch'\naS'" + str(path).encode() + b"'\nat}\x92."
    )  # NEWOBJ_EX
    yield b"\x80\x04" + pickled("os") + pickled("system") + b"\x93(" + text + b"tR."  # STACK_GLOBAL
    yield b"c__builtin__\ngetattr\n(cos\n__dict__\n" + pickled("system") + b"tR(" + text + b"tR."
    yield b"ccollections\nOrderedDict.__init__.__globals__\n."  # only Python's own reader looks along dots
    yield b"\x82\x01."  # EXT1
