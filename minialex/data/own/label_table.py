"""Tables of pictures and labels: CSV files, JSON lines, and Hugging Face's metadata.csv and .jsonl.

A row has the path of a picture, relative to the table, its label, and perhaps its split.
"""

import csv
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from minialex.data.own.found import Found, counted, in_splits
from minialex.data.own.layouts import split_folders
from minialex.data.own.listing import is_picture
from minialex.data.own.split_names import split_of
from minialex.errors import DAMAGED, InputError

#: What the columns are called, in capitals or not.
PATH = ("path", "file_name", "filename", "file", "filepath", "image_path", "image")
LABEL = ("label", "class", "category", "target")
SPLIT = ("split", "set", "subset")

JSON = (".jsonl", ".ndjson")
#: The extensions of tables.
KINDS = (".csv", ".tsv", ".txt", *JSON)

#: The tables that Hugging Face's image folders have.
METADATA = ("metadata.csv", "metadata.jsonl")


#: The longest line, in characters.
LONGEST = 1 << 20


class Row(NamedTuple):
    """A line of the table: its number, from 1, and what it says. Empty texts where it says
    nothing."""

    line: int
    path: str
    label: str
    split: str


def find(path: Path) -> Found:
    """The labelled pictures that the table names. InputError if it is damaged."""
    return _found([(path, None)], path.parent)


def find_metadata(data_dir: Path) -> Found | None:
    """The pictures that the metadata in the folder name, or in its folders train, val and test;
    None if there are none."""
    tables = [(path, None) for path in _tables(data_dir)]
    if not tables:
        folders = split_folders(data_dir).items()
        tables = [(path, split) for split, folder in folders for path in _tables(folder)]
    return _found(tables, data_dir) if tables else None


def _tables(folder):
    """The metadata in the folder that have labels: others have captions, say."""
    paths = [folder / name for name in METADATA if (folder / name).is_file()]
    return [path for path in paths if _has_labels(path)]


def _has_labels(path):
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            first = next(_lines(file), "")
        names = json.loads(first) if path.suffix in JSON else next(csv.reader([first]), [])
        return _columns(list(names)) is not None
    except (OSError, *DAMAGED):
        return True  # which reading it will name


def rows_of(path: Path) -> Iterator[Row]:
    """The rows of the table. InputError for one that is damaged or has other columns."""
    reader = _json_rows if path.suffix.lower() in JSON else _csv_rows
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            yield from reader(path, file)
    except UnicodeDecodeError as error:
        save = "save it as UTF-8 (in Excel: CSV UTF-8)"
        raise InputError(f"{path}: not a table of pictures in UTF-8: {save}") from error
    except InputError:
        raise
    except (OSError, *DAMAGED) as error:
        raise InputError(f"{path}: not a table of pictures ({error})") from error


def _lines(file):
    """The lines of an open file, of which none is longer than LONGEST."""
    while line := file.readline(LONGEST):
        if len(line) == LONGEST:
            raise ValueError(f"a line of more than {LONGEST:,} characters")
        yield line


def _csv_rows(path, file):
    first = next(_lines(file), "")
    delimiter = max(",;\t", key=first.count)
    delimiter = delimiter if delimiter in first else " "
    file.seek(0)
    reader = csv.reader(_lines(file), delimiter=delimiter)
    names = next(reader, None)
    if not names:
        raise InputError(f"{path} is empty: expected pictures and labels")
    columns = _columns(names)
    if columns is None:
        if len(names) < 2 or not is_picture(os.path.basename(names[0])):
            raise InputError(f"{path}: {_expected()}, got {', '.join(names[:6])}")
        columns = (0, 1, None)
        yield Row(1, names[0].strip(), names[1].strip(), "")
    for cells in reader:
        if cells:
            padded = [*cells, *[""] * len(names)]
            path_label_split = ("" if i is None else padded[i].strip() for i in columns)
            yield Row(reader.line_num, *path_label_split)


def _json_rows(path, file):
    for number, line in enumerate(_lines(file), 1):
        if not line.strip():
            continue
        try:
            cells = json.loads(line)
        except ValueError as error:
            raise InputError(f"{path}, line {number}: not JSON ({error})") from error
        names = list(cells) if isinstance(cells, dict) else []
        columns = _columns(names)
        if columns is None:
            raise InputError(f"{path}, line {number}: {_expected()}, got {line.strip()[:60]}")
        found = ["" if i is None else cells[names[i]] for i in columns]
        wrong = next((each for each in found if isinstance(each, list | dict | float)), None)
        if wrong is not None:
            raise InputError(f"{path}, line {number}: expected a name or a number, got {wrong}")
        yield Row(number, *("" if each is None else str(each).strip() for each in found))


def _columns(names):
    """Where the path, the label and the split are; None if one of the first two is missing."""
    lower = [name.strip().lower() for name in names]
    path, label, split = (
        next((lower.index(each) for each in kind if each in lower), None)
        for kind in (PATH, LABEL, SPLIT)
    )
    return None if path is None or label is None else (path, label, split)


def _expected():
    return f"expected the columns {' or '.join(PATH[:3])} … and {' or '.join(LABEL)}"


def _found(tables, root):
    """The pictures of one or several tables, each for the split beside it or that of its rows."""
    (rows, without), notes = _rows(tables), []
    for path, number in without.items():
        notes.append(f"{counted(number, 'row')} of {path.name} without a label left out")
    missing = _missing(rows)
    if missing:
        _, _, path, line = rows[missing[0]]
        said = (
            f"{len(missing):,} of {counted(len(rows), 'picture')} that {path.name} names are "
            f"missing, first {missing[0]}, line {line}"
        )
        if len(missing) == len(rows):
            raise InputError(f"{path}: {said}")
        notes.append(f"{said}: left out")
        for file in missing:
            del rows[file]
    if not rows:
        raise InputError(f"{tables[0][0]} names no picture with a label")
    pictures = ((file, label, split) for file, (label, split, *_) in rows.items())
    name = tables[0][0].name
    return in_splits(pictures, lambda split: f"{name} ({split})" if split else name, root, notes)


def _rows(tables):
    """{file: (label, split or None, table, line)}, {table: number of rows without a label}.

    Where no row says its split, the first folder of its path may: train/0001.jpg.
    """
    rows, folders, without = {}, {}, Counter()
    for path, split in tables:
        for row in rows_of(path):
            if not row.path or not row.label:
                without[path] += 1
                continue
            inner = row.path.replace("\\", "/").removeprefix("./")
            file = os.path.normpath(os.path.join(path.parent, inner))
            own = split or _split(path, row)
            known = rows.setdefault(file, (row.label, own, path, row.line))
            if known[:2] != (row.label, own):
                raise InputError(
                    f"{path}, line {row.line}: {row.path} is {row.label!r}"
                    f"{f' for {own}' if own else ''}, but {known[0]!r}"
                    f"{f' for {known[1]}' if known[1] else ''} in line {known[3]}"
                )
            folders[file] = split_of(inner.partition("/")[0]) if "/" in inner else None
    if not any(split for _, split, *_ in rows.values()) and None not in folders.values():
        rows = {file: (row[0], folders[file], *row[2:]) for file, row in rows.items()}
    return rows, without


def _split(path, row):
    """The split that the row says, or None."""
    split = split_of(row.split) if row.split else None
    if row.split and split is None:
        raise InputError(
            f"{path}, line {row.line}: expected the split train, val or test, got {row.split!r}"
        )
    return split


def _missing(files: Iterable[str]):
    """The files that do not exist. Each folder is listed once."""
    there: dict[str, set[str]] = {}
    missing = []
    for file in files:
        folder, name = os.path.split(file)
        if folder not in there:
            there[folder] = set(os.listdir(folder)) if os.path.isdir(folder) else set()
        if name not in there[folder] and not os.path.exists(file):  # spelled in capitals, say
            missing.append(file)
    return missing
