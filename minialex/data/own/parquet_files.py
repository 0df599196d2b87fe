"""Parquet files with embedded pictures, as Hugging Face's data sets have them.

A column of pictures, struct<bytes, path>, and one of labels, whose names the file's metadata says:
train-00000-of-00005.parquet, test-…, validation-…, perhaps in a folder "data".
"""

import contextlib
import itertools
import json
import math
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from minialex.data.own.found import Found, counted, in_splits, is_number
from minialex.data.own.label_table import LABEL
from minialex.data.own.parquet_cells import Cells, ParquetPicture, memory_for_pictures
from minialex.data.own.shards import place, shards_in, used_shards
from minialex.data.own.stored import Container
from minialex.errors import InputError

KIND = ".parquet"

#: The columns that pictures are in, and labels, where the metadata do not say it.
IMAGE = ("image", "img", "picture", "jpg", "jpeg", "png")
LABELS = (*LABEL, "labels", "fine_label")


def shards_of(data_dir: Path) -> list[Path]:
    """The parquet files in the folder, or in the only folder in it that has some."""
    shards = shards_in(data_dir, KIND)
    if shards:
        return shards
    with os.scandir(data_dir) as entries:
        inner = sorted(entry.name for entry in entries if entry.is_dir())
    folders = [data_dir / name for name in inner if _holds_tables(data_dir / name)]
    if len(folders) > 1:
        names = ", ".join(folder.name for folder in folders)
        raise InputError(f"{data_dir} has parquet files in the folders {names}: name one of them")
    return shards_in(folders[0], KIND) if folders else []


def _holds_tables(folder):
    """Whether parquet files are among the first of many files in the folder, or in its train."""
    for each in (folder, folder / "train"):
        if each.is_dir():
            with os.scandir(each) as entries:
                if any(entry.name.endswith(KIND) for entry in itertools.islice(entries, 100)):
                    return True
    return False


def find(shards: Sequence[Path], data_dir: Path) -> Found:
    """The labelled pictures in the files. InputError for one that is damaged or has none."""
    used, notes = used_shards(shards, data_dir)
    tables = [(_Table(path), split) for path, split in used]
    total = sum(table.cells.bytes for table, _ in tables)
    where = place(used, None)
    in_memory = total <= memory_for_pictures()
    kept = f"{math.ceil(total / 1e6):,} MB of pictures in {where}"
    if in_memory:
        notes.append(f"{kept} are kept in memory")
    else:
        notes.append(
            f"{kept} are more than a quarter of the memory and read when they are needed, group "
            "by group of rows, which takes longer: as files in folders they are read faster"
        )
    pictures, without, names = [], 0, None
    bar = tqdm(tables, "reading tables", unit=" files", delay=1, leave=False, disable=None)
    for table, split in bar:
        if table.label is None:
            raise table.lacks("labels")
        if names not in (None, table.class_names):
            raise InputError(f"{table.path} has other classes than {used[0][0].name}")
        names = table.class_names
        for picture, label in table.read(in_memory):
            if label is None:
                without += 1
            else:
                pictures.append((picture, label, split))
    if without:
        notes.append(f"{counted(without, 'row')} without a picture or a label left out")
    if not pictures:
        raise InputError(f"{data_dir}: no picture with a label in {where}")
    return in_splits(pictures, lambda split: place(used, split), data_dir, notes, names)


def pictures_in(path: Path) -> list[ParquetPicture]:
    """All pictures in the file, labelled or not. InputError if it is damaged or has none."""
    table = _Table(path)
    pictures = [picture for picture, _ in table.read(table.cells.bytes <= memory_for_pictures())]
    if not pictures:
        raise InputError(f"{path} has no pictures")
    return pictures


class _Table:
    """One file: its columns of pictures and of labels, if it has one, and the names of its classes,
    if it says them. InputError if there are no pictures."""

    def __init__(self, path: Path):
        try:
            from pyarrow import parquet
        except ImportError as error:
            raise InputError(
                f"{path} is read by pyarrow: python -m pip install -e '.[formats]'"
            ) from error
        self.path = path
        container = Container.at(path)
        with _named(path), parquet.ParquetFile(path) as opened:
            self.schema, metadata = opened.schema_arrow, opened.metadata
            features = _features(self.schema.metadata or {})
        self.image = self._column("Image", features, IMAGE)
        self.label = self._column("ClassLabel", features, LABELS)
        if self.image is None:
            raise self.lacks("pictures (struct<bytes, path>)")
        nested = self._is_nested(self.image)
        self.cells = Cells(container, metadata, self.image, nested)
        self.has_path = nested and self._type(self.image).get_field_index("path") >= 0
        self.class_names = _class_names(features.get(self.label, {}).get("names"))

    def read(self, in_memory: bool) -> list[tuple[ParquetPicture, str | None]]:
        """All pictures with their labels; None for those that have none."""
        from pyarrow import parquet

        with _named(self.path), parquet.ParquetFile(self.path) as opened:
            if in_memory:
                self.cells.load()
            labels: list = [None] * opened.metadata.num_rows
            if self.label:
                labels = opened.read(columns=[self.label])[self.label].to_pylist()
            paths: list = [None] * len(labels)
            if self.has_path:
                table = opened.read(columns=[f"{self.image}.path"])
                paths = [cell and cell["path"] for cell in table[self.image].to_pylist()]
        empty = self.cells.empty()
        return [
            (
                ParquetPicture(self.cells, row, path or f"row {row}"),
                None if row in empty else self._name(label, row),
            )
            for row, (label, path) in enumerate(zip(labels, paths, strict=True))
        ]

    def _name(self, label, row):
        """The name of the class; None for -1, which says that the label is not known."""
        if label is None or label == -1 or label == "":
            return None
        if self.class_names is None:
            return str(label)
        if isinstance(label, int) and 0 <= label < len(self.class_names):
            return self.class_names[label]
        most = len(self.class_names) - 1
        raise InputError(f"{self.path}: expected labels from 0 to {most}, got {label} in row {row}")

    def _column(self, kind, features, usual):
        """The column that the metadata say is of this kind; the first of `usual` of several."""
        own = [name for name in self.schema.names if features.get(name, {}).get("_type") == kind]
        if kind == "Image" and not own:
            own = [name for name in self.schema.names if self._is_nested(name)]
        named = [name for name in usual if name in self.schema.names]
        found = [name for name in named if name in own] or own or named
        if kind == "Image":
            found = [name for name in found if self._is_nested(name) or self._is_bytes(name)]
        return found[0] if found else None

    def lacks(self, what: str) -> InputError:
        """The error for a file without a column of that."""
        return InputError(
            f"{self.path}: expected a column of {what}, got {', '.join(self.schema.names)}"
        )

    def _type(self, name) -> Any:
        return self.schema.field(name).type

    def _is_nested(self, name):
        from pyarrow import types

        kind = self._type(name)
        return types.is_struct(kind) and kind.get_field_index("bytes") >= 0

    def _is_bytes(self, name):
        from pyarrow import types

        return types.is_binary(self._type(name)) or types.is_large_binary(self._type(name))


@contextlib.contextmanager
def _named(path):
    """Errors in the block become an InputError that names the file."""
    try:
        yield
    except Exception as error:  # Arrow has many kinds, and those of the file system are others
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError(f"{path}: not a readable parquet file ({reason})") from error


def _class_names(names):
    """The names of the classes, of which two of the same name are told apart by their number; None
    if the metadata do not say them."""
    if isinstance(names, dict) and all(map(is_number, names)):  # {"0": "airplane", …}
        names = [names[key] for key in sorted(names, key=int)]
    if not names or not isinstance(names, list) or not all(isinstance(n, str) for n in names):
        return None
    twice = {name for name, count in Counter(names).items() if count > 1}
    return [f"{name} ({i})" if name in twice else name for i, name in enumerate(names)]


def _features(metadata):
    """{column: what Hugging Face's metadata say about it}"""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        return {str(name): about for name, about in features.items() if isinstance(about, dict)}
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
        return {}
