"""CIFAR-10, binary version: 60,000 colour photographs, 32x32, ten classes (Krizhevsky 2009)."""

import os
import tarfile
import zlib
from pathlib import Path

import numpy

from minialex.data.dataset import PADDING, Dataset, from_arrays
from minialex.data.download import cache_folder, fetch
from minialex.errors import InputError

CLASS_NAMES = [
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
]
FOLDER = "cifar-10-batches-bin"  # in the archive, and in data_dir
TRAIN = [f"data_batch_{i}.bin" for i in range(1, 6)]
TEST = "test_batch.bin"
META = "batches.meta.txt"
URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
MD5 = "c32a1d4ab5d03f1284b67883e8d87530"
BATCH = 10_000  # pictures in each file
RECORD = 1 + 3 * 32 * 32  # bytes: the label, then the red, green and blue planes


def load(
    data_dir: Path | str | None = None, image_size: int | None = None, padding: int = PADDING
) -> Dataset:
    """The Dataset "cifar10": 50,000 training and 10,000 test pictures of 32x32x3.

    Reads the published .bin files from data_dir or data_dir/cifar-10-batches-bin. If data_dir is
    None, reads them from the download cache, after downloading them if necessary.

    image_size: the side that pictures are resized to; None keeps 32.
    padding: by how many pixels a random crop may shift a picture.
    Raises InputError for a missing or damaged file.
    """
    folder = _download() if data_dir is None else _find(Path(data_dir))
    parts = [read_batch(folder / name) for name in TRAIN]
    train = [numpy.concatenate(arrays) for arrays in zip(*parts, strict=True)]
    return from_arrays(
        "cifar10", train, read_batch(folder / TEST), _class_names(folder), image_size, padding
    )


def _find(data_dir):
    """data_dir, or its subfolder that holds the six batches."""
    nested = data_dir / FOLDER
    folder = nested if nested.is_dir() else data_dir
    missing = [name for name in (*TRAIN, TEST) if not (folder / name).is_file()]
    if not missing:
        return folder
    if any((f / "data_batch_1").is_file() for f in (data_dir, data_dir / "cifar-10-batches-py")):
        raise InputError(
            f"{data_dir} holds the Python version of CIFAR-10, whose pickles are not loaded, since "
            f"pickles can run code; get the binary version, {URL}"
        )
    raise InputError(
        f"CIFAR-10: no {', '.join(missing)} in {folder}; get the binary version, {URL}"
    )


def _download():
    """The folder with the batches in the download cache; downloads them if any is missing."""
    folder = cache_folder("cifar10")
    if not all((folder / name).is_file() for name in (*TRAIN, TEST)):
        hint = "unpack CIFAR-10's binary version into a folder and pass it as --data-dir"
        archive = fetch(URL, Path(URL).name, f"md5:{MD5}", folder, hint)
        _unpack(archive, folder)
        archive.unlink(missing_ok=True)
    return folder


def _unpack(archive, folder):
    """Extracts the batches and the class names, and nothing else, into the folder."""
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                name = Path(member.name).name
                if member.isfile() and name in (*TRAIN, TEST, META):
                    partial = folder / f"{name}.{os.getpid()}"
                    partial.write_bytes(tar.extractfile(member).read())
                    os.replace(partial, folder / name)  # a file with its final name is complete
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise InputError(
            f"cannot unpack {archive} ({error}); unpack it elsewhere and pass --data-dir"
        ) from error


def read_batch(path: Path | str) -> tuple[numpy.ndarray, numpy.ndarray]:
    """(images uint8 (N, 32, 32, 3), labels uint8 (N,)) from a .bin file; InputError if damaged."""
    try:
        data = numpy.fromfile(path, numpy.uint8)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error})") from error
    if len(data) != BATCH * RECORD:
        raise InputError(
            f"{path}: expected {BATCH:,} pictures of {RECORD:,} bytes, {BATCH * RECORD} bytes in "
            f"all, got {len(data)}"
        )
    records = data.reshape(-1, RECORD)
    labels = records[:, 0].copy()
    if labels.max() >= len(CLASS_NAMES):
        raise InputError(
            f"{path} is not a CIFAR-10 batch: expected labels 0 to {len(CLASS_NAMES) - 1}, "
            f"got {labels.max()}"
        )
    planes = records[:, 1:].reshape(-1, 3, 32, 32)
    return numpy.ascontiguousarray(planes.transpose(0, 2, 3, 1)), labels  # to (N, 32, 32, 3)


def _class_names(folder):
    """The ten names in batches.meta.txt, or the published ones if the file is missing."""
    path = folder / META
    if not path.is_file():
        return CLASS_NAMES
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    names = [line.strip() for line in lines if line.strip()]
    if len(names) != len(CLASS_NAMES):
        raise InputError(f"{path}: expected {len(CLASS_NAMES)} class names, got {len(names)}")
    return names
