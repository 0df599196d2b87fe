"""The error for wrong input, as opposed to a bug in minialex, and what a damaged file becomes."""

import contextlib
import csv
import struct
import tarfile
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from minialex.terminal import visible

#: The longest message, in characters: names in files may be longer.
LONGEST = 1000

#: What reading a damaged file raises, sooner or later.
DAMAGED = (
    *(ValueError, TypeError, LookupError, AttributeError, ArithmeticError, EOFError),
    *(RuntimeError, MemoryError, tokenize.TokenError, SyntaxError, csv.Error),
    *(struct.error, zlib.error, zipfile.BadZipFile, tarfile.TarError),
)


class InputError(ValueError):
    """A wrong option, file or checkpoint. Commands print its message and exit with code 2.

    The message is one line that names what was got and what was expected. Whatever a file has put
    into it becomes one line, too, of bounded length.
    """

    def __init__(self, message: str):
        super().__init__(one_line(message))


def one_line(message: object) -> str:
    """The message in one visible line; of one that is longer than LONGEST, the beginning and the
    end."""
    line = visible(" ".join(str(message).split()))
    half = LONGEST // 2
    return line if len(line) <= LONGEST else f"{line[:half]} … {line[-half:]}"


class NotFinite(InputError):
    """A loss or a weight has become infinite or NaN."""


@contextlib.contextmanager
def refusing(path: Path | str, what: str) -> Iterator[None]:
    """Within it, any error that damage causes becomes an InputError: "PATH WHAT: REASON"."""
    try:
        yield
    except InputError:
        raise
    except DAMAGED as error:
        reason = one_line(error) or type(error).__name__
        raise InputError(f"{path} {what}: {reason}") from None
