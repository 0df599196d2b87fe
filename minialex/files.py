"""Writes files atomically, replaces only those that minialex made, and reads no pipes."""

import glob
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from minialex.errors import InputError

#: These mark pictures and pages as made by minialex. They are near the beginning of each file.
PNG_MARK, HTML_MARK = b"Software\0minialex", b'<meta name="generator" content="minialex">'


#: What kinds of files people expect pictures and pages to be.
KINDS = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".svg", ".pdf", ".html")

#: After so many seconds without a change, a temporary file is one that a killed process has left.
ABANDONED = 86400


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """A temporary path to write to, in the same folder, for a `with` block; no other process or
    thread has the same.

    It is renamed to `path` when the block ends, or removed if the block raises an exception.
    """
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        with naming(path, temporary):
            yield temporary
            with open(temporary, "rb+") as file:
                os.fsync(file.fileno())
            os.replace(temporary, path)
    finally:
        with suppress(OSError):  # it is gone, or the file system has become read-only
            temporary.unlink()
    remove_leftovers(path.parent, glob.escape(path.name), ABANDONED)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """The same for a new folder with all that is in it: there is none at `path` yet."""
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        with naming(path, temporary):
            temporary.mkdir()
            yield temporary
            os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    remove_leftovers(path.parent, glob.escape(path.name), ABANDONED)


def remove_leftovers(folder: Path, names: str, age: float = 0) -> None:
    """Removes the temporary files and folders that killed processes have left in a folder, for
    files whose `names` match the pattern: all that have not changed for `age` seconds."""
    for left in folder.glob(f"{names}.{'[0-9a-f]' * 8}.part"):
        with suppress(OSError):  # another process removes it, too
            if time.time() - left.stat().st_mtime < age:
                continue
            if left.is_dir():
                shutil.rmtree(left)
            else:
                left.unlink()


@contextmanager
def naming(path: Path, temporary: Path | None = None) -> Iterator[None]:
    """Within it, errors of reading and writing name `path` where they name no file, as a full
    disk's do not, or the temporary one, or one in it."""
    try:
        yield
    except OSError as error:
        within = str(error.filename or temporary).removeprefix(str(temporary))
        if error.errno is None or within == str(error.filename):
            raise
        raise OSError(error.errno, error.strerror, str(path) + within) from error


def write_output(path: Path, content: bytes) -> None:
    """Writes a picture or page that contains minialex's mark to `path`; creates its folder.

    InputError if `path` is a folder or a file that minialex did not make.
    """
    check_replaceable(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        file.write_bytes(content)


def check_named(path: Path, suffix: str) -> None:
    """InputError if the name of a file to write promises another kind of file than `suffix`."""
    if path.suffix.lower() in KINDS and path.suffix.lower() != suffix:
        raise InputError(f"{path}: expected a name that ends in {suffix}, got {path.suffix}")


def check_readable(path: Path) -> None:
    """InputError if there is something at `path` that is no file: a pipe or a device may never
    end."""
    if path.exists() and not path.is_file():
        raise InputError(f"cannot read {path}: it is a folder, a pipe or a device")


def check_link(path: Path) -> None:
    """InputError if `path`, or the folder that it lies in, is a link to what is not there."""
    for link in (path.parent, path):
        if link.is_symlink() and not link.exists():
            away = "its disk may not be mounted, or what it led to was moved"
            raise InputError(f"{link} is a link that leads nowhere, to {os.readlink(link)}: {away}")


def check_replaceable(path: Path) -> None:
    """InputError if `path` is a folder, a pipe, a device or a file that minialex did not make."""
    if path.is_dir():
        raise InputError(f"{path} is a folder, expected the name of a file")
    check_readable(path)
    if path.exists():
        with open(path, "rb") as file:
            beginning = file.read(1000)
        if PNG_MARK not in beginning and HTML_MARK not in beginning:
            raise InputError(
                f"{path} already exists and was not made by minialex, so it is not replaced: "
                "choose another --out"
            )
