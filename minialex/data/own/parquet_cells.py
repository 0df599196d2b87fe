"""Encoded pictures in the cells of a parquet file's column: all in memory, or read when asked for.

A parquet file is divided into groups of rows, and a cell cannot be read without its group.
"""

import bisect
import itertools
import os
import threading
from dataclasses import dataclass
from typing import Any

from minialex.data.own.stored import Container, StoredPicture

#: The bytes of pictures that are kept in memory where its size is not known.
UNKNOWN = 2 << 30


def memory_for_pictures() -> int:
    """How many bytes of encoded pictures are kept in memory: a quarter of the machine's."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 4
    except (AttributeError, ValueError, OSError):  # not on Windows
        return UNKNOWN


class Cells:
    """The encoded pictures of one file.

    metadata: a pyarrow.parquet.FileMetaData. column: the name of the column, of which the cells are
    bytes or, if `nested`, have a field "bytes".

    bytes: how much memory all of them take, with what else is in their rows.
    """

    def __init__(self, container: Container, metadata: Any, column: str, nested: bool):
        self.container, self.metadata = container, metadata
        self.column, self.nested = column, nested
        self.leaf = f"{column}.bytes" if nested else column
        groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
        rows = (group.num_rows for group in groups)
        self.starts = [0, *itertools.accumulate(rows)]  # the first row of each group, and the end
        # Of all columns: pyarrow ends the process if it is asked for a damaged one's metadata.
        self.bytes = sum(group.total_byte_size for group in groups)
        self.lock = threading.Lock()
        self.groups: dict[int, Any] = {}
        self.in_memory = False

    def load(self) -> None:
        """Reads all cells into memory."""
        self.groups = {number: self._group(number) for number in range(len(self.starts) - 1)}
        self.in_memory = True

    def empty(self) -> set[int]:
        """The rows without a picture, as far as they are in memory."""
        return {
            self.starts[number] + int(row)
            for number, group in self.groups.items()
            for row in group.is_null().to_numpy().nonzero()[0]
        }

    def __getitem__(self, row: int) -> bytes | None:
        """The encoded picture in this row; None if there is none."""
        number = bisect.bisect_right(self.starts, row) - 1
        group = self.groups.get(number)
        if group is None:
            with self.lock:  # those who want the same group read it once
                group = self.groups.get(number)
                if group is None:
                    group = self._group(number)
                    self.groups = {number: group}  # of the others none is kept
        return group[row - self.starts[number]].as_py()

    def _group(self, number):
        from pyarrow import compute, parquet

        self.container.check_unchanged()
        # Not kept open: a data set may have more files than a process may open.
        with parquet.ParquetFile(self.container.path, metadata=self.metadata) as opened:
            column = opened.read_row_group(number, columns=[self.leaf])[self.column]
        return compute.struct_field(column, "bytes") if self.nested else column


@dataclass(frozen=True, slots=True, eq=False)
class ParquetPicture(StoredPicture):
    """The picture in row `row` of a file; `name` is what the file calls it, or its row."""

    cells: Cells
    row: int
    name: str

    @property
    def file(self) -> str:  # type: ignore[override]
        return self.cells.container.path

    @property
    def size(self) -> int | None:  # type: ignore[override]
        """Its bytes; None if they are not in memory."""
        return len(self.cells[self.row] or b"") if self.cells.in_memory else None

    def read(self) -> bytes:
        content = self.cells[self.row]
        if content is None:
            raise ValueError("its cell in the table is empty")
        return content

    def __str__(self) -> str:
        return f"{self.file}: {self.name}"
