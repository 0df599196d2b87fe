"""The data set "folder": people's own pictures, in folders or listed in files."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy

from minialex.data.dataset import Dataset
from minialex.data.decode import open_picture
from minialex.data.folder_images import FolderImages
from minialex.data.own import label_table, layouts, parquet_files, tar_shards
from minialex.data.own.class_matching import class_numbers
from minialex.data.own.found import Found, Labelled, counted, in_order, kinds_of
from minialex.data.own.shards import shards_in
from minialex.data.own.stored import Source
from minialex.data.split import VAL_SHARE, stratified
from minialex.errors import InputError, refusing

#: Files that others lie in.
PACKED = (".zip", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")

#: The files that hold many pictures, by their extension, and what lists these.
STORES: dict[str, Callable[[Path], list]] = {
    tar_shards.KIND: tar_shards.pictures_in,
    parquet_files.KIND: parquet_files.pictures_in,
}

#: Pictures in files, and the numbers of their classes, int64 (N,).
Files = tuple[list[Source], numpy.ndarray]


def load(
    data_dir: Path | str,
    image_size: int | None = None,
    seed: int = 0,
    val_share: float | None = None,
    found: Found | None = None,
) -> Dataset:
    """The Dataset "folder": labelled pictures in one of the layouts of `find`.

    The classes are in alphabetical order, or in that of the numbers that they are; WordNet ids
    become names.

    image_size: the side of the squares. None takes the shorter side of the first training picture
        if that is at most 64 pixels, else 224.
    val_share: the share of each class of the training pictures that is held out to test with,
        instead of the test pictures that the files name (if they name none: split.VAL_SHARE).
        seed: of the choice.
    found: what `find` has found there, if it has looked already.
    Raises InputError if there are no labelled pictures, or pictures of one class only.
    """
    data_dir = Path(data_dir)
    found = found or find(data_dir)
    if found.train is None:
        raise InputError(f"no pictures to train on in {data_dir}: {layouts.expected(data_dir)}")
    names = found.names()
    if len(names) == 1:
        raise InputError(f"{data_dir} has pictures of one class only{_hint(data_dir, names[0])}")
    numbers = {name: number for number, name in enumerate(names)}
    if found.test is None or val_share is not None:
        share = VAL_SHARE if val_share is None else val_share
        train, test = _held_out(_numbered(found.train, numbers), share, seed)
    else:
        unknown = in_order(set(found.test.labels) - numbers.keys())
        if unknown:
            raise InputError(
                f"{found.test.where} of {data_dir} has classes that are not in "
                f"{found.train.where}: {', '.join(unknown[:5])}"
            )
        share = None
        train, test = (_numbered(split, numbers) for split in (found.train, found.test))
    if image_size is None:
        side = _first_side(train[0])
        image_size = side if side <= 64 else 224
    dataset = Dataset(
        "folder",
        FolderImages(*train, image_size),
        FolderImages(*test, image_size),
        [found.shown.get(name, name) for name in names],
    )
    dataset.val_share = share
    dataset.notes = [_layout_line(found, dataset), *_left_out_line(found), *found.notes]
    return dataset


def find(data_dir: Path) -> Found:
    """The labelled pictures in a folder, or of a file: see layouts.py, label_table.py,
    tar_shards.py and parquet_files.py.

    InputError if there are none, or if they are in none of the ways that are known.
    """
    with refusing(f"{data_dir}:", "cannot be read"):
        return _find(data_dir)


def _find(data_dir):
    if not data_dir.is_file():
        if tables := parquet_files.shards_of(data_dir):
            return parquet_files.find(tables, data_dir)
        tars = shards_in(data_dir, tar_shards.KIND)
        if tars and not layouts.has_class_folders(data_dir):
            return tar_shards.find(tars, data_dir)
        return label_table.find_metadata(data_dir) or layouts.find(data_dir)
    kind = data_dir.suffix.lower()
    if kind in label_table.KINDS:
        return label_table.find(data_dir)
    if kind == tar_shards.KIND:
        return tar_shards.find([data_dir], data_dir)
    if kind == parquet_files.KIND:
        return parquet_files.find([data_dir], data_dir)
    if kind in PACKED:
        raise InputError(f"{data_dir}: unpack it, and name the folder")
    kinds = ", ".join([*label_table.KINDS, tar_shards.KIND, parquet_files.KIND])
    raise InputError(f"{data_dir}: expected a folder, or a file with or about pictures ({kinds})")


def labelled_files(data_dir: Path, class_names: Sequence[str]) -> tuple[Files | None, Files]:
    """The training pictures and the test pictures under `data_dir` for a network with these
    classes.

    If the files do not tell training from test pictures, all are test pictures, and the first of
    the two is None. For which names mean which classes, see class_numbers. Raises InputError if a
    name means no class, or if there is no picture.
    """
    found = find(data_dir)
    train, test = (found.train, found.test) if found.test else (None, found.train)
    splits = [split for split in (train, test) if split]
    used = {name for split in splits for name in set(split.labels)}
    names = sorted(used)
    if found.class_names:  # numbered as the network's classes may be, where these have no names
        whole = len(found.class_names) == len(class_names)
        names = [name for name in found.class_names if whole or name in used]
    numbers = class_numbers(names, class_names, found.shown, str(data_dir))
    return train and _numbered(train, numbers), _numbered(test, numbers)


def _numbered(split: Labelled, numbers):
    labels = map(numbers.__getitem__, split.labels)
    return split.files, numpy.fromiter(labels, numpy.int64, len(split.labels))


def _held_out(pictures, share, seed):
    files, labels = pictures
    parts = stratified(labels, share, seed)
    if not len(parts[1]):
        raise InputError(
            f"{counted(len(files), 'picture')}, none of them in a class of two or more: expected "
            "enough to train on some and to test with others"
        )
    return [([files[i] for i in part], labels[part]) for part in parts]


def _layout_line(found, dataset):
    """How many pictures are where."""
    train, test = len(dataset.train), len(dataset.test)
    of = f"{dataset.num_classes:,} classes in {found.train.where}"
    if dataset.val_share is None:
        test_pictures = f"{counted(test, 'test picture')} in {found.test.where}"
        return f"{train:,} training pictures of {of}, {test_pictures}"
    share = f"(--val-share {dataset.val_share:.3g})"
    held_out = f"{test:,} held out for testing {share}"
    if found.test:
        held_out += f"; those in {found.test.where} are not used"
    return f"{train + test:,} pictures of {of}, {held_out}"


def _left_out_line(found):
    """What is no picture, by extension, the most frequent first."""
    if not found.left_out:
        return []
    return [f"{counted(found.left_out.total(), 'file')} left out: {kinds_of(found.left_out)}"]


def _hint(data_dir, only):
    """The class; and what could be meant by a folder with a single folder of pictures in it."""
    inner = data_dir / only
    below = sorted(layouts.list_pictures(inner).classes) if inner.is_dir() else []
    if len(below) < 2:
        return f", {only}"
    if layouts.split_folders(inner):
        return f", {only}: name {inner}, where {' and '.join(layouts.split_folders(inner))} are"
    return f", {only}: if the classes are {below[0]}, {below[1]}, …, name {inner}"


def _first_side(files):
    """The shorter side of the first readable picture; InputError for the first file if none is."""
    first_error = None
    for file in files:
        try:
            with open_picture(file) as picture:
                return min(picture.size)
        except InputError as error:
            first_error = first_error or error
    raise first_error
