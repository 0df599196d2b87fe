"""Labelled pictures as they are found, whatever the files that hold them are."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from minialex.data.own.stored import Source
from minialex.data.own.wordnet import shown
from minialex.errors import InputError


@dataclass
class Labelled:
    """Pictures and the names of their classes.

    files: N pictures, in an order that is the same on every machine. labels: N names.
    where: which folder or file they are from, as it is told: "train/".
    """

    files: list[Source]
    labels: list[str]
    where: str


@dataclass
class Found:
    """What one folder or file holds.

    train: None if there are only pictures to test with.
    test: None if they are to be held out from `train`.
    class_names: in their order, where the files say it; else None.
    shown: {class as the files call it: a name to read}, for those that are called by an id.
    left_out: {extension: number of files} of what is no picture.
    notes: a sentence each about what else is not used, and why.
    """

    train: Labelled | None
    test: Labelled | None
    class_names: list[str] | None = None
    shown: dict[str, str] = field(default_factory=dict)
    left_out: Counter = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def names(self) -> list[str]:
        """The classes in their order: the files' own; else that of the numbers that they are, or
        the alphabet's. Not as they are shown."""
        if self.class_names:
            return self.class_names
        return in_order(set((self.train or self.test).labels))


def in_order(names: Iterable[str]) -> list[str]:
    """The names in alphabetical order; if all are whole numbers, in that of the numbers."""
    names = sorted(names)
    return sorted(names, key=int) if all(is_number(name) for name in names) else names


def is_number(name: str) -> bool:
    """Whether it is a whole number from 0, in digits."""
    return name.isascii() and name.isdigit() and len(name) < 19


def counted(number: int, thing: str) -> str:
    """ "1 picture", "1,200 pictures"."""
    return f"{number:,} {thing}{'s' * (number != 1)}"


#: Extensions that some files of pictures have, and how they could be read.
UNREAD = {".avif": ", which Pillow 11.3 and later read"}


def kinds_of(extensions: Counter) -> str:
    """{extension: number of files} in words, the most frequent first: "9 .txt, 5 .heic"."""
    ranked = sorted(extensions.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(
        f"{n:,} {kind or 'without extension'}{UNREAD.get(kind, '')}" for kind, n in ranked
    )


def in_splits(
    pictures: Iterable[tuple],
    where: Callable[[str | None], str],
    root: Path,
    notes: list[str],
    names: list[str] | None = None,
) -> Found:
    """Found of (picture, label, split) each, where the split may be None: of which nobody says it.

    where: what those of a split are in. names: of the classes, in their order, if that is known.
    """
    splits: dict = {}
    for picture, label, split in pictures:
        files, labels = splits.setdefault(split, ([], []))
        files.append(picture)
        labels.append(label)
    if None in splits:
        if len(splits) > 1:
            first = splits[None][0][0]
            n = counted(len(splits[None][0]), "picture")
            raise InputError(f"{n} of {where(None)} are in no split, but others are, first {first}")
        files, labels = splits[None]
        train = Labelled(files, labels, where(None))
        return Found(train, None, names, shown(set(train.labels), root), notes=notes)
    if "val" in splits and "test" in splits:
        n = counted(len(splits.pop("test")[0]), "picture")
        notes.append(f"the split test ({n}) is not used: the test pictures are those of val")
    found = {
        split: Labelled(files, labels, where(split)) for split, (files, labels) in splits.items()
    }
    used = {label for each in found.values() for label in set(each.labels)}
    train, test = found.get("train"), found.get("val") or found.get("test")
    return Found(train, test, names, shown(used, root), notes=notes)
