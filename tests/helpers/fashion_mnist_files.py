"""A small Fashion-MNIST in IDX files."""

import gzip
import struct
from pathlib import Path

import numpy
from data_helpers import random_pictures

SIZES = {"train": 12, "t10k": 5}


def idx(array: numpy.ndarray) -> bytes:
    """An IDX file of unsigned bytes that holds the array."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return header + array.astype(numpy.uint8).tobytes()


def contents() -> dict[str, bytes]:
    """The four files of a small Fashion-MNIST, uncompressed: {name: bytes}."""
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
