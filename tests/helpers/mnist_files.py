"""A small data set in the files of MNIST: IDX, one array in each."""

import gzip
import struct
from pathlib import Path

import numpy
from data_helpers import random_pictures

SIZES = {"train": 12, "t10k": 5}


def idx(array: numpy.ndarray, kind: int = 0x08) -> bytes:
    """An IDX file that holds the array, of unsigned bytes or, for kind 0x0C, 32-bit integers."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, kind, array.ndim, *array.shape)
    return header + array.astype({0x08: "u1", 0x0C: ">i4"}[kind]).tobytes()


def contents() -> dict[str, bytes]:
    """The four files of a small data set, uncompressed: {name: bytes}."""
    files = {}
    for seed, (part, n) in enumerate(SIZES.items()):
        files[f"{part}-images-idx3-ubyte"] = idx(random_pictures(n, 28, 1, seed)[..., 0])
        files[f"{part}-labels-idx1-ubyte"] = idx((numpy.arange(n) + seed) % 10)
    return files


def write(folder: Path, packed: bool = True, **changed: bytes | None) -> Path:
    """Writes the small set, compressed if `packed`; returns the folder.

    changed: other contents for train_images, t10k_labels and so on; None leaves the file out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents().items():
        content = changed.get("_".join(name.split("-")[:2]), content)
        if content is not None:
            path = folder / (f"{name}.gz" if packed else name)
            path.write_bytes(gzip.compress(content) if packed else content)
    return folder
