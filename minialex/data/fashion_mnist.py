"""Fashion-MNIST: 70,000 grey pictures of clothes, 28x28, ten classes.

Xiao, Rasul and Vollgraf 2017, arXiv:1708.07747.
"""

import gzip
import math
import zlib
from pathlib import Path

import numpy

from minialex.data.dataset import PADDING, Dataset, from_arrays
from minialex.data.download import cache_folder, fetch
from minialex.errors import InputError

CLASS_NAMES = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
]
DEBIAN = Path("/usr/share/datasets/fashion-mnist")  # from Debian's package dataset-fashion-mnist
URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
MD5 = {
    "train-images-idx3-ubyte": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte": "bb300cfdad3c16e7a12a480ee83cd310",
}


def load(
    data_dir: Path | str | None = None, image_size: int | None = None, padding: int = PADDING
) -> Dataset:
    """The Dataset "fashion-mnist": 60,000 training and 10,000 test pictures of 28x28x1.

    Reads the four published files, compressed (.gz) or not, from data_dir or
    data_dir/fashion-mnist. If data_dir is None, reads them from Debian's folder or from the
    download cache, after downloading them if necessary.

    image_size: the side that pictures are resized to; None keeps 28.
    padding: by how many pixels a random crop may shift a picture.
    Raises InputError for a missing or damaged file.
    """
    if data_dir is not None:
        files = _find(Path(data_dir))
    elif DEBIAN.is_dir():
        files = _find(DEBIAN)
    else:
        files = _download()
    train_images, train_labels, test_images, test_labels = files
    train = _read_pair(train_images, train_labels)
    test = _read_pair(test_images, test_labels)
    if test[0].shape[1:] != train[0].shape[1:]:
        raise InputError(
            f"{test_images}: expected pictures of shape {train[0].shape[1:3]}, like the training "
            f"pictures, got {test[0].shape[1:3]}"
        )
    return from_arrays("fashion-mnist", train, test, CLASS_NAMES, image_size, padding)


def _find(folder):
    """The paths of the four files in `folder` or its subfolder fashion-mnist, ordered as in MD5."""
    nested = folder / "fashion-mnist"
    if nested.is_dir():
        folder = nested
    files = [
        next((f for f in (folder / f"{name}.gz", folder / name) if f.is_file()), None)
        for name in MD5
    ]
    missing = [f"{name}.gz" for name, file in zip(MD5, files, strict=True) if file is None]
    if missing:
        raise InputError(f"Fashion-MNIST: no {', '.join(missing)} in {folder}; get them from {URL}")
    return files


def _download():
    folder = cache_folder("fashion-mnist")
    hint = "put the four .gz files of Fashion-MNIST into a folder and pass it as --data-dir"
    return [
        fetch(f"{URL}{name}.gz", f"{name}.gz", f"md5:{md5}", folder, hint)
        for name, md5 in MD5.items()
    ]


def _read_pair(images_path, labels_path):
    """(images uint8 (N, S, S, 1), labels uint8 (N,)) from two files that must match each other."""
    images, labels = read_idx(images_path), read_idx(labels_path)
    if images.ndim != 3 or images.shape[1] != images.shape[2] or images.size == 0:
        raise InputError(
            f"{images_path}: expected square pictures (N, S, S), got an array of shape "
            f"{images.shape}"
        )
    if labels.ndim != 1:
        raise InputError(
            f"{labels_path}: expected labels (N,), got an array of shape {labels.shape}"
        )
    if len(images) != len(labels):
        raise InputError(
            f"{labels_path}: expected {len(images)} labels, one per picture of {images_path}, "
            f"got {len(labels)}"
        )
    if labels.max() >= len(CLASS_NAMES):
        raise InputError(
            f"{labels_path}: expected labels 0 to {len(CLASS_NAMES) - 1}, got {labels.max()}"
        )
    return images[..., numpy.newaxis], labels


def read_idx(path: Path | str) -> numpy.ndarray:
    """The uint8 array in an IDX file, which is decompressed if its name ends with .gz.

    The format: two zero bytes, the type (8: unsigned bytes), the number of dimensions d, d sizes as
    big-endian 32-bit integers, then the elements. Raises InputError for anything else, and for
    missing or extra bytes.
    """
    path = Path(path)
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: cannot be read ({error}); download it again") from error
    if len(data) < 4 or data[:3] != b"\0\0\x08":
        raise InputError(
            f"{path}: not an IDX file of bytes: starts with {data[:4].hex(' ')}, expected 00 00 08 "
            "and the number of dimensions"
        )
    if not 1 <= data[3] <= 3:
        raise InputError(f"{path}: expected 1 to 3 dimensions, got {data[3]}")
    header = 4 + 4 * data[3]
    if len(data) < header:
        raise InputError(f"{path}: expected a header of {header} bytes, got {len(data)} bytes")
    shape = [int(size) for size in numpy.frombuffer(data, ">u4", count=data[3], offset=4)]
    if len(data) != header + math.prod(shape):
        raise InputError(
            f"{path}: expected {header + math.prod(shape)} bytes for an array of shape "
            f"{tuple(shape)}, got {len(data)}"
        )
    return numpy.frombuffer(data, numpy.uint8, offset=header).reshape(shape)
