"""NumPy's own files, .npz and .npy, of which no pickle is ever loaded."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy

from minialex.errors import DAMAGED, InputError
from minialex.io.npz_file import Npz


def read_npz(path: Path) -> dict[str, numpy.ndarray]:
    """The arrays in a .npz file by name; InputError if it is none, or damaged, has pickles, or
    unpacks to more than the memory that is free."""
    with _reading(path, ".npz", b"PK"), Npz(path) as archive:
        return archive.arrays()


def map_npy(path: Path) -> numpy.ndarray:
    """The array in a .npy file, of which parts are read when they are asked for.

    InputError if it is none, or damaged, or has pickles.
    """
    with _reading(path, ".npy", b"\x93NUMPY"):
        return numpy.load(path, mmap_mode="r", allow_pickle=False)


@contextlib.contextmanager
def _reading(path: Path, kind: str, beginning: bytes) -> Iterator[None]:
    """Errors in the block become an InputError that names the file, and so does another
    beginning."""
    try:
        with open(path, "rb") as file:
            found = file.read(len(beginning))
        if found != beginning:
            raise ValueError(f"starts with {found.hex(' ')}, expected {beginning.hex(' ')}")
        yield
    except MemoryError as error:
        raise InputError(f"{path}: more than fits in memory ({error})") from error
    except (OSError, *DAMAGED) as error:
        reason = " ".join(str(error).split())
        if "allow_pickle" in reason or "Python objects" in reason:
            reason = "has objects that are pickles, which are never loaded"
        raise InputError(f"{path}: not a readable {kind} file ({reason})") from error
