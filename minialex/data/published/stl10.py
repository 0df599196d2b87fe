"""STL-10: 13,000 colour photographs with a label, 96x96, ten classes.

Coates, Lee and Ng 2011, "An Analysis of Single-Layer Networks in Unsupervised Feature Learning".
There are 100,000 more without a label, which are not read.
"""

from pathlib import Path

import numpy

from minialex.data.dataset import PADDING, Dataset, in_memory
from minialex.data.download import cache_folder
from minialex.data.published.archive import fetch_files
from minialex.errors import InputError

CLASS_NAMES = [
    *("airplane", "bird", "car", "cat", "deer"),
    *("dog", "horse", "monkey", "ship", "truck"),
]
FOLDER = "stl10_binary"  # in the archive, and in data_dir
FILES = ("train_X.bin", "train_y.bin", "test_X.bin", "test_y.bin")
NAMES = "class_names.txt"
URL = "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz"
MD5 = "91f7769df0f17e558f3565bffb0c7dfb"  # as torchvision.datasets.stl10 has it
SIDE = 96
PICTURE = 3 * SIDE * SIDE  # bytes: the red, green and blue planes


def load(
    data_dir: Path | str | None = None, image_size: int | None = None, padding: int = PADDING
) -> Dataset:
    """The Dataset "stl10": 5,000 training and 8,000 test pictures of 96x96x3.

    Reads the published .bin files from data_dir or data_dir/stl10_binary. If data_dir is None,
    reads them from the download cache, after downloading the archive (2.6 GB) if necessary.

    image_size: the side that pictures are resized to; None keeps 96.
    padding: by how many pixels a random crop may shift a picture.
    Raises InputError for a missing or damaged file.
    """
    if data_dir is None:
        hint = "unpack STL-10's binary version into a folder and pass it as --data-dir"
        folder = fetch_files(FILES, URL, f"md5:{MD5}", cache_folder("stl10"), hint, also=NAMES)
    else:
        folder = _find(Path(data_dir))
    train, test = (
        read_pair(folder / f"{part}_X.bin", folder / f"{part}_y.bin") for part in ("train", "test")
    )
    return in_memory("stl10", train, test, _class_names(folder), image_size, padding)


def _find(data_dir: Path) -> Path:
    folder = data_dir / FOLDER if (data_dir / FOLDER).is_dir() else data_dir
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise InputError(f"STL-10: no {', '.join(missing)} in {folder}; get {URL}")
    return folder


def read_pair(images_path: Path, labels_path: Path) -> tuple[numpy.ndarray, numpy.ndarray]:
    """(images uint8 (N, 96, 96, 3), labels from 0, int64 (N,)); InputError if damaged.

    In the files each plane is stored column by column, as MATLAB does it, and labels go from 1 to
    10.
    """
    try:
        pixels, labels = (numpy.fromfile(path, numpy.uint8) for path in (images_path, labels_path))
    except OSError as error:
        raise InputError(f"{error.filename or images_path}: cannot be read ({error})") from error
    if not len(pixels) or len(pixels) % PICTURE:
        raise InputError(
            f"{images_path}: expected pictures of {PICTURE:,} bytes, got {len(pixels)} bytes, "
            f"which are {len(pixels) / PICTURE:.2f} pictures: download it again"
        )
    planes = pixels.reshape(-1, 3, SIDE, SIDE)  # picture, channel, column, row
    if len(labels) != len(planes):
        raise InputError(
            f"{labels_path}: expected {len(planes)} labels, one per picture of {images_path}, "
            f"got {len(labels)}"
        )
    if labels.min() < 1 or labels.max() > len(CLASS_NAMES):
        wrong = labels.min() if labels.min() < 1 else labels.max()
        raise InputError(f"{labels_path}: expected labels 1 to {len(CLASS_NAMES)}, got {wrong}")
    return numpy.ascontiguousarray(planes.transpose(0, 3, 2, 1)), labels.astype(numpy.int64) - 1


def _class_names(folder: Path) -> list[str]:
    """The names in class_names.txt, or the published ones if it is missing."""
    path = folder / NAMES
    if not path.is_file():
        return CLASS_NAMES
    names = path.read_text(encoding="utf-8", errors="replace").split()
    if len(names) != len(CLASS_NAMES):
        raise InputError(f"{path}: expected {len(CLASS_NAMES)} class names, got {len(names)}")
    return names
