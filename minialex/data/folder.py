"""A folder of pictures: train/ and val/ (or test/), each with one folder of pictures per class."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy

from minialex.data import imagenet_classes
from minialex.data.dataset import Dataset
from minialex.data.decode import open_picture
from minialex.data.folder_images import FolderImages
from minialex.data.listing import EXTENSIONS, list_pictures
from minialex.errors import InputError


def load(data_dir: Path | str, image_size: int | None = None) -> Dataset:
    """The Dataset "folder": data_dir/train/CLASS/* and data_dir/val/CLASS/* (or test/).

    The classes are in alphabetical order.

    image_size: the side of the squares. None takes the shorter side of the first training picture
        if that is at most 64 pixels, else 224.
    Raises InputError if the folders are not laid out like this, or if a class has no training
    picture.
    """
    data_dir = Path(data_dir)
    layout = f"expected {data_dir}/train/CLASS/*.jpg and {data_dir}/val/CLASS/*.jpg (or test/)"
    if not (data_dir / "train").is_dir():
        raise InputError(f"no folder train in {data_dir}: {layout}")
    test_dir = evaluation_folder(data_dir)
    if test_dir is None:
        raise InputError(f"no folder val or test in {data_dir}: {layout}")
    train = list_pictures(data_dir / "train")
    if not train:
        raise InputError(f"no class folder in {data_dir / 'train'}: {layout}")
    test = list_pictures(test_dir)
    unknown = sorted(test.keys() - train.keys())
    if unknown:
        raise InputError(
            f"{test_dir} has classes that are not in {data_dir / 'train'}: {', '.join(unknown[:5])}"
        )
    empty = next((name for name, pictures in train.items() if not pictures), None)
    if empty:
        raise InputError(f"no picture ({' '.join(EXTENSIONS)}) in {data_dir / 'train' / empty}")
    if not any(test.values()):
        raise InputError(f"no picture ({' '.join(EXTENSIONS)}) in the class folders of {test_dir}")
    class_names = list(train)
    train_files, test_files = (
        _files(*split, class_names) for split in ((data_dir / "train", train), (test_dir, test))
    )
    if image_size is None:
        side = _first_side(train_files[0])
        image_size = side if side <= 64 else 224
    return Dataset(
        "folder",
        FolderImages(*train_files, image_size),
        FolderImages(*test_files, image_size),
        class_names,
    )


def evaluation_folder(data_dir: Path) -> Path | None:
    """The folder of the test pictures, val/ or test/; None if there is neither."""
    return next(
        (folder for folder in (data_dir / "val", data_dir / "test") if folder.is_dir()), None
    )


def labelled_files(folder: Path, class_names: Sequence[str]) -> tuple[list[str], numpy.ndarray]:
    """The pictures in folder/CLASS/* for a network with these classes: (paths, class numbers (N,)).

    CLASS is the name of a class. For ImageNet's 1,000 classes it starts with the WordNet id
    instead, as in n01440764 or n01440764_tench. If no folder is named like a class but there are
    as many folders as classes, the n-th folder in alphabetical order is taken as the n-th class.
    Raises InputError if a folder belongs to no class, or if there is no picture.
    """
    listing, numbers = list_pictures(folder), {name: i for i, name in enumerate(class_names)}
    found = {name: name for name in listing}
    if list(class_names) == imagenet_classes.names():
        numbers = {wordnet_id: i for i, (wordnet_id, _) in enumerate(imagenet_classes.read())}
        found = {name: name.partition("_")[0] for name in listing}
    elif len(listing) == len(class_names) and not numbers.keys() & listing.keys():
        found = dict(zip(listing, class_names, strict=True))
    unknown = next((name for name in listing if found[name] not in numbers), None)
    if unknown is not None:
        raise InputError(
            f"{folder}/{unknown}: expected folders named like the classes, "
            f"such as {next(iter(numbers))!r}"
        )
    if not any(listing.values()):
        raise InputError(f"no picture ({' '.join(EXTENSIONS)}) in the class folders of {folder}")
    paths, places = _files(folder, listing, list(listing))
    return paths, numpy.array([numbers[found[name]] for name in listing])[places]


def _files(folder, listing, class_names):
    """The paths of all pictures, class by class, and their class numbers."""
    paths, counts = [], []
    for name in class_names:
        files, start = listing.get(name, ()), os.path.join(folder, name, "")
        paths += [start + file for file in files]
        counts.append(len(files))
    return paths, numpy.repeat(numpy.arange(len(class_names)), counts)


def _first_side(paths):
    """The shorter side of the first readable picture; InputError for the first file if none is."""
    first_error = None
    for path in paths:
        try:
            with open_picture(path) as picture:
                return min(picture.size)
        except InputError as error:
            first_error = first_error or error
    raise first_error
