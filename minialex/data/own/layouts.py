"""Folders of pictures, in the layouts that people have them in.

train/CLASS/*.jpg and val/CLASS/*.jpg     also valid, validation or test; also deeper folders
CLASS/*.jpg                               test pictures are held out
train/n01440764/*.JPEG and val/*.JPEG     ImageNet as it is published: see imagenet_labels.py
ILSVRC/Data/CLS-LOC/train/… and val/…     the same as Kaggle has it
val/images/*.JPEG, val/val_annotations.txt    Tiny ImageNet's test pictures
"""

import os
from collections import Counter
from collections.abc import Collection
from pathlib import Path

from minialex.data.own import imagenet_labels
from minialex.data.own.found import Found, Labelled, counted, kinds_of
from minialex.data.own.listing import CHECKPOINT, EXTENSIONS, Listing, list_pictures
from minialex.data.own.split_names import split_of
from minialex.data.own.wordnet import shown, wordnet_id
from minialex.errors import InputError

#: Tiny ImageNet's file with a picture and a WordNet id in each line, and where the pictures lie.
ANNOTATIONS, ANNOTATED = "val_annotations.txt", "images"

#: Where Kaggle's ImageNet has its pictures.
KAGGLE = ("ILSVRC/Data/CLS-LOC", "Data/CLS-LOC")


def find(data_dir: Path) -> Found:
    """The labelled pictures in the folder. InputError if it has none of the layouts."""
    root = next((data_dir / each for each in KAGGLE if (data_dir / each).is_dir()), data_dir)
    folders = split_folders(root)
    if _are_classes(folders.values(), root):
        folders = {}
    reader = _Reader(root)
    if not folders:
        return reader.found(reader.labelled(root, f"{data_dir.absolute().name}/"), None)
    train = "train" in folders and reader.labelled(folders["train"])
    test = "val" in folders and reader.labelled(folders["val"])
    if not test and "test" in folders:
        test = reader.labelled(folders["test"], required=not train)
    elif "test" in folders:
        unused, used = folders["test"].name, folders["val"].name
        reader.notes.append(f"{unused}/ is not used: the test pictures are those in {used}/")
    reader.note_others(folders.values())
    return reader.found(train or None, test or None)


def split_folders(root: Path) -> dict[str, Path]:
    """{"train", "val" or "test": the folder in `root` that is called so}."""
    try:
        with os.scandir(root) as entries:
            names = sorted((entry.name for entry in entries if entry.is_dir()), reverse=True)
    except OSError as error:
        raise InputError(f"{root} cannot be read ({error})") from error
    return {split: root / name for name in names if (split := split_of(name))}


def has_class_folders(root: Path) -> bool:
    """Whether there are folders in `root` besides train, val and test, or in those."""
    splits = split_folders(root).values()
    return set(folders_in(root)) != set(splits) or any(map(folders_in, splits))


def folders_in(folder: Path) -> list[Path]:
    """The folders in a folder, without hidden ones."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.is_dir()]
    return [folder / name for name in names if not name.startswith(".")]


def _are_classes(splits, root):
    """Whether folders that are called like splits are classes, as in valid/ beside invalid/."""
    others = [folder for folder in folders_in(root) if folder not in splits]
    if not others or any(map(folders_in, splits)):
        return False
    listings = map(list_pictures, others)
    return any(listing.loose or any(listing.classes.values()) for listing in listings)


class _Reader:
    """Reads the folders of one data set, and notes what is left out."""

    def __init__(self, root: Path):
        self.root = root
        self.left_out: Counter = Counter()
        self.notes: list[str] = []

    def found(self, train: Labelled | None, test: Labelled | None) -> Found:
        names = {name for split in (train, test) if split for name in set(split.labels)}
        readable = shown(names, self.root)
        return Found(train, test, None, readable, self.left_out, self.notes)

    def note_others(self, used: Collection[Path]) -> None:
        """Notes which folders beside those that are `used` have pictures, too."""
        for folder in sorted(set(folders_in(self.root)) - set(used)):
            listing = list_pictures(folder)
            number = len(listing.loose) + sum(map(len, listing.classes.values()))
            if number:
                self.notes.append(f"{folder.name}/ ({counted(number, 'picture')}) is not used")

    def labelled(
        self, folder: Path, where: str | None = None, required: bool = True
    ) -> Labelled | None:
        """The pictures in the folder; if they have no labels, None or, if `required`, an error."""
        where = where or f"{folder.name}/"
        if (folder / ANNOTATIONS).is_file():
            return self._annotated(folder, where)
        listing = list_pictures(folder)
        if not any(listing.classes.values()) and listing.loose:
            return self._unsorted(folder, where, listing, required)
        if not listing.classes:
            only = f", only files: {kinds_of(listing.left_out)}" * bool(listing.left_out)
            raise InputError(
                f"no class folder and no picture in {folder}{only}: {expected(self.root)}"
            )
        empty = [name for name, pictures in listing.classes.items() if not pictures]
        for name in [name for name in empty if any((folder / name).rglob(CHECKPOINT))]:
            empty.remove(name)  # the results of training in this folder
            del listing.classes[name]
        if empty:
            others = f": it has {kinds_of(listing.left_out)}" * bool(listing.left_out)
            raise InputError(f"no picture ({' '.join(EXTENSIONS)}) in {folder / empty[0]}{others}")
        self.left_out += listing.left_out
        if listing.loose:
            first = listing.loose[0]
            self.notes.append(f"{counted(len(listing.loose), 'picture')} in no class folder left "
                              f"out, first {where}{first}")  # fmt: skip
        files, labels = [], []
        for name, pictures in listing.classes.items():
            start = os.path.join(folder, name, "")
            files += [start + picture for picture in pictures]
            labels += [name] * len(pictures)
        return Labelled(files, labels, where)

    def _annotated(self, folder, where):
        """Tiny ImageNet's val/: the file names, the WordNet ids and boxes with tabs between."""
        path = folder / ANNOTATIONS
        try:
            rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: cannot be read ({error})") from error
        if not all(len(row) > 1 and wordnet_id(row[1]) for row in rows):
            raise InputError(f"{path}: expected a picture, a tab and a WordNet id in each line")
        pictures = folder / ANNOTATED
        if not pictures.is_dir():
            raise InputError(f"no folder {ANNOTATED} beside {path}")
        names = list_pictures(pictures).loose
        return self._named(pictures, where, names, {row[0]: row[1] for row in rows}, path)

    def _unsorted(self, folder, where, listing: Listing, required):
        """ImageNet's flat folder of validation pictures."""
        found = imagenet_labels.labels_of(folder, listing.loose)
        if found:
            return self._named(folder, where, listing.loose, *found)
        lacking = f"{counted(len(listing.loose), 'picture')} in {folder}, but no class folders"
        if required:
            wanted = f"put those of each class in a folder, {folder}/cat/1.jpg say, or list them"
            files = ", ".join(imagenet_labels.READERS)
            nowhere = f"{lacking}, and no file with ImageNet's labels ({files}) near it"
            raise InputError(f"{nowhere}: {wanted} in a table (docs/data.md)")
        self.notes.append(f"{where} is not used: its pictures are in no class folders")
        return None

    def _named(self, folder, where, names, labels, path):
        """The pictures of the folder that have labels, which the file `path` says."""
        having = [name for name in names if name in labels]
        if not having:
            raise InputError(f"{path} names none of the {len(names):,} pictures in {folder}")
        without = len(names) - len(having)
        if without:
            pictures = counted(without, "picture")
            self.notes.append(f"{pictures} in {where} left out: {path.name} does not name them")
        start = os.path.join(folder, "")
        return Labelled([start + n for n in having], [labels[n] for n in having], where)


def expected(root: Path) -> str:
    """What pictures in folders look like, for errors."""
    return f"expected {root}/train/CLASS/*.jpg and {root}/val/CLASS/*.jpg, or {root}/CLASS/*.jpg"
