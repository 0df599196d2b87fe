"""Small batches of CIFAR-10 and CIFAR-100, in the binary version and as Python 2 pickled them."""

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy
from data_helpers import random_pictures

TRAIN = [f"data_batch_{i}" for i in range(1, 6)]


def binary(pictures: numpy.ndarray, *labels: Sequence[int]) -> bytes:
    """Records: the labels of a picture, then its red, green and blue planes."""
    records = []
    for picture, *own in zip(pictures, *labels, strict=True):
        planes = (picture[..., channel].tobytes() for channel in range(3))
        records.append(bytes(own) + b"".join(planes))
    return b"".join(records)


def python2(value) -> bytes:
    """The instructions by which Python 2's cPickle, protocol 2, built the value.

    Its strings were bytes, and NumPy of that time pickled an array by `_reconstruct`.
    """
    match value:
        case int():
            return b"K" + bytes([value]) if value < 256 else b"M" + struct.pack("<H", value)
        case str():
            short = len(value) < 256
            size = b"U" + bytes([len(value)]) if short else b"T" + struct.pack("<i", len(value))
            return size + value.encode("latin-1")
        case list():
            return b"](" + b"".join(map(python2, value)) + b"e"
        case tuple():
            return b"(" + b"".join(map(python2, value)) + b"t"
        case dict():
            entries = b"".join(python2(key) + python2(item) for key, item in value.items())
            return b"}(" + entries + b"u"
        case numpy.ndarray():
            kind = b"cnumpy\ndtype\nU\x02u1K\0K\1\x87R(K\3U\1|NNNJ" + b"\xff" * 4
            kind += b"J" + b"\xff" * 4 + b"K\0tb"
            empty = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85U\1b\x87R"
            rest = kind + b"\x89" + python2(value.tobytes().decode("latin-1"))
            return empty + b"(K\1" + python2(value.shape) + rest + b"tb"
    raise TypeError(type(value))


def pickle2(value) -> bytes:
    """A whole pickle of the value by Python 2."""
    return b"\x80\x02" + python2(value) + b"."


def rows(pictures: numpy.ndarray) -> numpy.ndarray:
    """(N, 32, 32, 3) -> (N, 3072), a red, a green and a blue plane in each row."""
    return numpy.concatenate([pictures[..., c].reshape(len(pictures), -1) for c in range(3)], 1)


def small_cifar10() -> list[tuple[numpy.ndarray, numpy.ndarray]]:
    """(pictures, labels) of five training batches and the test batch, four pictures in each."""
    return [(random_pictures(4, 32, 3, seed), (numpy.arange(4) + seed) % 10) for seed in range(6)]


def write_cifar10_pickles(folder: Path) -> Path:
    """Writes the small CIFAR-10 in the Python version; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (pictures, labels) in zip([*TRAIN, "test_batch"], small_cifar10(), strict=True):
        batch = {"batch_label": f"this is {name}", "labels": labels.tolist()}
        batch |= {"data": rows(pictures), "filenames": ["a.png"] * 4}
        (folder / name).write_bytes(pickle2(batch))
    names = [f"class {i}" for i in range(10)]
    meta = {"num_cases_per_batch": 4, "label_names": names, "num_vis": 3072}
    (folder / "batches.meta").write_bytes(pickle2(meta))
    return folder
