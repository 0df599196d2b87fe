"""Writing files so that a killed process never leaves half of one, and nobody loses a file of his own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from minialex.errors import InputError

#: By what a picture or a page is known as made by minialex: it stands near the beginning of each.
PNG_MARK, HTML_MARK = b"Software\0minialex", b'<meta name="generator" content="minialex">'


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Gives a temporary path beside `path` to write to; renames it to `path` when the block ends well, else removes it."""
    temporary = path.with_name(path.name + ".part")
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_output(path: Path, content: bytes) -> None:
    """Writes a picture or a page made by minialex, with its mark in it, to `path`, whole; makes the folder if there is none."""
    check_replaceable(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as file:
        file.write_bytes(content)


def check_replaceable(path: Path) -> None:
    """InputError if `path` is a folder or a file that minialex did not make: only what it made is ever replaced."""
    if path.is_dir():
        raise InputError(f"{path} is a folder, expected the name of a file")
    if path.exists():
        with open(path, "rb") as file:
            beginning = file.read(1000)
        if PNG_MARK not in beginning and HTML_MARK not in beginning:
            raise InputError(
                f"{path} is there already and not made by minialex: it is not replaced, choose another --out"
            )
