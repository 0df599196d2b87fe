"""Where the pictures of a data set are, and whether they are still there."""

import os
from dataclasses import dataclass
from pathlib import Path

from minialex.data.dataset import Images
from minialex.errors import InputError


@dataclass(frozen=True)
class Whereabouts:
    """The folder or file that all pictures lie in, with what tells it from another one that comes
    to the same path: its device and its number there."""

    path: str
    identity: tuple[int, int]

    @classmethod
    def of(cls, images: Images) -> "Whereabouts | None":
        """That of the first and of the last picture: the lists are sorted. None for pictures that
        are in memory or not in files."""
        listed = getattr(images, "paths", None)
        ends = [getattr(listed[i], "file", listed[i]) for i in (0, -1)] if listed else []
        if not ends or not all(isinstance(end, str | os.PathLike) for end in ends):
            return None
        path = os.path.commonpath(map(os.path.abspath, ends))
        try:
            return cls(path, identity(path))
        except OSError:
            return None

    def check_there(self) -> None:
        """InputError if it is gone: a picture that cannot be read is not damaged then."""
        try:
            there = identity(self.path) == self.identity
        except OSError:
            there = False
        if not there:
            raise InputError(f"{self.path} is gone: the pictures in it were moved or removed")


def identity(path: Path | str) -> tuple[int, int]:
    """Of a folder or a file."""
    status = os.stat(path)
    return status.st_dev, status.st_ino
