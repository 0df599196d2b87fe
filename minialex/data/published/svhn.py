"""SVHN: 99,289 colour photographs of house numbers, 32x32, cropped around a digit.

Netzer, Wang, Coates, Bissacco, Wu and Ng 2011, "Reading Digits in Natural Images with Unsupervised
Feature Learning". A digit's neighbours are often seen, too; the one in the middle counts.
"""

import string
from pathlib import Path

import numpy

from minialex.data.dataset import PADDING, Dataset, in_memory
from minialex.data.download import cache_folder, fetch
from minialex.errors import InputError, refusing
from minialex.io import mat_file

URL = "http://ufldl.stanford.edu/housenumbers/"
#: The files and their hashes, those of torchvision.datasets.svhn.
FILES = {
    "train_32x32.mat": "md5:e26dedcc434d2e4c54c9b2d4a06d8373",
    "test_32x32.mat": "md5:eb5a983be6a315427106f1b164d9cef3",
}
CLASS_NAMES = list(string.digits)
FOLDERS = ("", "svhn", "SVHN")
SHAPE = (32, 32, 3)


def load(
    data_dir: Path | str | None = None, image_size: int | None = None, padding: int = PADDING
) -> Dataset:
    """The Dataset "svhn": 73,257 training and 26,032 test pictures of 32x32x3, classes "0" to "9".

    Reads train_32x32.mat and test_32x32.mat from data_dir, data_dir/svhn or data_dir/SVHN. If
    data_dir is None, reads them from the download cache, after downloading them if necessary.

    image_size: the side that pictures are resized to; None keeps 32.
    padding: by how many pixels a random crop may shift a picture.
    Raises InputError for a missing or damaged file.
    """
    folder = _download() if data_dir is None else _find(Path(data_dir))
    train, test = (read_pictures(folder / name) for name in FILES)
    return in_memory("svhn", train, test, CLASS_NAMES, image_size, padding)


def _find(data_dir: Path) -> Path:
    folders = [data_dir / name for name in FOLDERS]
    missing = {
        folder: [name for name in FILES if not (folder / name).is_file()] for folder in folders
    }
    best = min(folders, key=lambda folder: len(missing[folder]))
    if missing[best]:
        raise InputError(f"SVHN: no {', '.join(missing[best])} in {best}; get them from {URL}")
    return best


def _download() -> Path:
    folder = cache_folder("svhn")
    hint = f"put {' and '.join(FILES)} into a folder and pass it as --data-dir"
    for name, known_hash in FILES.items():
        fetch(f"{URL}{name}", name, known_hash, folder, hint)
    return folder


def read_pictures(path: Path) -> tuple[numpy.ndarray, numpy.ndarray]:
    """(images uint8 (N, 32, 32, 3), labels int64 (N,)) from a MATLAB file; InputError if damaged.

    There X is uint8 (32, 32, 3, N), and y (N, 1) has 1 to 9, and 10 for the digit 0.
    """
    with refusing(f"{path}:", "not a file of SVHN's pictures"):
        found = mat_file.read(path)
        shapes = {name: array.shape for name, array in found.items()}
        *shape, count = shapes.get("X", (0,))
        if tuple(shape) != SHAPE or shapes.get("y") != (count, 1) or count == 0:
            got = ", ".join(f"{name} {shape}" for name, shape in shapes.items()) or "nothing"
            raise ValueError(f"expected X (32, 32, 3, N) and y (N, 1), got {got}")
        x, y = found["X"], found["y"]
        if x.dtype != numpy.uint8 or y.dtype.kind not in "iuf":
            raise ValueError(f"expected X of bytes and y of numbers, got {x.dtype} and {y.dtype}")
        if not numpy.isin(y, range(1, 11)).all():
            wrong = y[~numpy.isin(y, range(1, 11))][0]
            raise ValueError(f"expected labels 1 to 10, got {wrong:g}")
    return numpy.ascontiguousarray(x.transpose(3, 0, 1, 2)), y.astype(numpy.int64).ravel() % 10
