"""Files of published data sets: IDX, CIFAR's two versions, STL-10, MATLAB's and NumPy's."""

import gzip
import io
import zlib
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from random import Random

import cifar_files
import mat_files
import mnist_files
import numpy
from cifar10_c_files import NAMES
from data_helpers import random_pictures

from minialex import data
from minialex.data.augment import centre_views
from tests.fuzz.mutate import Mutator, mutated, zip_changed
from tests.fuzz.trials import Files, Format


@cache
def idx_files() -> list[Files]:
    """The four files of MNIST, as they are and compressed."""
    plain = mnist_files.contents()
    return [plain, {f"{name}.gz": gzip.compress(held, mtime=0) for name, held in plain.items()}]


@cache
def cifar10_files() -> list[Files]:
    """CIFAR-10 in its binary version and in its Python version."""
    binary, pickled = {}, {}
    for name, (pictures, labels) in zip(
        [*cifar_files.TRAIN, "test_batch"], cifar_files.small_cifar10(), strict=True
    ):
        pictures, labels = pictures[:1], labels[:1]
        binary[f"{name}.bin"] = cifar_files.binary(pictures, labels)
        batch = {"labels": labels.tolist(), "data": cifar_files.rows(pictures)}
        pickled[name] = cifar_files.pickle2(batch)
    names = [f"class {i}" for i in range(10)]
    binary["batches.meta.txt"] = "\n".join(names).encode()
    pickled["batches.meta"] = cifar_files.pickle2({"label_names": names})
    return [binary, pickled]


@cache
def cifar100_files() -> list[Files]:
    """CIFAR-100 in its binary version and in its Python version."""
    binary, pickled = {}, {}
    for seed, name in enumerate(("train", "test")):
        pictures = random_pictures(2, 32, 3, seed)
        binary[f"{name}.bin"] = cifar_files.binary(pictures, [3, 4], [98, seed])
        batch = {"fine_labels": [98, seed], "coarse_labels": [3, 4]}
        batch["data"] = cifar_files.rows(pictures)
        pickled[name] = cifar_files.pickle2(batch)
    return [binary, pickled]


@cache
def stl10_files() -> list[Files]:
    """A picture to train with and one to test with."""
    parts = {}
    for seed, part in enumerate(("train", "test")):
        parts[f"{part}_X.bin"] = random_pictures(1, 96, 3, seed).tobytes()
        parts[f"{part}_y.bin"] = bytes([seed + 1])
    return [parts]


def svhn_file(count: int) -> bytes:
    """The matrices of a file of SVHN."""
    pixels = random_pictures(count, 32, 3, count).transpose(1, 2, 3, 0).tobytes(order="F")
    labels = numpy.arange(1, count + 1, dtype=numpy.uint8).tobytes()
    shapes = {b"X": (32, 32, 3, count), b"y": (count, 1)}
    bytes_of = {b"X": pixels, b"y": labels}
    return b"".join(
        mat_files.matrix(9, shape, mat_files.element(2, bytes_of[name]), name=name)
        for name, shape in shapes.items()
    )


@cache
def svhn_files() -> list[Files]:
    """MATLAB's files, as they are and compressed."""
    plain = {f"{part}_32x32.mat": svhn_file(n) for part, n in (("train", 2), ("test", 1))}
    packed = {name: mat_files.compressed(content) for name, content in plain.items()}
    return [
        {name: mat_files.HEADER + content for name, content in files.items()}
        for files in (plain, packed)
    ]


def npy_of(array: numpy.ndarray) -> bytes:
    """A .npy file."""
    file = io.BytesIO()
    numpy.save(file, array)
    return file.getvalue()


@cache
def npz_files() -> list[Files]:
    """Pictures and labels, with and without test pictures, compressed and not; labels as words."""
    x, y = random_pictures(6, 8), numpy.arange(6) % 2
    words = numpy.array(["cat", "dog"] * 3)
    arrays = [
        dict(x_train=x, y_train=y, x_test=x[:2], y_test=y[:2], class_names=words[:2]),
        dict(x=x, y=words),
        dict(x=x.astype(numpy.float32) / 255, y=y[:, None]),
    ]
    contents = []
    for save in (numpy.savez, numpy.savez_compressed):
        for each in arrays:
            file = io.BytesIO()
            save(file, **each)
            contents.append({"some.npz": file.getvalue()})
    return contents


@cache
def cifar10_1_files() -> list[Files]:
    """Two pictures."""
    files = {"data": random_pictures(2, 32), "labels": numpy.array([0, 9])}
    return [{f"cifar10.1_v6_{name}.npy": npy_of(array) for name, array in files.items()}]


@cache
def cifar10_c_files() -> list[Files]:
    """A picture of each corruption and severity."""
    blocks = npy_of(random_pictures(5, 32))
    labels = npy_of(numpy.zeros(5, numpy.uint8))
    return [{"labels.npy": labels, **{f"{name}.npy": blocks for name in NAMES}}]


def gzip_repacked(content: bytes, rng: Random) -> bytes:
    """The file with damage before its compression, where it is compressed."""
    if not content.startswith(b"\x1f\x8b"):
        return mutated(content, rng)
    return gzip.compress(mutated(gzip.decompress(content), rng), mtime=0)


def mat_repacked(content: bytes, rng: Random) -> bytes:
    """The file with damage before its compression, where it is compressed."""
    start = len(mat_files.HEADER)
    if content[start] != mat_files.COMPRESSED:
        return mutated(content, rng)
    changed = mutated(zlib.decompress(content[start + 8 :]), rng)
    return content[:start] + mat_files.compressed(changed)


def beginning_changed(size: int) -> Mutator:
    """A mutator of the first `size` bytes: the pixels behind them may be any."""
    return lambda content, rng: mutated(content[:size], rng) + content[size:]


def end_changed(content: bytes, rng: Random) -> bytes:
    """With damage to the last 64 bytes."""
    return content[:-64] + mutated(content[-64:], rng)


def npy_header_changed(content: bytes, rng: Random) -> bytes:
    """With another word or number in its header, which is Python's text."""
    words = (b"0", b"-1", b"3", b"1000000000000", b"True", b"'|O'", b"'<f8'", b"'<U99'", b"(", b"{")
    start = rng.randrange(10, 118)
    word = rng.choice(words)
    return content[:start] + word + content[start + rng.choice((0, len(word))) :]


def npz_changed(content: bytes, rng: Random) -> bytes:
    """With another header of an array, or other damage in it, and right checksums."""
    return zip_changed(content, rng, rng.choice((mutated, npy_header_changed)))


def reading(name: str, file: str = "") -> Callable[[Path], None]:
    """A function that loads the data set in a folder, or in a file there."""
    return partial(load_and_check, name, file)


def load_and_check(name: str, file: str, folder: Path) -> None:
    """Loads the data set."""
    check(data.load(name, folder / file))


def check(dataset: data.Dataset) -> None:
    """Asserts what is true of every data set."""
    for images in filter(None, (dataset.train, dataset.test)):
        assert 0 < len(images) == len(images.labels)
        assert set(images.labels.tolist()) <= set(range(dataset.num_classes))
        pictures = images.read(range(len(images)), centre_views(len(images)))
        assert pictures.dtype == numpy.uint8
        assert pictures.shape == (len(images), *2 * (images.image_size,), images.channels)
    assert all(isinstance(name, str) for name in dataset.class_names)


NPY = (npy_header_changed,)
CIFAR = (beginning_changed(200), end_changed)

FORMATS = [
    Format("idx", idx_files, reading("mnist"), (gzip_repacked,)),
    Format("cifar10", cifar10_files, reading("cifar10"), CIFAR),
    Format("cifar100", cifar100_files, reading("cifar100"), CIFAR),
    Format("stl10", stl10_files, reading("stl10")),
    Format("mat", svhn_files, reading("svhn"), (mat_repacked, beginning_changed(300))),
    Format("npz", npz_files, reading("npz", "some.npz"), (npz_changed,)),
    Format("cifar10.1", cifar10_1_files, reading("cifar10.1"), NPY),
    Format("cifar10-c", cifar10_c_files, reading("cifar10-c"), NPY),
]
