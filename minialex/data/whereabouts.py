"""Where the pictures of a data set are, and whether they are still there."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minialex.data.dataset import Images
from minialex.errors import InputError


@dataclass(frozen=True)
class Whereabouts:
    """The folder that the first and the last of many pictures lie in, at some depth.

    ends: those two, or the files that hold them. device: the number of the folder's, which was
    another one if the disk is unmounted.
    """

    folder: Path
    ends: tuple[Path, Path]
    device: int

    @classmethod
    def of(cls, images: Images) -> "Whereabouts | None":
        """That of the pictures; None if they are in memory, or not in one folder."""
        ends = ends_of(getattr(images, "paths", ()))
        if ends is None:
            return None
        try:
            folder = Path(os.path.commonpath([end.parent for end in ends]))
            return cls(folder, ends, folder.stat().st_dev)
        except (OSError, ValueError):  # there is none, or they are on two drives
            return None

    def check_there(self) -> None:
        """InputError if it is gone: a picture that cannot be read is not damaged then."""
        if not self.is_there():
            raise InputError(f"{self.folder} is gone: the pictures in it were moved or removed")

    def is_there(self) -> bool:
        """Whether one of the ends is there, or at least the folder, on the same device and not
        empty: where a disk was mounted, an empty folder is left."""
        if any(end.exists() for end in self.ends):
            return True
        try:
            with os.scandir(self.folder) as entries:
                return any(entries) and self.folder.stat().st_dev == self.device
        except PermissionError:
            return True
        except OSError:
            return False


def ends_of(pictures: Sequence[Any]) -> tuple[Path, Path] | None:
    """The absolute paths of the first and the last of the pictures, or of the files that hold them;
    None for pictures that are not in files."""
    if not len(pictures):
        return None
    first, last = (getattr(pictures[i], "file", pictures[i]) for i in (0, -1))
    if not (isinstance(first, str | os.PathLike) and isinstance(last, str | os.PathLike)):
        return None
    return Path(os.path.abspath(first)), Path(os.path.abspath(last))
