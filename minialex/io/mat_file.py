"""Reads MATLAB's files of versions 5 to 7.2 without another library.

The format is MathWorks', "MAT-File Format", level 5: elements, each with a type and a size, which
may be compressed and hold others. Numbers, text, cells and structs are read, and what MATLAB can
only run (functions, objects) is left out. No size is believed before there are as many bytes.

It is not SciPy's loadmat because a damaged file must end in an error, whatever is in it, and never
in the end of the process.
"""

import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy

from minialex.available_memory import DEFLATE, check_fits

#: The element types that are not plain numbers.
MATRIX, COMPRESSED = 14, 15

#: The types of numbers, and how text is encoded, by the element types.
NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8"}
NUMBERS |= {12: "i8", 13: "u8"}
ENCODINGS = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}

#: What a matrix holds.
CELL, STRUCT, CHAR = 1, 2, 4
ARRAYS = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4"}
ARRAYS |= {14: "i8", 15: "u8"}

COMPLEX = 0x0800  #: the flag of complex numbers

DEPTH = 50  #: how many cells and structs may lie in each other


def read(path: Path) -> dict[str, numpy.ndarray]:
    """The variables in the file by their names.

    Numbers are arrays of their type, text an array of its rows, (1,) for most, cells an array of
    objects, and structs one of objects with the fields as attributes; what is left out is None
    among these. OSError, or one of errors.DAMAGED if the file is damaged or of another version.
    """
    found = {}
    with open(path, "rb") as file:
        order = order_of(file.read(128))
        while head := file.read(8):
            kind, size = struct.unpack(f"{order}II", head)
            content = file.read(size)
            if len(content) < size:
                raise ValueError(f"it is cut off: {size:,} bytes announced, {len(content):,} there")
            if kind == COMPRESSED:
                kind, content = inflated(content, order)
            if kind != MATRIX:
                raise ValueError(f"it has an element of type {kind}, expected a matrix")
            name, value = matrix(content, order)
            if value is not None:
                found[name] = value
    return found


def order_of(header: bytes) -> str:
    """The order of bytes, "<" or ">", that the file's header says."""
    marks = {b"IM": "<", b"MI": ">"}
    if len(header) < 128 or header[126:] not in marks:
        raise ValueError("it has no header of MATLAB's version 5")
    order = marks[header[126:]]
    (version,) = struct.unpack(f"{order}H", header[124:126])
    if version != 0x0100:
        raise ValueError(f"it is of version {version:#06x}, expected 0x0100: save it with -v7")
    return order


def inflated(content: bytes, order: str) -> tuple[int, bytes]:
    """The type and the content of a compressed element."""
    stream = zlib.decompressobj()
    head = stream.decompress(content, 8)
    kind, size = struct.unpack(f"{order}II", head)
    if size > DEFLATE * len(content):
        raise ValueError(f"it announces {size:,} bytes, more than {len(content):,} can stand for")
    check_fits(size)
    inner = stream.decompress(stream.unconsumed_tail, size) if size else b""
    if len(inner) < size:
        raise ValueError(f"it is cut off: {size:,} bytes announced, {len(inner):,} there")
    return kind, inner


def elements(content: bytes | memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """The types and the contents of the elements that lie behind each other."""
    rest = memoryview(content)
    while len(rest) >= 8:
        kind, size = struct.unpack(f"{order}II", rest[:8])
        if kind >> 16:  # up to four bytes, in the place of a size
            kind, size = kind & 0xFFFF, kind >> 16
            start, end = 4, 8
        else:
            start, end = 8, 8 + size + -size % 8
        if start + size > min(end, len(rest)):
            raise ValueError(f"an element announces {size:,} bytes, of {len(rest):,}")
        yield kind, rest[start : start + size]
        rest = rest[end:]


def matrix(content: bytes | memoryview, order: str, depth: int = 0) -> tuple[str, Any]:
    """The name and the value of a matrix; None for one that is left out."""
    if depth > DEPTH:
        raise ValueError(f"it has cells or structs in each other more than {DEPTH} deep")
    parts = elements(content, order)
    if not content:  # an empty cell
        return "", numpy.zeros((0, 0))
    flags = integers(next(parts, None), order)[0]
    kind = int(flags & 0xFF)
    if kind not in (CELL, STRUCT, CHAR, *ARRAYS):
        return "", None
    shape = tuple(integers(next(parts, None), order).tolist())
    name = bytes(part(next(parts, None))[1]).decode("latin-1")
    count = math.prod(shape)
    if len(shape) < 2 or min(shape) < 0:
        raise ValueError(f"{name} has the shape {shape}")
    if kind in ARRAYS:
        if flags & COMPLEX:
            raise ValueError(f"{name} has complex numbers")
        found = numbers(next(parts, None), order)
        check_fits(len(found) * numpy.dtype(ARRAYS[kind]).itemsize)
        return name, found.astype(ARRAYS[kind], copy=False).reshape(shape, order="F")
    if kind == CHAR:
        return name, text(part(next(parts, None)), shape, order)
    fields = field_names(parts, order) if kind == STRUCT else [""]
    if 8 * count * len(fields) > len(content):
        raise ValueError(f"{name} announces {count:,} cells or structs, more than it can hold")
    values = numpy.empty(count, object)
    for i in range(count):
        held = [matrix(part(next(parts, None))[1], order, depth + 1)[1] for _ in fields]
        named = SimpleNamespace(**dict(zip(fields, held, strict=True)))
        values[i] = held[0] if kind == CELL else named
    return name, values.reshape(shape, order="F")


def part(element: tuple[int, memoryview] | None) -> tuple[int, memoryview]:
    """An element of a matrix, which may be missing."""
    if element is None:
        raise ValueError("a matrix ends too early")
    return element


def numbers(element: tuple[int, memoryview] | None, order: str) -> numpy.ndarray:
    """The numbers in an element."""
    kind, content = part(element)
    if kind not in NUMBERS:
        raise ValueError(f"it has an element of type {kind}, expected numbers")
    return numpy.frombuffer(content, order + NUMBERS[kind])


def integers(element: tuple[int, memoryview] | None, order: str) -> numpy.ndarray:
    """The whole numbers in an element, of which there is at least one."""
    found = numbers(element, order)
    if not len(found) or found.dtype.kind == "f":
        raise ValueError("a matrix does not say its shape or kind")
    return found


def text(element: tuple[int, memoryview], shape: tuple[int, ...], order: str) -> numpy.ndarray:
    """The rows of a text; as in all arrays of MATLAB's, its letters go down the columns."""
    kind, content = element
    encoding = ENCODINGS.get(kind)
    if encoding is None:
        raise ValueError(f"it has text in an element of type {kind}")
    wide = {"<": "-le", ">": "-be"}[order] if encoding[-2:] in ("16", "32") else ""
    letters = bytes(content).decode(encoding + wide)
    rows, count = shape[0], math.prod(shape)
    if len(letters) != count:
        raise ValueError(f"it has a text of {len(letters)} letters, expected {count}")
    return numpy.array([letters[row::rows] for row in range(rows)] if count else [], str)


def field_names(parts: Iterator[tuple[int, memoryview]], order: str) -> list[str]:
    """The names of a struct's fields, of the same length each, with zeros behind."""
    length = int(integers(next(parts, None), order)[0])
    content = bytes(part(next(parts, None))[1])
    if length < 1 or len(content) % length:
        raise ValueError(f"it has {len(content)} bytes of names of {length} each")
    names = [content[i : i + length].partition(b"\0")[0] for i in range(0, len(content), length)]
    return [name.decode("latin-1") for name in names]
