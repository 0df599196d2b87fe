"""Pictures that are not files of their own but lie inside a larger one: an archive or a table."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import BinaryIO, TypeAlias


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
