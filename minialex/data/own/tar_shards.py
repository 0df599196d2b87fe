"""Tar shards as WebDataset has them: KEY.jpg beside KEY.cls or KEY.json with the label.

Pictures are read at random, where they lie in the archive; nothing is ever unpacked.
"""

import json
import os
import tarfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from minialex.data import cache
from minialex.data.own import listing
from minialex.data.own.found import Found, counted, in_splits, is_number
from minialex.data.own.label_table import LABEL
from minialex.data.own.listing import EXTENSIONS, is_picture
from minialex.data.own.shards import place, used_shards
from minialex.data.own.stored import Container, StoredPicture
from minialex.errors import InputError

KIND = ".tar"
FORMAT = "minialex tar index 2"
LARGEST_LABEL = 1 << 20  #: bytes of a .cls or .json file

#: A list with the name of a class in each line, beside the shards: the n-th is that of class n.
CLASS_NAMES = "classnames.txt"


@dataclass(frozen=True, slots=True)
class TarPicture(StoredPicture):
    """The `size` bytes from `offset` on in an archive, where the member `name` lies."""

    archive: Container
    name: str
    offset: int
    size: int

    @property
    def file(self) -> str:  # type: ignore[override]
        return self.archive.path

    def read(self) -> bytes:
        self.archive.check_unchanged()
        with open(self.file, "rb") as archive:
            archive.seek(self.offset)
            return archive.read(self.size)

    def __str__(self) -> str:
        return f"{self.file}: {self.name}"


def find(shards: Sequence[Path], data_dir: Path) -> Found:
    """The labelled pictures in the archives. InputError for a damaged one."""
    used, notes = used_shards(shards, data_dir)
    pictures, left_out, without = [], Counter(), 0
    bar = tqdm(used, "listing archives", unit=" files", delay=1, leave=False, disable=None)
    for path, split in bar:
        archive = Container.at(path)
        members, others = _index(archive)
        left_out.update(others)
        for name, offset, size, label in members:
            if label:
                pictures.append((TarPicture(archive, name, offset, size), label, split))
            else:
                without += 1
    where = place(used, None)
    if not pictures:
        raise InputError(
            f"{data_dir}: no picture with a label in {where}, expected KEY.jpg and KEY.cls, or "
            f"KEY.json with {' or '.join(LABEL)}; unpack it if it has class folders"
        )
    if without:
        notes.append(f"{counted(without, 'picture')} without a label left out")
    names = _class_names([used[0][0].parent, data_dir], {label for _, label, _ in pictures})
    if names:
        pictures = [(picture, names[int(label)], split) for picture, label, split in pictures]
    found = in_splits(pictures, lambda split: place(used, split), data_dir, notes, names)
    found.left_out = left_out
    return found


def pictures_in(path: Path) -> list[TarPicture]:
    """All pictures in the archive, labelled or not. InputError if it is damaged or has none."""
    archive = Container.at(path)
    members, _ = _index(archive)
    if not members:
        raise InputError(f"{path} has no pictures")
    return [TarPicture(archive, name, offset, size) for name, offset, size, _ in members]


def _class_names(folders, labels):
    """The names in the list beside the shards, if it has one for each of the labels."""
    path = next((f / CLASS_NAMES for f in folders if (f / CLASS_NAMES).is_file()), None)
    if path is None:
        return None
    try:
        names = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from error
    numbered = all(is_number(label) and int(label) < len(names) for label in labels)
    return names if numbered and all(names) and len(set(names)) == len(names) else None


def _index(archive):
    """([name, offset, size, label or None] of each picture, {extension: other files}) of an
    archive; from the cache if it has not changed."""
    path, total = archive.path, archive.size
    about = [FORMAT, os.path.abspath(path), total, archive.changed, list(EXTENSIONS)]
    kept_at = cache.listing_of(path, ".tar.json")
    index = cache.read(kept_at, about, lambda content: _kept(content, total))
    if index is None:
        index = _read(path, total)
        settled = time.time() - listing.SETTLED
        if archive.changed <= 1e9 * settled:  # or it could change within its time
            cache.keep(kept_at, about, index)
    return index


def _kept(content, total):
    """What `_index` returns, of one that was kept."""
    pictures, left_out = content
    for name, offset, size, label in pictures:
        if not (isinstance(name, str) and isinstance(label, str | None)):
            raise TypeError(name, label)
        if not (isinstance(offset, int) and isinstance(size, int)):
            raise TypeError(offset, size)
        if min(offset, size) < 0 or offset + size > total:
            raise ValueError(offset, size)
    return pictures, listing.kept_counts(left_out)


def _read(path, total):
    """`_index`, from the archive itself."""
    samples: dict = {}
    left_out: Counter = Counter()
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                archive.members.clear()  # a million of them take a gigabyte
                name = os.path.basename(member.name)
                if member.size < 0:  # the next header would be this one again
                    raise InputError(f"{path} is damaged: {member.name} has {member.size} bytes")
                if member.isdir() or name.startswith("."):
                    continue
                if not member.isreg() or member.issparse():
                    left_out["no plain files"] += 1
                    continue
                if member.offset_data + member.size > total:
                    raise InputError(f"{path} is cut off in {member.name}, at {total:,} bytes")
                key, _, extension = name.partition(".")
                extension = extension.lower()
                sample = samples.setdefault((os.path.dirname(member.name), key), {})
                if is_picture(name):
                    place = (extension.count("."), len(sample))
                    sample[place] = [member.name, member.offset_data, member.size]
                elif extension in ("cls", "json") and member.size <= LARGEST_LABEL:
                    sample[extension] = archive.extractfile(member).read()
                else:
                    left_out[os.path.splitext(name)[1].lower()] += 1
            end = archive.offset
        _check_end(path, end)
    except (OSError, tarfile.TarError, ValueError, OverflowError, MemoryError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: not a whole .tar file ({error})") from error
    pictures = []
    for sample in samples.values():
        places = sorted(key for key in sample if isinstance(key, tuple))
        for place in places[1:]:  # of a key's pictures, that with the plainest extension counts
            left_out[os.path.splitext(sample[place][0])[1].lower()] += 1
        if places:
            pictures.append([*sample[places[0]], _label(path, sample, sample[places[0]][0])])
    return pictures, dict(left_out)


def _check_end(path, end):
    """InputError if the archive goes on where Python's reader has stopped."""
    with open(path, "rb") as file:
        file.seek(end)
        if any(file.read(tarfile.BLOCKSIZE)):
            raise InputError(f"{path} is damaged: no header of a file at byte {end:,}")


def _label(path, sample, name):
    """What the .cls file, or else the .json file, says; None if there is nothing."""
    try:
        if "cls" in sample:
            return sample["cls"].decode("utf-8").strip() or None
        cells = json.loads(sample["json"]) if "json" in sample else {}
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: {name}: its label cannot be read ({error})") from error
    if not isinstance(cells, dict):
        return None
    lower = {str(key).lower(): value for key, value in cells.items()}
    label = next((lower[key] for key in LABEL if key in lower), None)
    return str(label).strip() if isinstance(label, str | int) else None
