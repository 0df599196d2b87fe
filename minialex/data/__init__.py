"""The data sets: where each one comes from, loaded as a Dataset (see dataset.py)."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from minialex.data import shapes
from minialex.data.arrays import from_arrays
from minialex.data.dataset import PADDING, ArrayImages, Dataset, Images
from minialex.data.own import folder
from minialex.data.own.found import Found
from minialex.data.published import cifar, cifar10_1, cifar10_c, mnist, npz, stl10, svhn
from minialex.errors import InputError

__all__ = [
    "NAMES",
    "SOURCES",
    "Dataset",
    "check_data_dir",
    "check_source",
    "from_arrays",
    "from_csv",
    "load",
]


@dataclass(frozen=True)
class Source:
    """Where a data set comes from.

    load    returns it, from those arguments of `load` below that it takes
    takes   their names; `padding` is crop_padding
    needs   what data_dir must be, if there is no data set without
    tests   the data set whose networks it tests, if it has no training pictures
    classes the names of its classes, if they are known before it is loaded
    """

    load: Callable[..., Dataset]
    takes: tuple[str, ...] = ("data_dir", "image_size", "padding")
    needs: str | None = None
    tests: str | None = None
    classes: tuple[str, ...] | None = None


#: The data sets by name.
SOURCES: dict[str, Source] = {
    "shapes": Source(shapes.load, takes=("seed", "image_size", "padding")),
    **{
        name: Source(partial(mnist.load, name), classes=member.class_names)
        for name, member in mnist.FAMILY.items()
    },
    **{
        name: Source(partial(cifar.load, name), classes=kind.class_names)
        for name, kind in cifar.KINDS.items()
    },
    "cifar10.1": Source(cifar10_1.load, ("data_dir", "image_size"), tests="cifar10"),
    "cifar10-c": Source(cifar10_c.load, ("data_dir", "image_size"), tests="cifar10"),
    "svhn": Source(svhn.load, classes=tuple(svhn.CLASS_NAMES)),
    "stl10": Source(stl10.load, classes=tuple(stl10.CLASS_NAMES)),
    "npz": Source(
        npz.load,
        takes=("data_dir", "image_size", "padding", "seed", "val_share"),
        needs="a .npz file with x_train, y_train, x_test and y_test, or x and y",
    ),
    "folder": Source(
        folder.load,
        takes=("data_dir", "image_size", "seed", "val_share", "found"),
        needs="a folder that contains CLASS/*.jpg, or train/CLASS/*.jpg and val/CLASS/*.jpg",
    ),
}

NAMES = tuple(SOURCES)


def load(
    name: str,
    data_dir: Path | str | None = None,
    image_size: int | None = None,
    seed: int = 0,
    crop_padding: int | None = None,
    val_share: float | None = None,
    found: Found | None = None,
) -> Dataset:
    """The data set called `name`, one of NAMES.

    data_dir: the folder with its files. "folder" needs one, or a file that lists or holds pictures,
        and "npz" a file; "shapes" takes none; for the others it defaults to where the files usually
        are, or else they are downloaded.
    image_size: the side in pixels that pictures are resized to ("folder": resized and cropped to);
        None keeps their own size.
    seed: the random seed for "shapes", and for which pictures val_share holds out; all else is the
        same for every seed.
    crop_padding: by how many pixels random crops may shift a picture, at most by its side; None
        means PADDING. Not for "folder", whose crops come from larger pictures.
    val_share: the share of each class of the training pictures, between 0 and 1, that is held out
        to test with, instead of the data set's own test pictures: to choose by. Without test
        pictures of its own, a "folder" or "npz" holds out split.VAL_SHARE.
    found: what folder.find has found in data_dir, if it has looked already.
    Raises InputError for wrong arguments and for missing or damaged files.
    """
    if name not in SOURCES:
        raise InputError(f"dataset {name!r} is not one of {', '.join(NAMES)}")
    source = SOURCES[name]
    if image_size is not None and image_size < 1:
        raise InputError(f"expected an image size of at least 1 pixel, got {image_size}")
    if data_dir is not None and "data_dir" not in source.takes:
        raise InputError(
            f"dataset {name!r} is generated, not read from files: leave out --data-dir"
        )
    if data_dir is None and source.needs:
        raise InputError(f"dataset {name!r} needs --data-dir, {source.needs}")
    if data_dir is not None:
        check_data_dir(data_dir, name)
    if val_share is not None and source.tests:
        raise InputError(f"dataset {name!r} has only test pictures: leave out --val-share")
    if val_share is not None and not 0 < val_share < 1:
        raise InputError(f"expected a --val-share between 0 and 1, got {val_share}")
    if crop_padding is not None and crop_padding < 0:
        raise InputError(f"expected a crop padding of at least 0 pixels, got {crop_padding}")
    if crop_padding is not None and "padding" not in source.takes:
        why = "has only test pictures" if source.tests else "crops from larger pictures"
        raise InputError(f"dataset {name!r} {why} without padding: leave out --crop-padding")
    padding = PADDING if crop_padding is None else crop_padding
    given = dict(data_dir=data_dir, image_size=image_size, padding=padding)
    given |= dict(seed=seed, val_share=val_share, found=found)
    dataset = source.load(**{name: given[name] for name in source.takes})
    if crop_padding is not None:
        check_padding(crop_padding, dataset.test)
    if val_share is not None and dataset.val_share is None:
        dataset = without_test_pictures(dataset, val_share, seed)
    dataset.source = {
        "name": name,
        "data_dir": str(Path(data_dir).absolute()) if data_dir else None,
        "image_size": image_size,
        "seed": seed,
        "crop_padding": crop_padding,
        "val_share": dataset.val_share,
    }
    return dataset


def check_padding(padding: int, images: Images) -> None:
    """InputError if crops would be shifted by more pixels than the pictures have."""
    assert isinstance(images, ArrayImages)
    side = images.images.shape[1]
    if padding > side:
        wanted = f"at most {side} pixels, the side of the pictures"
        raise InputError(f"expected a crop padding of {wanted}, got {padding}")


def without_test_pictures(dataset: Dataset, val_share: float, seed: int) -> Dataset:
    """The Dataset of the training pictures alone, which are in memory: a share of them takes the
    place of the test pictures, which then can say how good a choice is."""
    images = dataset.train
    assert isinstance(images, ArrayImages)
    how = dict(class_names=dataset.class_names, val_share=val_share, seed=seed)
    sizes = dict(image_size=images.image_size, padding=images.padding)
    chosen_by = from_arrays(images.images, images.labels, **how, **sizes)
    chosen_by.name = dataset.name
    return chosen_by


def classes_of(name: str) -> list[str] | None:
    """The names of the data set's classes, if they are known before it is loaded."""
    source = SOURCES[SOURCES[name].tests or name]
    return list(source.classes) if source.classes else None


def from_csv(
    path: Path | str,
    image_size: int | None = None,
    seed: int = 0,
    val_share: float | None = None,
) -> Dataset:
    """The pictures that a CSV or JSON-lines file names, with their labels: the data set "folder".

    Paths are relative to the file. For its columns see label_table.py, for the rest `load`.
    """
    return load("folder", path, image_size, seed, None, val_share)


#: The arguments of `load`, as a saved network has them.
SOURCE = {
    "name": str,
    "data_dir": str | None,
    "image_size": int | None,
    "seed": int,
    "crop_padding": int | None,
    "val_share": float | None,
}


#: The most pixels by which crops are believed to have been shifted.
LARGEST_PADDING = 10_000


def check_source(source: Any, path: Path) -> None:
    """InputError unless `source`, from the file `path`, is what `load` notes in Dataset.source, or
    None."""
    whole = source is None or (
        isinstance(source, dict)
        and source.keys() == SOURCE.keys()
        and all(isinstance(source[name], kind) for name, kind in SOURCE.items())
        and source["seed"] >= 0
        and (source["crop_padding"] or 0) <= LARGEST_PADDING
    )
    if not whole:
        raise InputError(f"{path} is damaged: its data set is {source}")


def check_data_dir(data_dir: Path | str, name: str = "folder") -> None:
    """InputError if there is no such folder; for "folder" it may be a file, too, and for "npz" it
    must be one."""
    path = Path(data_dir)
    if name == "npz":
        npz.check_file(path)
    elif not (path.exists() if name == "folder" else path.is_dir()):
        kind = "file" if name == "folder" and path.suffix else "folder"
        raise InputError(f"there is no {kind} {data_dir}")
    elif not (path.is_dir() or path.is_file()):
        raise InputError(f"{data_dir} is a pipe or a device, expected a folder or a file")
