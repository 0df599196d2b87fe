"""CIFAR's Python version: dictionaries pickled by Python 2, read without running any of it."""

from pathlib import Path
from typing import Any

import numpy

from minialex.errors import InputError, refusing
from minialex.io.pickle_machine import expect, unpickle
from minialex.io.pickled_arrays import KNOWN, array_of

#: The longest pickle, in bytes: CIFAR-100's training pictures take 155 million.
LONGEST = 200_000_000


def read_pickled_batch(path: Path, label: str) -> tuple[numpy.ndarray, numpy.ndarray]:
    """(rows uint8 (N, 3072), labels int64 (N,)) of a batch; `label` is the key of its labels.

    InputError if the file is damaged, or something else.
    """
    batch = _read(path)
    if label not in batch and {"fine_labels", "labels"} & batch.keys():
        other = "CIFAR-100" if "fine_labels" in batch else "CIFAR-10"
        raise InputError(f"{path}: these are {other}'s pictures, without {label}")
    if not {"data", label} <= batch.keys():
        got = ", ".join(map(str, batch)) or "nothing"
        raise InputError(f"{path}: not a batch of CIFAR: expected data and {label}, got {got}")
    with refusing(f"{path}:", "not a batch of CIFAR"):
        numbers = expect(batch[label], list)
        if not all(isinstance(number, int) for number in numbers):
            raise ValueError("expected labels as whole numbers")
        rows, labels = array_of(batch["data"]), numpy.array(numbers, numpy.int64)
    if rows.dtype != numpy.uint8 or rows.ndim != 2 or labels.shape != (len(rows),) or not len(rows):
        raise InputError(
            f"{path}: expected pictures uint8 (N, 3072) and N labels, got {rows.dtype} "
            f"{rows.shape} and {labels.shape}"
        )
    return rows, labels


def read_class_names(path: Path, key: str) -> list[str]:
    """The names of the classes in a file of names, under `key`."""
    names = _read(path).get(key)
    if not isinstance(names, list) or not all(isinstance(name, str | bytes) for name in names):
        got = type(names).__name__
        raise InputError(f"{path}: expected the names of classes, {key}, a list of text, got {got}")
    return [name if isinstance(name, str) else name.decode("latin-1") for name in names]


def _read(path: Path) -> dict[str, Any]:
    """The dictionary in a pickle, with its keys as strings."""
    try:
        what = "not a whole pickle of CIFAR's Python version"
        with refusing(f"{path}:", what), open(path, "rb") as file:
            longest = min(LONGEST, path.stat().st_size)
            found = expect(unpickle(file, KNOWN, longest=longest), dict)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error})") from error
    return {key.decode("latin-1") if isinstance(key, bytes) else key: found[key] for key in found}
