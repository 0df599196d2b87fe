"""Your own .npz file of pictures and labels, under the names that such files usually have.

Keras's mnist.npz is one, and so are the files of MedMNIST (Yang and others 2023).
"""

from pathlib import Path
from typing import NoReturn

import numpy

from minialex.data.arrays import as_pictures, from_arrays, numbered
from minialex.data.dataset import PADDING, ArrayImages, Dataset
from minialex.data.published.numpy_files import read_npz
from minialex.errors import InputError

#: The names of pictures and labels to train with, to test with, and of all in one.
TRAIN = (("x_train", "y_train"), ("X_train", "y_train"), ("train_images", "train_labels"))
TEST = (
    *(("x_test", "y_test"), ("X_test", "y_test"), ("test_images", "test_labels")),
    *(("x_val", "y_val"), ("X_val", "y_val"), ("val_images", "val_labels")),
)
ALL = (*(("x", "y"), ("X", "y"), ("images", "labels"), ("arr_0", "arr_1")), *TRAIN)

#: The names of the classes, if the file has them.
NAMES = "class_names"


def load(
    data_dir: Path | str,
    image_size: int | None = None,
    padding: int = PADDING,
    seed: int = 0,
    val_share: float | None = None,
) -> Dataset:
    """The Dataset "npz", of the file `data_dir`.

    Takes the first of TRAIN and of TEST that the file has. With `val_share`, or without test
    pictures, that share of each class (default: a tenth) is held out of the training pictures to
    test with, drawn by `seed`. Labels are (N,) or (N, 1), from 0, or names. Pictures are as for
    data.from_arrays.

    image_size: the side that pictures are resized to; None keeps their own.
    padding: by how many pixels a random crop may shift a picture.
    Raises InputError if it is no such file, or damaged.
    """
    path = Path(data_dir)
    check_file(path)
    arrays = read_npz(path)
    parts = [_pair(arrays, names) for names in (TRAIN, TEST)]
    parts = parts if all(parts) else [_pair(arrays, ALL) or _refused(path, arrays)]
    if val_share is not None:
        parts = parts[:1]
    names = _class_names(arrays)
    try:
        given = [array for pair in parts for array in pair]
        sizes = dict(image_size=image_size, padding=padding)
        held_out = dict(seed=seed, val_share=val_share)
        dataset = from_arrays(*given, class_names=names, **held_out, **sizes)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    if dataset.num_classes == 1:
        raise InputError(f"{path} has pictures of one class only, {dataset.class_names[0]}")
    dataset.name = "npz"
    return dataset


def load_to_test(
    data_dir: Path | str,
    class_names: list[str],
    image_size: int,
    pixel_range: tuple[float, float] | None = None,
) -> Dataset:
    """The same file as a Dataset without training pictures, for a network that has not seen it.

    The test pictures are those of TEST, or, if the file has none, all of ALL. Labels are names of
    the network's `class_names`, or their numbers, unless the file has names of its own.

    pixel_range: the numbers that become 0 and 255.
    Raises InputError if it is no such file, or damaged, or has other classes.
    """
    path = Path(data_dir)
    check_file(path)
    arrays = read_npz(path)
    x, y = _pair(arrays, TEST) or _pair(arrays, ALL) or _refused(path, arrays)
    try:
        own, own_names = numbered(y, _class_names(arrays) or class_names)
        labels, _ = numbered([own_names[number] for number in own], class_names)
        test = ArrayImages(as_pictures(x, pixel_range), labels, image_size)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    return Dataset("npz", None, test, class_names)


def is_npz(path: Path | str | None) -> bool:
    """Whether the path is called like a .npz file."""
    return path is not None and Path(path).suffix == ".npz" and not Path(path).is_dir()


def check_file(path: Path) -> None:
    """InputError if there is no such file."""
    if not path.is_file():
        there = "the folder" if path.is_dir() else "the pipe or device"
        got = there if path.exists() else "no file"
        raise InputError(f"expected a .npz file of pictures and labels, got {got} {path}")


def _refused(path: Path, arrays: dict[str, numpy.ndarray]) -> NoReturn:
    """InputError that says what the file has."""
    wanted = "x_train, y_train, x_test and y_test, or x and y"
    got = ", ".join(arrays) or "nothing"
    raise InputError(f"{path}: expected arrays {wanted}, got {got}")


def _class_names(arrays: dict[str, numpy.ndarray]) -> list[str] | None:
    """The names of the classes, if the file has them."""
    if NAMES not in arrays:
        return None
    names = arrays[NAMES].ravel()
    return [
        name.decode(errors="replace") if isinstance(name, bytes) else str(name) for name in names
    ]


def _pair(arrays: dict[str, numpy.ndarray], names: tuple) -> tuple | None:
    """The first pair of pictures and labels that there is, with labels (N,)."""
    for x, y in names:
        if x in arrays and y in arrays:
            labels = arrays[y]
            return arrays[x], labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    return None
