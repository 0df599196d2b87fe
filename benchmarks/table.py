"""Tables, for a terminal and for a page of the documentation."""

import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gpu.report import markdown
from minialex.errors import InputError
from minialex.files import atomic_write

#: What stands on a page around a table.
MARKED = re.compile(r"(<!-- table: (\S+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


@dataclass(frozen=True)
class Table:
    """name: on the page; title: in the terminal; words: how many columns hold text, not numbers."""

    name: str
    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: int = 1

    def text(self) -> str:
        """For a terminal; words that are the same as in the row above are left out."""
        rows, before = [list(self.head)], [""] * self.words
        for row in self.rows:
            words = [*row[: self.words]]
            same = 0
            while same < self.words - 1 and words[same] == before[same]:
                same += 1
            rows.append([*[""] * same, *row[same:]])
            before = words
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            " ".join(
                f"{cell:<{width}}" if i < self.words else f"{cell:>{width}}"
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        return "\n".join([*textwrap.wrap(self.title, 80), *lines])

    def markdown(self) -> str:
        return markdown(list(self.head), [list(row) for row in self.rows], self.words)


def write_tables(path: Path, tables: Iterable[Table]) -> None:
    """Replaces these tables on the page `path`; InputError if it has a place for none of them."""
    text = replaced(path.read_text(encoding="utf-8"), tables)
    with atomic_write(path) as file:
        file.write_text(text, encoding="utf-8")


def replaced(page: str, tables: Iterable[Table]) -> str:
    """The page with these of its marked tables as they are now.

    InputError if it has none of them.
    """
    found = {table.name: f"{table.markdown()}\n" for table in tables}
    if not found.keys() & {name for _, name, _ in MARKED.findall(page)}:
        raise InputError(
            "the page has no place for a table, expected <!-- table: NAME --> with some of "
            f"{', '.join(found)}"
        )
    return MARKED.sub(
        lambda match: f"{match[1]}{found[match[2]]}{match[3]}" if match[2] in found else match[0],
        page,
    )
