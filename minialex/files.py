"""Writes files atomically, and never overwrites files that minialex did not make."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from minialex.errors import InputError

#: These mark pictures and pages as made by minialex. They are near the beginning of each file.
PNG_MARK, HTML_MARK = b"Software\0minialex", b'<meta name="generator" content="minialex">'


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """A temporary path to write to, in the same folder, for a `with` block.

    It is renamed to `path` when the block ends, or removed if the block raises an exception.
    """
    temporary = path.with_name(path.name + ".part")
    try:
        yield temporary
    except OSError as error:  # a full disk's does not say which file
        error.filename = error.filename or str(path)
        raise
    else:
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_output(path: Path, content: bytes) -> None:
    """Writes a picture or page that contains minialex's mark to `path`; creates its folder.

    InputError if `path` is a folder or a file that minialex did not make.
    """
    check_replaceable(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        file.write_bytes(content)


def check_replaceable(path: Path) -> None:
    """InputError if `path` is a folder or a file that minialex did not make."""
    if path.is_dir():
        raise InputError(f"{path} is a folder, expected the name of a file")
    if path.exists():
        with open(path, "rb") as file:
            beginning = file.read(1000)
        if PNG_MARK not in beginning and HTML_MARK not in beginning:
            raise InputError(
                f"{path} already exists and was not made by minialex, so it is not replaced: "
                "choose another --out"
            )
