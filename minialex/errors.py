"""The error for wrong input, as opposed to a bug in minialex, and what a damaged file becomes."""

import contextlib
import csv
import os
import struct
import sys
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


def explained(error: Exception) -> str:
    """The error in one line, in other words than the system's where those do not say what to do."""
    if isinstance(error, UnicodeEncodeError) and is_locales(error):
        encoding = sys.getfilesystemencoding()
        cannot = f"the locale's encoding, {encoding}, cannot name {error.object!a}"
        return one_line(f"{cannot}: set PYTHONUTF8=1")
    if isinstance(error, IsADirectoryError) and error.filename:
        return one_line(f"{error.filename} is a folder, expected a file")
    absent = isinstance(error, FileNotFoundError) and not os.path.isabs(str(error.filename))
    if absent and current_folder_is_gone():
        return "the current folder is gone: it was moved or removed"
    return one_line(error)


def is_locales(error: UnicodeEncodeError) -> bool:
    """Whether the error is that the locale has no bytes for the name of a file."""
    encoding = sys.getfilesystemencoding()
    if encoding == "utf-8":
        return False
    try:
        error.object.encode(encoding, "surrogateescape")
    except UnicodeEncodeError as again:  # codecs have several names
        return again.encoding == error.encoding
    return False


def current_folder_is_gone() -> bool:
    """Whether the current folder has been removed since this process or its shell went there."""
    try:
        os.getcwd()
    except FileNotFoundError:
        return True
    return False


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
        reason = explained(error) or type(error).__name__
        raise InputError(f"{path} {what}: {reason}") from None
