"""The pictures in a folder and below it, cached: listing a million files takes a while."""

import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from PIL import features
from tqdm import tqdm

from minialex.data import cache

#: Pillow reads AVIF since 11.3, where it was built with libavif.
AVIF = "avif" in features.modules and features.check("avif")

#: The files that are taken for pictures, in training as in prediction.
EXTENSIONS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".webp", ".gif", ".ppm", ".tif", ".tiff"),
    *([".avif"] if AVIF else []),
)
FORMAT = "minialex listing 3"
# A folder's times are trusted once they are this many seconds old. Before, another change could
# leave them the same: FAT counts in steps of two seconds.
SETTLED = 2.0

#: What the folder of a run has, whose pictures are curves.
CHECKPOINT = "checkpoint.npz"

#: What macOS puts beside the files of a zip archive.
IGNORED = "__MACOSX"


class Listing(NamedTuple):
    """What is in a folder of class folders.

    classes    {class folder: the pictures in it and below, as paths relative to it, with "/"},
               both in alphabetical order
    loose      the pictures that are in no class folder, in alphabetical order
    left_out   {extension: number of other files}, without hidden ones
    """

    classes: dict[str, list[str]]
    loose: list[str]
    left_out: Counter


class _Folder(NamedTuple):
    """A single folder: the names of its pictures and folders, and how many other files it has."""

    pictures: list[str]
    folders: list[str]
    left_out: dict[str, int]


def is_picture(name: str) -> bool:
    """Whether the name of a file is that of a picture, and not hidden."""
    return name.lower().endswith(EXTENSIONS) and not name.startswith(".")


def list_pictures(folder: Path) -> Listing:
    """The pictures in `folder` and below it.

    Hidden files and folders are left out, linked folders are not. The listing is kept in the cache
    folder, and each folder's part is reused while its times stay the same; every file added or
    removed changes them. A damaged or read-only cache costs only time.
    """
    folder = Path(os.path.abspath(folder))
    path = cache.listing_of(folder, ".json")
    about = [FORMAT, str(folder), list(EXTENSIONS)]
    tree = _Tree(folder, cache.read(path, about, _kept) or {})
    top, above = tree.read("", ())
    bar = tqdm(
        top.folders,
        desc=f"listing {folder.name}",
        unit=" folders",
        delay=1,
        leave=False,
        disable=None,
    )
    classes = {name: sorted(tree.below(name, above)) for name in bar}
    if tree.settled != tree.cached:
        cache.keep(path, about, tree.settled)
    return Listing(classes, top.pictures, tree.left_out)


class _Tree:
    """The folders below `root`, each read from disk unless its times are those in `cached`.

    settled: what to keep for the next time. left_out: of all folders read so far.
    """

    def __init__(self, root: Path, cached: dict):
        self.root, self.cached = root, cached
        self.settled: dict = {}
        self.left_out: Counter = Counter()
        self.settled_before = (time.time() - SETTLED) * 1e9

    def read(self, name: str, above: tuple) -> tuple[_Folder, tuple]:
        """The folder root/name, and which folders lead to it: links may lead in a circle."""
        path = os.path.join(self.root, name)
        status = os.stat(path)
        state, identity = [status.st_mtime_ns, status.st_ctime_ns], (status.st_dev, status.st_ino)
        if identity in above:
            return _Folder([], [], {}), above
        times, content = self.cached.get(name, (None, None))
        linked = False
        if times != state:
            content, linked = _scanned(path)
        if max(state) < self.settled_before and not linked:
            self.settled[name] = (state, content)
        self.left_out.update(content.left_out)
        return content, (*above, identity)

    def below(self, name: str, above: tuple) -> list[str]:
        """The pictures in root/name and below, relative to it."""
        pictures, waiting = [], [("", above)]
        while waiting:
            inner, led = waiting.pop()
            content, through = self.read(f"{name}/{inner}".rstrip("/"), led)
            start = f"{inner}/" if inner else ""
            pictures += [start + picture for picture in content.pictures]
            waiting += [(start + folder, through) for folder in content.folders]
        return pictures


def files_below(root: Path) -> Iterator[str]:
    """The files in the folder and below it, relative to it, without hidden ones. Linked folders are
    followed, unless they lead back."""
    waiting: list[tuple[str, frozenset]] = [("", frozenset())]
    while waiting:
        inner, above = waiting.pop()
        path = os.path.join(root, inner)
        status = os.stat(path)
        identity = (status.st_dev, status.st_ino)
        if identity in above:
            continue
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                name = os.path.join(inner, entry.name)
                if entry.is_dir():
                    waiting.append((name, above | {identity}))
                elif entry.is_file():
                    yield name


def _scanned(path):
    """(the folder, whether links lead out of it: what they lead to can change without it)."""
    pictures, folders, left_out, linked, is_run = [], [], Counter(), False, False
    with os.scandir(path) as entries:
        for entry in entries:
            name = entry.name
            is_run |= name == CHECKPOINT
            if name.startswith(".") or name == IGNORED:
                continue
            if entry.is_dir():
                folders.append(name)
                linked |= entry.is_symlink()
            elif is_picture(name):
                pictures.append(name)
            elif entry.is_symlink() and not entry.is_file():
                linked = True
            else:
                left_out[os.path.splitext(name)[1].lower()] += 1
    if is_run:
        return _Folder([], [], {}), linked
    return _Folder(sorted(pictures), sorted(folders), dict(left_out)), linked


def _kept(folders):
    """{folder: (times, _Folder)} of a listing that was kept."""
    found = {}
    for name, (times, (pictures, inner, left_out)) in folders.items():
        if not all(isinstance(each, str) for each in (*pictures, *inner)):
            raise TypeError(f"{name} has names that are no text")
        found[name] = (list(times), _Folder(list(pictures), list(inner), kept_counts(left_out)))
    return found


def kept_counts(left_out: dict) -> Counter:
    """{extension: number of files} that was kept; TypeError for anything else."""
    if not all(isinstance(n, int) for n in left_out.values()):
        raise TypeError("expected whole numbers")
    return Counter(left_out)
