"""MATLAB's files, written element by element, so that sizes and kinds may be wrong."""

import struct
import zlib

import numpy

HEADER = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x0100) + b"IM"

INT8, INT32, UINT32, DOUBLE, MATRIX, COMPRESSED, UTF8 = 1, 5, 6, 9, 14, 15, 16
CELL, STRUCT, CHAR, NUMBERS, FUNCTION = 1, 2, 4, 6, 16


def element(kind, content, size=None):
    """An element; size: what it announces instead of its size."""
    head = struct.pack("<II", kind, len(content) if size is None else size)
    return head + content + bytes(-len(content) % 8)


def matrix(of, shape, *parts, name=b"", flags=0, size=None):
    """A matrix that holds the elements `parts`."""
    about = element(UINT32, struct.pack("<II", of | flags, 0))
    about += element(INT32, struct.pack(f"<{len(shape)}i", *shape)) + element(INT8, name)
    return element(MATRIX, about + b"".join(parts), size)


def number(value, name=b""):
    return matrix(NUMBERS, (1, 1), element(DOUBLE, struct.pack("<d", value)), name=name)


def nested(depth):
    """A number in so many cells, called x: as bytes, of which none is copied twice."""
    inner = number(1)
    heads, size = [inner], len(inner)
    for i in range(depth):
        cell = matrix(CELL, (1, 1), name=b"x" * (i == depth - 1))[8:]
        heads.append(struct.pack("<II", MATRIX, len(cell) + size) + cell)
        size += 8 + len(cell)
    return b"".join(reversed(heads))


def compressed(content):
    """An element that holds another one, compressed."""
    packed = zlib.compress(content)
    return struct.pack("<II", COMPRESSED, len(packed)) + packed


def swapped(path):
    """Writes a file of a double array 1, 2, 3, called x, in the other order of bytes."""
    name, values = struct.pack(">II", INT8, 1) + b"x".ljust(8, b"\0"), numpy.arange(1, 4.0)
    parts = struct.pack(">IIII", UINT32, 8, NUMBERS, 0) + struct.pack(">IIii", INT32, 8, 1, 3)
    parts += name + struct.pack(">II", DOUBLE, 24) + values.astype(">f8").tobytes()
    header = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack(">H", 0x0100) + b"MI"
    path.write_bytes(header + struct.pack(">II", MATRIX, len(parts)) + parts)
