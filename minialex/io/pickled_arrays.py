"""NumPy's arrays in pickles that pickle_machine.py has read without running them."""

from typing import Any

import numpy

from minialex.io.pickle_machine import Record, expect

#: What a pickle may call: how Python 3 writes bytes in the old protocols.
KNOWN = {"_codecs.encode": lambda text, encoding: as_bytes(text)}

#: The types of numbers that are read, as NumPy's pickles call them.
TYPES = ("u1", "i4", "i8", "f2", "f4", "f8")


def state_of(record: Any) -> tuple[tuple, Record, bool, Any]:
    """(shape, Record of the type, whether the first index runs fastest, content) of an array.

    NumPy pickles an array as a call of `_reconstruct`, with the state (version, shape, type, order,
    content): bytes, or a list if the array is of objects. ValueError if it is anything else.
    """
    if not expect(record, Record).name.endswith(".multiarray._reconstruct"):
        raise ValueError(f"expected an array, got {record.name}")
    _, shape, kind, fortran, content = expect(record.state, tuple)
    if expect(kind, Record).name != "numpy.dtype":
        raise ValueError(f"expected the type of an array, got {kind.name}")
    return expect(shape, tuple), kind, bool(fortran), content


def array_of(record: Any) -> numpy.ndarray:
    """The array of numbers that the Record describes. ValueError if it describes none."""
    shape, kind, fortran, content = state_of(record)
    if kind.arguments[0] not in TYPES:
        raise ValueError(f"expected an array of numbers, got {kind.arguments[0]}")
    order = ">" if kind.state and kind.state[1] == ">" else "<"
    numbers = numpy.frombuffer(as_bytes(content), order + kind.arguments[0])
    return numbers.reshape(shape, order="F" if fortran else "C")


def as_bytes(text: str | bytes) -> bytes:
    """Python 2's strings were bytes; the pickle machine returns them as text."""
    return text if isinstance(text, bytes) else expect(text, str).encode("latin-1")
