"""Data sets in several large files: which of them there are, and for which split each is."""

from collections.abc import Sequence
from pathlib import Path

from minialex.data.own.found import counted
from minialex.data.own.layouts import split_folders
from minialex.data.own.split_names import split_in, split_of


def shards_in(data_dir: Path, kind: str) -> list[Path]:
    """The files of this extension in the folder, or in its folders train, val and test, sorted."""
    folders = [data_dir, *split_folders(data_dir).values()]
    return sorted(
        path
        for folder in folders
        for path in folder.glob(f"*{kind}")
        if path.is_file() and not path.name.startswith(".")
    )


def place(used: Sequence[tuple[Path, str | None]], split: str | None) -> str:
    """The shards of a split in words; None means all of them."""
    paths = [path for path, own in used if split in (None, own)]
    return paths[0].name if len(paths) == 1 else counted(len(paths), f"{paths[0].suffix} file")


def used_shards(
    shards: Sequence[Path], data_dir: Path
) -> tuple[list[tuple[Path, str | None]], list[str]]:
    """[(shard, its split)] and notes: which of them are not used, and why.

    The name of the file says the split, or the folder that it is in: train-0001.tar, train/1.tar.
    If no name does, it is None for all. Those for testing are not used if there is a val.
    """
    splits = [
        split_in(path.stem) or (split_of(path.parent.name) if path.parent != data_dir else None)
        for path in shards
    ]
    unused: set = {None} if any(splits) else set()
    if {"val", "test"} <= set(splits):
        unused.add("test")
    used = [pair for pair in zip(shards, splits, strict=True) if pair[1] not in unused]
    notes = []
    for split in sorted(unused & set(splits), key=str):
        paths = [path for path, own in zip(shards, splits, strict=True) if own == split]
        of = counted(len(paths), f"{paths[0].suffix} file")
        why = "the test pictures are those of val" if split else "the name says no split"
        notes.append(f"{of} not used, first {paths[0].name}: {why}")
    return used, notes
