"""The data sets: four sources that all give the same thing, a Dataset (see dataset.py)."""

from pathlib import Path

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

    data_dir: the folder with its files; "folder" needs one, "shapes" takes none, the others look in their usual places.
    image_size: the side in pixels to which pictures are resized (from "folder": resized and cropped); None: their own.
    crop_padding: by how many pixels crops may move the pictures of all but "folder"; None: PADDING.
    seed: what "shapes" draws its pictures from; the others come out the same for every seed.
    Raises InputError for wrong arguments and for missing or damaged files.
    """
    if name not in NAMES:
        raise InputError(f"dataset {name!r} is not one of {', '.join(NAMES)}")
    if image_size is not None and image_size < 1:
        raise InputError(f"expected an image size of at least 1 pixel, got {image_size}")
    if data_dir is not None and name == "shapes":
        raise InputError("dataset 'shapes' is drawn, it reads no files: leave out --data-dir")
    if data_dir is None and name == "folder":
        raise InputError(
            "dataset 'folder' needs --data-dir, a folder with train/CLASS/*.jpg and val/CLASS/*.jpg in it"
        )
    if data_dir is not None:
        check_folder(data_dir)
    if crop_padding is not None and crop_padding < 0:
        raise InputError(f"expected a crop padding of at least 0 pixels, got {crop_padding}")
    if crop_padding is not None and name == "folder":
        raise InputError(
            "dataset 'folder' crops from larger pictures and pads none: leave out --crop-padding"
        )
    if name == "folder":
        return folder.load(data_dir, image_size)
    sizes = dict(image_size=image_size, padding=PADDING if crop_padding is None else crop_padding)
    if name == "shapes":
        return shapes.load(seed, **sizes)
    return (fashion_mnist if name == "fashion-mnist" else cifar10).load(data_dir, **sizes)


def check_folder(data_dir: Path | str) -> None:
    """InputError if there is no such folder."""
    if not Path(data_dir).is_dir():
        raise InputError(f"no folder {data_dir} (--data-dir)")
