"""Files of published data sets: IDX."""

import gzip
from pathlib import Path
from random import Random

import mnist_files
import numpy

from minialex import data
from minialex.data.augment import centre_views
from tests.fuzz.mutate import mutated
from tests.fuzz.trials import Files, Format


def idx_files() -> list[Files]:
    """The four files of MNIST, as they are and compressed."""
    plain = mnist_files.contents()
    return [plain, {f"{name}.gz": gzip.compress(held, mtime=0) for name, held in plain.items()}]


def gzip_repacked(content: bytes, rng: Random) -> bytes:
    """The file with damage before its compression, where it is compressed."""
    if not content.startswith(b"\x1f\x8b"):
        return mutated(content, rng)
    return gzip.compress(mutated(gzip.decompress(content), rng), mtime=0)


def read_mnist(folder: Path) -> None:
    """Loads MNIST."""
    check(data.load("mnist", folder))


def check(dataset: data.Dataset) -> None:
    """Asserts what is true of every data set."""
    for images in filter(None, (dataset.train, dataset.test)):
        assert 0 < len(images) == len(images.labels)
        assert set(images.labels.tolist()) <= set(range(dataset.num_classes))
        pictures = images.read(range(len(images)), centre_views(len(images)))
        assert pictures.dtype == numpy.uint8
        assert pictures.shape == (len(images), *2 * (images.image_size,), images.channels)


FORMATS = [Format("idx", idx_files, read_mnist, (gzip_repacked,))]
