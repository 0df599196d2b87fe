"""IDX files: the format of MNIST, one array in each file."""

import gzip
import math
import os
import zlib
from pathlib import Path

import numpy

from minialex.available_memory import DEFLATE, check_fits
from minialex.errors import InputError

#: The types of number that the data sets here use.
TYPES = {0x08: numpy.dtype(numpy.uint8), 0x0C: numpy.dtype(">i4")}

GZIP = b"\x1f\x8b"  # how a compressed file starts, whatever it is called


def read_idx(path: Path | str) -> numpy.ndarray:
    """The array in an IDX file, compressed by gzip or not: uint8, or int32 (big-endian).

    The format: two zero bytes, the type (08: unsigned bytes, 0c: 32-bit integers), the number of
    dimensions d, d sizes as big-endian 32-bit integers, then the elements. Raises InputError for
    anything else, and for missing or extra bytes.
    """
    path = Path(path)
    try:
        with open(path, "rb") as stored:
            packed = stored.read(2) == GZIP
            stored.seek(0)
            room = os.fstat(stored.fileno()).st_size * (DEFLATE if packed else 1)
            return _array(gzip.GzipFile(fileobj=stored) if packed else stored, room, path)
    except (OSError, EOFError, MemoryError, zlib.error) as error:
        raise InputError(f"{path}: cannot be read ({error}); download it again") from error


def _array(file, room, path):
    """The array in the open `file`, which has at most `room` bytes."""
    start = file.read(4)
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in TYPES:
        raise InputError(
            f"{path}: not an IDX file of bytes or 32-bit integers: starts with {start.hex(' ')}, "
            "expected 00 00 08 or 00 00 0c and the number of dimensions"
        )
    kind, dimensions = TYPES[start[2]], start[3]
    if not 1 <= dimensions <= 3:
        raise InputError(f"{path}: expected 1 to 3 dimensions, got {dimensions}")
    header = 4 + 4 * dimensions
    sizes = file.read(header - 4)
    if len(sizes) < header - 4:
        raise InputError(f"{path}: expected a header of {header} bytes, got {4 + len(sizes)} bytes")
    shape = tuple(int(size) for size in numpy.frombuffer(sizes, ">u4"))
    size = kind.itemsize * math.prod(shape)
    # Memory is taken only if there can be as many bytes; one byte more shows that there are more.
    there = header + size <= room
    check_fits(size if there else 0)
    data = file.read(size + 1) if there else b""
    if len(data) != size:
        got = "more" if len(data) > size else f"{header + len(data)}" if data else f"up to {room}"
        raise InputError(
            f"{path}: expected {header + size} bytes for an array of shape {shape}, got {got}"
        )
    return numpy.frombuffer(data, kind).reshape(shape)
