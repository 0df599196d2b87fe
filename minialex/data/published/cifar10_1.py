"""CIFAR-10.1: 2,000 new test pictures for networks trained on CIFAR-10.

Recht, Roelofs, Schmidt and Shankar 2018, arXiv:1806.00451. They were chosen as CIFAR-10's were, and
yet networks are several points worse on them.
"""

from pathlib import Path

import numpy

from minialex.data.dataset import ArrayImages, Dataset
from minialex.data.download import cache_folder, fetch
from minialex.data.published import cifar_classes
from minialex.data.published.numpy_files import map_npy
from minialex.errors import InputError

URL = "https://github.com/modestyachts/CIFAR-10.1/blob/master/datasets/{}?raw=true"
#: Version 6, whose classes are of the same size, and the hashes that tensorflow_datasets has.
FILES = {
    "cifar10.1_v6_data.npy": (
        "sha256:2997188e5816f5bd545dc77771b6227828c28146049fcecf3fa10775474cacc6"
    ),
    "cifar10.1_v6_labels.npy": (
        "sha256:ae40beda001693674edc94d925ee8268cfe68905f8f9aff800c8dcdfcd6c9448"
    ),
}
VERSIONS = ("v6", "v4")
FOLDERS = ("", "cifar10.1", "datasets", "CIFAR-10.1/datasets")


def load(data_dir: Path | str | None = None, image_size: int | None = None) -> Dataset:
    """The Dataset "cifar10.1": no training pictures, and 2,000 test pictures of 32x32x3.

    Reads version 6 from data_dir or a folder in it, or, if there is only that, version 4 with its
    2,021 pictures. If data_dir is None, reads version 6 from the download cache, after downloading
    it if necessary.

    image_size: the side that pictures are resized to; None keeps 32.
    Raises InputError for a missing or damaged file.
    """
    images_path, labels_path = _download() if data_dir is None else _find(Path(data_dir))
    images, labels = map_npy(images_path), map_npy(labels_path)
    check_pair(images_path, labels_path, images, labels)
    test = ArrayImages(numpy.array(images), labels, image_size)
    return Dataset("cifar10.1", None, test, list(cifar_classes.CIFAR10))


def check_pair(
    images_path: Path, labels_path: Path, images: numpy.ndarray, labels: numpy.ndarray
) -> None:
    """InputError unless the arrays are pictures like CIFAR-10's, and their labels."""
    if images.dtype != numpy.uint8 or images.shape[1:] != (32, 32, 3) or not len(images):
        raise InputError(
            f"{images_path}: expected pictures uint8 (N, 32, 32, 3), got {images.dtype} "
            f"{images.shape}"
        )
    if labels.dtype.kind not in "iu" or labels.shape != (len(images),):
        raise InputError(
            f"{labels_path}: expected {len(images)} labels, one per picture of {images_path}, "
            f"got {labels.dtype} {labels.shape}"
        )
    if labels.min() < 0 or labels.max() > 9:
        wrong = labels.min() if labels.min() < 0 else labels.max()
        raise InputError(f"{labels_path}: expected labels 0 to 9, got {wrong}")


def _find(data_dir: Path) -> list[Path]:
    for version in VERSIONS:
        for folder in FOLDERS:
            paths = [data_dir / folder / name.replace("v6", version) for name in FILES]
            if all(path.is_file() for path in paths):
                return paths
    raise InputError(
        f"CIFAR-10.1: no {', '.join(FILES)} in {data_dir}; get them from "
        "https://github.com/modestyachts/CIFAR-10.1"
    )


def _download() -> list[Path]:
    folder = cache_folder("cifar10.1")
    hint = f"put {' and '.join(FILES)} into a folder and pass it as --data-dir"
    return [
        fetch(URL.format(name), name, known_hash, folder, hint)
        for name, known_hash in FILES.items()
    ]
