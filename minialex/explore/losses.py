"""The losses of a run under way, read as they come: each line of losses.jsonl once."""

import os
from pathlib import Path

from minialex.files import check_readable
from minialex.io.run_folder import loss_line

#: How many lines there are at most, and with the newest one more.
MOST = 2000


class Losses:
    """Follows the losses.jsonl at `path`. Of very many lines every second, fourth, … is kept."""

    def __init__(self, path: Path):
        self.path = path
        self.begin()

    def begin(self) -> None:
        """Forgets what has been read."""
        self.file: tuple[int, int] | None = None  #: which file that was
        self.offset, self.count, self.every = 0, 0, 1
        self.kept: list[dict] = []
        self.newest: dict | None = None

    def read(self) -> list[dict]:
        """The lines of the training so far, the newest last; none where there is no file.

        A file that has been replaced, as by a resumed run, is read from its beginning. InputError
        if it is a pipe or a device.
        """
        check_readable(self.path)
        try:
            with open(self.path, "rb") as file:
                status = os.fstat(file.fileno())
                if self.file != (status.st_dev, status.st_ino) or status.st_size < self.offset:
                    self.begin()
                    self.file = (status.st_dev, status.st_ino)
                file.seek(self.offset)
                new = file.read()
        except FileNotFoundError:
            self.begin()
            return []
        whole, _, _ = new.rpartition(b"\n")
        self.offset += len(whole) + 1 if whole else 0
        for text in whole.splitlines():
            self.take(loss_line(text))
        if self.newest is None or self.kept[-1] == self.newest:
            return self.kept
        return [*self.kept, self.newest]

    def take(self, line: dict | None) -> None:
        """Keeps a line, or each second or fourth one of them; a damaged one is None."""
        if line is None:
            return
        self.newest = line
        if self.count % self.every == 0:
            self.kept.append(line)
        self.count += 1
        if len(self.kept) > MOST:
            self.kept, self.every = self.kept[::2], 2 * self.every
