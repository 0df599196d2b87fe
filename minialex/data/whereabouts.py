"""Where the pictures of a data set are, and whether they are still there."""

import os
from dataclasses import dataclass
from pathlib import Path

from minialex.data.dataset import Images
from minialex.errors import InputError


@dataclass(frozen=True)
class Whereabouts:
    """The folder or file that all pictures lie in, and the number of its device: that of a disk
    which is unmounted was another one."""

    path: Path
    device: int

    @classmethod
    def of(cls, images: Images) -> "Whereabouts | None":
        """That of the first and of the last picture: the lists are sorted. None for pictures that
        are in memory or not in files."""
        listed = getattr(images, "paths", None)
        ends = [getattr(listed[i], "file", listed[i]) for i in (0, -1)] if listed else []
        if not ends or not all(isinstance(end, str | os.PathLike) for end in ends):
            return None
        path = Path(os.path.commonpath(map(os.path.abspath, ends)))
        return cls(path, path.stat().st_dev) if path.exists() else None

    def check_there(self) -> None:
        """InputError if it is gone: a picture that cannot be read is not damaged then."""
        if not self.is_there():
            raise InputError(f"{self.path} is gone: the pictures in it were moved or removed")

    def is_there(self) -> bool:
        """Whether it is on the same device, and not empty: where a disk was mounted, an empty
        folder is left. Its inode may be another: some file systems number a folder anew."""
        try:
            same = self.path.stat().st_dev == self.device
            return same and not (self.path.is_dir() and not any(self.path.iterdir()))
        except OSError:
            return False
