"""An exclusive claim on a folder: one training at a time writes there."""

import contextlib
import errno
import os
import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from minialex.errors import InputError
from minialex.files import naming

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

#: The file in the folder that is locked, and what it says: who has locked it.
NAME, HOLDER = "training.lock", re.compile(r"(process \d+ on \S+\n)?")

#: What locking raises where another process has the lock; all else means that there are no locks.
TAKEN = (errno.EAGAIN, errno.EACCES, errno.EDEADLK)

#: The byte that is locked on Windows, where nobody else can read what is locked.
BYTE = 1 << 20


class Claim:
    """What this process holds: the folder as it was then, and the `file` in it that is locked."""

    def __init__(self, folder: Path, file: BinaryIO):
        self.folder, self.file = folder, file
        self.status = os.stat(folder)

    def holds(self) -> bool:
        """Whether the claimed folder is still at its path. There may be another one by now, or one
        that another training has claimed."""
        try:
            same = os.path.samestat(os.stat(self.folder), self.status)
        except OSError:
            return False
        with contextlib.suppress(FileNotFoundError):  # whoever has removed it holds nothing
            same &= is_at(self.folder / NAME, self.file)
        return same


def is_at(path: Path, file: BinaryIO) -> bool:
    """Whether the open file is the one at `path`. FileNotFoundError if there is none."""
    return os.path.samestat(os.fstat(file.fileno()), os.stat(path))


@contextlib.contextmanager
def claimed(folder: Path) -> Iterator[Claim]:
    """Within it the folder is this process's, for training; InputError if it is another's.

    The operating system frees the lock on the folder's training.lock when the process ends, however
    it does. The file that a killed process leaves claims nothing.
    """
    path = folder / NAME
    file = locked(path)
    try:
        with naming(path):
            file.truncate(0)
            file.write(f"process {os.getpid()} on {socket.gethostname()}\n".encode())
            file.flush()
        yield Claim(folder, file)
    finally:
        with contextlib.suppress(OSError):  # Windows removes no open file: there it stays
            if is_at(path, file):
                path.unlink()
        with naming(path):  # closing writes what a full disk did not take, and fails again
            file.close()


def locked(path: Path) -> BinaryIO:
    """The file at `path`, open and locked; it is made if there is none."""
    while True:
        file = open(path, "ab+")  # noqa: SIM115
        try:
            file.seek(0)
            if not lock(file):
                holder = file.read(1000).decode(errors="replace").strip() or "a process"
                raise InputError(f"{path.parent}: another training ({holder}) is writing there")
            if is_at(path, file):
                if not HOLDER.fullmatch(file.read(1000).decode(errors="replace")):
                    raise InputError(f"{path} is not from minialex, which would overwrite it")
                return file
        except FileNotFoundError:
            pass  # its holder has removed it since
        except BaseException:
            file.close()
            raise
        file.close()


def lock(file: BinaryIO) -> bool:
    """Locks the file; returns False if another process has."""
    try:
        if sys.platform == "win32":
            file.seek(BYTE)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            file.seek(0)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in TAKEN:
            file.seek(0)
            return False
        print(f"note: {file.name} cannot be locked: train there only once", file=sys.stderr)
    return True
