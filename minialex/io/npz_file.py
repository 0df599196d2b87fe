"""NumPy's .npz files, of which no pickle is ever loaded.

Such a file is a zip archive of .npy files, one for each array. It is not numpy.load because no size
that a file announces may be believed before there are as many bytes.
"""

import math
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import numpy
from numpy.lib import format as npy

from minialex.available_memory import DEFLATE, check_fits
from minialex.files import check_readable

#: How many bytes are read at once.
PIECE = 1 << 20

#: What NumPy writes: arrays as they are, or compressed.
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)

#: The methods that read the header of a .npy file, by its version. Version 3 is for names of
#: columns, which no array of numbers has.
HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


class Npz:
    """An opened .npz file; `names` are those of its arrays, in its order.

    InputError if it is a pipe or a device, OSError if it cannot be read, and one of errors.DAMAGED
    if it is damaged or holds anything that is no array.
    """

    def __init__(self, path: Path):
        check_readable(path)
        self.archive = zipfile.ZipFile(path)
        try:
            self.members = members_of(self.archive, path.stat().st_size)
        except BaseException:
            self.archive.close()
            raise
        self.names = list(self.members)

    def __enter__(self) -> "Npz":
        return self

    def __exit__(self, *_: object) -> None:
        self.archive.close()

    def array(self, name: str) -> numpy.ndarray:
        """The array called so. ValueError if there is none, or it is a pickle; MemoryError if it
        takes more than the memory that is free."""
        if name not in self.members:
            held = f"arrays called {', '.join(self.names[:5])}" if self.names else "nothing"
            raise ValueError(f"it holds {held}, not {name}")
        size = self.members[name].file_size
        check_fits(size)
        with self.archive.open(self.members[name]) as file:
            return array_in(file, size, name)

    def arrays(self) -> dict[str, numpy.ndarray]:
        """All arrays by name, as `array` reads them."""
        check_fits(sum(member.file_size for member in self.members.values()))
        return {name: self.array(name) for name in self.names}


def members_of(archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    """The members of the archive, a file of so many bytes, by the names of their arrays."""
    found: dict[str, zipfile.ZipInfo] = {}
    for member in archive.infolist():
        name = member.filename.removesuffix(".npy")
        if name == member.filename:
            raise ValueError(f"{name} is not an array")
        if name in found:
            raise ValueError(f"it has two arrays called {name}")
        if member.compress_type not in METHODS:
            raise ValueError(f"{name} is compressed by method {member.compress_type}")
        times = 1 if member.compress_type == zipfile.ZIP_STORED else DEFLATE
        if member.file_size > times * member.compress_size:
            announced = f"{member.file_size:,} bytes"
            raise ValueError(f"{name} announces {announced}, more than its bytes can stand for")
        found[name] = member
    packed = sum(member.compress_size for member in found.values())
    if packed > size:
        raise ValueError(f"it announces {packed:,} bytes and has {size:,}")
    return found


def array_in(file: IO[bytes], size: int, name: str) -> numpy.ndarray:
    """The array in an opened .npy file of so many bytes; ValueError, which calls it `name`, if it
    has another size than it announces, or is no array of numbers or text."""
    version = npy.read_magic(file)
    if version not in HEADERS:
        raise ValueError(f"{name} is a .npy file of version {version}")
    shape, fortran, kind = HEADERS[version](file)
    if kind.hasobject:
        raise ValueError(f"{name} has objects that are pickles, which are never loaded")
    if not kind.itemsize:  # of which there may be any number
        raise ValueError(f"{name} has elements of no bytes")
    count, left = math.prod(shape), size - file.tell()
    if min(shape, default=0) < 0 or count * kind.itemsize != left:
        raise ValueError(f"{name} announces the shape {shape} of {kind}, and has {left:,} bytes")
    flat = numpy.empty(count, kind)
    content = memoryview(flat.view(numpy.uint8))
    for start in range(0, left, PIECE):
        piece = content[start : start + PIECE]
        if file.readinto(piece) < len(piece):  # type: ignore[attr-defined]
            raise EOFError(f"{name} is cut off")
    return flat.reshape(shape, order="F" if fortran else "C")


def checksum(arrays: Mapping[str, numpy.ndarray]) -> int:
    """The CRC-32 of the arrays with their names, types and shapes, in any order."""
    value = 0
    for name in sorted(arrays):
        array = arrays[name]
        value = zlib.crc32(f"{name} {array.dtype.str} {array.shape}\n".encode(), value)
        value = zlib.crc32(numpy.ascontiguousarray(array), value)
    return value
