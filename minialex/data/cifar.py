"""CIFAR-10 and CIFAR-100: each 60,000 colour photographs, 32x32 (Krizhevsky 2009).

CIFAR-100's pictures have two labels: "cifar100" takes the fine one of 100 classes,
"cifar100-coarse" the coarse one of 20.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy

from minialex.data import cifar_classes
from minialex.data.archive import fetch_files
from minialex.data.cifar_pickles import read_class_names, read_pickled_batch
from minialex.data.dataset import PADDING, Dataset, in_memory
from minialex.data.download import cache_folder
from minialex.errors import InputError

SITE = "https://www.cs.toronto.edu/~kriz/"
PIXELS = 3 * 32 * 32  # bytes of a picture: its red, green and blue planes


@dataclass(frozen=True)
class Kind:
    """One of the two data sets, or of its two kinds of label.

    title          as it is written
    class_names    the published ones
    labels         how many bytes of labels come before each picture
    label          which of them is the class
    folder, train, test, names_file    the binary version: its folder and files
    py_folder, py_train, py_test       the Python version: its folder and pickles
    py_names_file, py_label, py_names  and in these the keys of the labels and of their names
    archive, archive_hash              of the binary version, to download
    """

    title: str
    class_names: tuple[str, ...]
    labels: int
    label: int
    folder: str
    train: tuple[str, ...]
    test: str
    names_file: str
    py_folder: str
    py_train: tuple[str, ...]
    py_test: str
    py_names_file: str
    py_label: str
    py_names: str
    archive: str
    archive_hash: str

    @property
    def url(self) -> str:
        """Where the binary version is."""
        return SITE + self.archive

    @property
    def record(self) -> int:
        """The bytes of a picture with its labels."""
        return self.labels + PIXELS


def cifar100(label: int, how: str, class_names: tuple[str, ...]) -> Kind:
    """CIFAR-100 with its label number `label`, the "fine" or the "coarse" one."""
    return Kind(
        "CIFAR-100",
        class_names,
        2,
        label,
        *("cifar-100-binary", ("train.bin",), "test.bin", f"{how}_label_names.txt"),
        *("cifar-100-python", ("train",), "test", "meta", f"{how}_labels", f"{how}_label_names"),
        "cifar-100-binary.tar.gz",
        "sha256:58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
    )


BATCHES = tuple(f"data_batch_{i}" for i in range(1, 6))

KINDS = {
    "cifar10": Kind(
        "CIFAR-10",
        cifar_classes.CIFAR10,
        1,
        0,
        "cifar-10-batches-bin",
        tuple(f"{name}.bin" for name in BATCHES),
        *("test_batch.bin", "batches.meta.txt"),
        *("cifar-10-batches-py", BATCHES, "test_batch", "batches.meta", "labels", "label_names"),
        "cifar-10-binary.tar.gz",
        "md5:c32a1d4ab5d03f1284b67883e8d87530",
    ),
    "cifar100": cifar100(1, "fine", cifar_classes.FINE),
    "cifar100-coarse": cifar100(0, "coarse", cifar_classes.COARSE),
}


def load(
    name: str,
    data_dir: Path | str | None = None,
    image_size: int | None = None,
    padding: int = PADDING,
) -> Dataset:
    """The Dataset `name`, one of KINDS: 50,000 training and 10,000 test pictures of 32x32x3.

    Reads the published files, of the binary version or of the Python version, from data_dir or the
    folder in it that the archive makes. Pickles are read without running what they contain. If
    data_dir is None, reads the binary version from the download cache, after downloading it if
    necessary.

    image_size: the side that pictures are resized to; None keeps 32.
    padding: by how many pixels a random crop may shift a picture.
    Raises InputError for a missing or damaged file, and for the other data set's.
    """
    kind = KINDS[name]
    if data_dir is None:
        cache = cache_folder("cifar10" if name == "cifar10" else "cifar100")
        hint = f"unpack {kind.title}'s binary version into a folder and pass it as --data-dir"
        files = (*kind.train, kind.test)
        found = fetch_files(files, kind.url, kind.archive_hash, cache, hint, also=kind.names_file)
        pickled = False
    else:
        found, pickled = _find(kind, Path(data_dir))
    read = _read_pickled if pickled else _read_binary
    train, test = (kind.py_train, kind.py_test) if pickled else (kind.train, kind.test)
    parts = [read(found / file, kind) for file in train]
    joined = [numpy.concatenate(arrays) for arrays in zip(*parts, strict=True)]
    names = _class_names(kind, found, pickled)
    return in_memory(name, joined, read(found / test, kind), names, image_size, padding)


def _find(kind: Kind, data_dir: Path) -> tuple[Path, bool]:
    """The folder with the files, and whether they are pickles."""
    folder = data_dir / kind.folder if (data_dir / kind.folder).is_dir() else data_dir
    missing = [name for name in (*kind.train, kind.test) if not (folder / name).is_file()]
    if not missing:
        return folder, False
    for pickles in (data_dir / kind.py_folder, data_dir):
        if all((pickles / name).is_file() for name in (*kind.py_train, kind.py_test)):
            return pickles, True
    for name, other in KINDS.items():
        places = (data_dir, data_dir / other.folder, data_dir / other.py_folder)
        files = (other.train[0], other.py_train[0])
        if other.title != kind.title and any((p / f).is_file() for p in places for f in files):
            raise InputError(
                f"{data_dir} holds {other.title}, with records of {other.record:,} bytes, expected "
                f"{kind.title}: --dataset {name}"
            )
    raise InputError(
        f"{kind.title}: no {', '.join(missing)} in {folder}; get the binary version, {kind.url}"
    )


def _read_binary(path: Path, kind: Kind) -> tuple[numpy.ndarray, numpy.ndarray]:
    """(images uint8 (N, 32, 32, 3), labels uint8 (N,)) from a .bin file; InputError if damaged."""
    try:
        size = path.stat().st_size
        data = numpy.fromfile(path, numpy.uint8)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error})") from error
    if size == 0 or size % kind.record:
        other = next(each for each in KINDS.values() if each.title != kind.title)
        if size and size % other.record == 0:
            raise InputError(
                f"{path}: these are {other.title}'s records of {other.record:,} bytes, expected "
                f"{kind.title}'s of {kind.record:,}"
            )
        raise InputError(
            f"{path}: expected pictures of {kind.record:,} bytes, got {size} bytes, which are "
            f"{size / kind.record:.2f} pictures: download it again"
        )
    records = data.reshape(-1, kind.record)
    return _pictures(records[:, kind.labels :]), _checked(path, kind, records[:, kind.label].copy())


def _read_pickled(path: Path, kind: Kind) -> tuple[numpy.ndarray, numpy.ndarray]:
    """The same from a pickle of the Python version."""
    rows, labels = read_pickled_batch(path, kind.py_label)
    if rows.shape[1] != PIXELS:
        raise InputError(f"{path}: expected pictures of {PIXELS:,} bytes, got {rows.shape[1]:,}")
    return _pictures(rows), _checked(path, kind, labels)


def _pictures(rows: numpy.ndarray) -> numpy.ndarray:
    """uint8 (N, 3072), a red, a green and a blue plane in each row -> (N, 32, 32, 3)."""
    return numpy.ascontiguousarray(rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))


def _checked(path: Path, kind: Kind, labels: numpy.ndarray) -> numpy.ndarray:
    """The labels; InputError if there is no such class."""
    last = len(kind.class_names) - 1
    if labels.min() < 0 or labels.max() > last:
        wrong = labels.min() if labels.min() < 0 else labels.max()
        raise InputError(
            f"{path} is not a batch of {kind.title}: expected labels 0 to {last}, got {wrong}"
        )
    return labels


def _class_names(kind: Kind, folder: Path, pickled: bool) -> list[str]:
    """The names in the file of names, or the published ones if that is missing."""
    path = folder / (kind.py_names_file if pickled else kind.names_file)
    if not path.is_file():
        return list(kind.class_names)
    if pickled:
        names = read_class_names(path, kind.py_names)
    else:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        names = [line.strip() for line in lines if line.strip()]
    if len(names) != len(kind.class_names):
        raise InputError(f"{path}: expected {len(kind.class_names)} class names, got {len(names)}")
    return names
