"""The data sets: four sources, each loaded as a Dataset (see dataset.py)."""

from pathlib import Path
from typing import Any

from minialex.data import cifar10, fashion_mnist, folder, shapes
from minialex.data.dataset import PADDING, Dataset
from minialex.errors import InputError

NAMES = ("shapes", "fashion-mnist", "cifar10", "folder")


def load(
    name: str,
    data_dir: Path | str | None = None,
    image_size: int | None = None,
    seed: int = 0,
    crop_padding: int | None = None,
) -> Dataset:
    """The data set called `name`, one of NAMES.

    data_dir: the folder with its files. "folder" needs one, "shapes" takes none; for the others it
        defaults to where the files usually are, or else they are downloaded.
    image_size: the side in pixels that pictures are resized to ("folder": resized and cropped to);
        None keeps their own size.
    seed: the random seed for "shapes"; the others are the same for every seed.
    crop_padding: by how many pixels random crops may shift a picture; None means PADDING. Not for
        "folder", whose crops come from larger pictures.
    Raises InputError for wrong arguments and for missing or damaged files.
    """
    if name not in NAMES:
        raise InputError(f"dataset {name!r} is not one of {', '.join(NAMES)}")
    if image_size is not None and image_size < 1:
        raise InputError(f"expected an image size of at least 1 pixel, got {image_size}")
    if data_dir is not None and name == "shapes":
        raise InputError("dataset 'shapes' is generated, not read from files: leave out --data-dir")
    if data_dir is None and name == "folder":
        raise InputError(
            "dataset 'folder' needs --data-dir, "
            "a folder that contains train/CLASS/*.jpg and val/CLASS/*.jpg"
        )
    if data_dir is not None:
        check_folder(data_dir)
    if crop_padding is not None and crop_padding < 0:
        raise InputError(f"expected a crop padding of at least 0 pixels, got {crop_padding}")
    if crop_padding is not None and name == "folder":
        raise InputError(
            "dataset 'folder' crops from larger pictures without padding: leave out --crop-padding"
        )
    sizes = dict(image_size=image_size, padding=PADDING if crop_padding is None else crop_padding)
    if name == "folder":
        dataset = folder.load(data_dir, image_size)
    elif name == "shapes":
        dataset = shapes.load(seed, **sizes)
    else:
        dataset = (fashion_mnist if name == "fashion-mnist" else cifar10).load(data_dir, **sizes)
    dataset.source = {
        "name": name,
        "data_dir": str(Path(data_dir).absolute()) if data_dir else None,
        "image_size": image_size,
        "seed": seed,
        "crop_padding": crop_padding,
    }
    return dataset


#: The arguments of `load`, as a saved network has them.
SOURCE = {
    "name": str,
    "data_dir": str | None,
    "image_size": int | None,
    "seed": int,
    "crop_padding": int | None,
}


def check_source(source: Any, path: Path) -> None:
    """InputError unless `source`, from the file `path`, is what `load` notes in Dataset.source, or
    None."""
    whole = source is None or (
        isinstance(source, dict)
        and source.keys() == SOURCE.keys()
        and all(isinstance(source[name], kind) for name, kind in SOURCE.items())
    )
    if not whole:
        raise InputError(f"{path} is damaged: its data set is {source}")


def check_folder(data_dir: Path | str) -> None:
    """InputError if there is no such folder."""
    if not Path(data_dir).is_dir():
        raise InputError(f"no folder {data_dir} (--data-dir)")
