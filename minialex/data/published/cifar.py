"""CIFAR-10 and CIFAR-100: each 60,000 colour photographs, 32x32 (Krizhevsky 2009).

CIFAR-100's pictures have two labels: "cifar100" takes the fine one of 100 classes,
"cifar100-coarse" the coarse one of 20.
"""

from pathlib import Path

import numpy

from minialex.data.dataset import PADDING, Dataset, in_memory
from minialex.data.download import cache_folder
from minialex.data.published.archive import fetch_files
from minialex.data.published.cifar_kinds import KINDS, PIXELS, Files, Kind
from minialex.data.published.cifar_pickles import read_class_names, read_pickled_batch
from minialex.errors import InputError


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
    folder, files = _download(kind) if data_dir is None else _find(kind, Path(data_dir))
    read = _read_pickled if files is kind.pickled else _read_binary
    parts = [read(folder / file, kind) for file in files.train]
    train = [numpy.concatenate(arrays) for arrays in zip(*parts, strict=True)]
    names = _class_names(kind, folder / files.names)
    return in_memory(name, train, read(folder / files.test, kind), names, image_size, padding)


def _download(kind: Kind) -> tuple[Path, Files]:
    """The folder with the binary version in the download cache, and its files."""
    files = (*kind.binary.train, kind.binary.test)
    cache = cache_folder(kind.title.lower().replace("-", ""))
    hint = f"unpack {kind.title}'s binary version into a folder and pass it as --data-dir"
    names = kind.binary.names
    return fetch_files(files, kind.url, kind.archive_hash, cache, hint, also=names), kind.binary


def _find(kind: Kind, data_dir: Path) -> tuple[Path, Files]:
    """The folder with one of the two versions, and its files."""
    for files in (kind.binary, kind.pickled):
        for folder in (data_dir / files.folder, data_dir):
            if all((folder / name).is_file() for name in (*files.train, files.test)):
                return folder, files
    for name, other in KINDS.items():
        for files in (other.binary, other.pickled):
            first = (data_dir / files.train[0], data_dir / files.folder / files.train[0])
            if other.title != kind.title and any(path.is_file() for path in first):
                raise InputError(
                    f"{data_dir} holds {other.title}, with records of {other.record:,} bytes, "
                    f"expected {kind.title}: --dataset {name}"
                )
    files = kind.binary
    folder = data_dir / files.folder if (data_dir / files.folder).is_dir() else data_dir
    missing = [name for name in (*files.train, files.test) if not (folder / name).is_file()]
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
    rows, labels = read_pickled_batch(path, kind.label_key)
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


def _class_names(kind: Kind, path: Path) -> list[str]:
    """The names in the file of names, or the published ones if that is missing."""
    if not path.is_file():
        return list(kind.class_names)
    if path.name == kind.pickled.names:
        names = read_class_names(path, kind.names_key)
    else:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        names = [line.strip() for line in lines if line.strip()]
    if len(names) != len(kind.class_names):
        raise InputError(f"{path}: expected {len(kind.class_names)} class names, got {len(names)}")
    return names
