"""Tables, for a terminal and for a page of the documentation."""

import re
import textwrap
from collections.abc import Collection, Iterable, Sequence
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


def check_place(path: Path, name: str) -> None:
    """InputError unless `path` is a page that marks a place for the table of this name."""
    page = path.read_text(encoding="utf-8") if path.is_file() else ""
    if name not in [found for _, found, _ in MARKED.findall(page)]:
        raise InputError(f"expected {path} with a place for a table, <!-- table: {name} -->")


def write_tables(path: Path, tables: Iterable[Table], elsewhere: Collection[str] = ()) -> None:
    """Replaces these tables on the page `path`; see `replaced`."""
    text = replaced(path.read_text(encoding="utf-8"), tables, elsewhere)
    with atomic_write(path) as file:
        file.write_text(text, encoding="utf-8")


def replaced(page: str, tables: Iterable[Table], elsewhere: Collection[str] = ()) -> str:
    """The page with its marked tables as they are now.

    elsewhere: the names of tables that stay, since they are made elsewhere. InputError if the page
    marks none, or one that does not exist.
    """
    found = {table.name: table.markdown() for table in tables}
    names = [name for _, name, _ in MARKED.findall(page)]
    unknown = [name for name in names if name not in (*found, *elsewhere)]
    if unknown or not found.keys() & set(names):
        wrong = f"a table {unknown[0]!r}" if unknown else "no place for a table"
        raise InputError(
            f"the page has {wrong}, expected <!-- table: NAME --> with some of {', '.join(found)}"
        )
    return MARKED.sub(
        lambda mark: f"{mark[1]}{found[mark[2]]}\n{mark[3]}" if mark[2] in found else mark[0], page
    )
