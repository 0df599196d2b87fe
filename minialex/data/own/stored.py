"""Pictures that are not files of their own but lie inside a larger one: an archive or a table."""

import os
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias


@dataclass(frozen=True, slots=True)
class Container:
    """The file at `path` that pictures lie in, with the size and the time of the last change, in
    nanoseconds, that it had when they were listed."""

    path: str
    size: int
    changed: int

    @classmethod
    def at(cls, path: Path | str) -> "Container":
        """The file as it is now."""
        status = os.stat(path)
        return cls(str(path), status.st_size, status.st_mtime_ns)

    def check_unchanged(self) -> None:
        """ValueError if it has been written to: other pictures may lie where they were."""
        if Container.at(self.path) != self:
            raise ValueError("the file has changed since its pictures were listed")


class StoredPicture(ABC):
    """An encoded picture (a JPEG, say) in the file `file`; its text names both.

    size: the number of its bytes; None if it is not known without reading it.
    """

    __slots__ = ()

    file: str
    size: int | None

    @abstractmethod
    def read(self) -> bytes:
        """The encoded picture. OSError or ValueError if it cannot be read."""

    @abstractmethod
    def __str__(self) -> str:
        """The file and the picture's name in it: "train.tar: 000123.jpg"."""


#: Where the bytes of a picture are.
Source: TypeAlias = Path | str | BinaryIO | StoredPicture
