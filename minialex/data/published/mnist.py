"""MNIST and the data sets that come in the same files: small grey pictures, 28x28.

mnist            LeCun, Cortes and Burges 1998, "The MNIST database of handwritten digits"
fashion-mnist    Xiao, Rasul and Vollgraf 2017, arXiv:1708.07747: clothes
kmnist           Clanuwat and others 2018, arXiv:1812.01718: Japanese letters in cursive
emnist-letters   Cohen, Afshar, Tapson and van Schaik 2017, arXiv:1702.05373: letters
emnist-balanced  the same: digits and letters, in which 15 letters look the same in either case
qmnist           Yadav and Bottou 2019, arXiv:1905.10498: MNIST's digits, with 60,000 to test with
"""

from pathlib import Path

import numpy

from minialex.data.dataset import PADDING, Dataset, in_memory
from minialex.data.download import cache_folder, fetch
from minialex.data.published.archive import fetch_files
from minialex.data.published.idx import read_idx
from minialex.data.published.mnist_family import FAMILY, Member
from minialex.data.published.numpy_files import read_npz
from minialex.errors import InputError

DEBIAN = Path("/usr/share/datasets/fashion-mnist")  # from Debian's package dataset-fashion-mnist

#: How the test labels begin of the two whose files are called the same and are often confused.
BEGINNINGS = {
    "mnist": [7, 2, 1, 0, 4, 1, 4, 9, 5, 9, 0, 6, 9, 0, 1, 5],
    "fashion-mnist": [9, 2, 1, 1, 6, 1, 4, 6, 5, 7, 4, 5, 7, 3, 4, 1],
}


def load(
    name: str,
    data_dir: Path | str | None = None,
    image_size: int | None = None,
    padding: int = PADDING,
) -> Dataset:
    """The Dataset `name`, one of FAMILY.

    Reads the four published files, compressed or not, from data_dir or one of the folders in it
    where they usually are. If data_dir is None, reads them from the download cache, after
    downloading them if necessary ("fashion-mnist" from Debian's folder if there is one).

    image_size: the side that pictures are resized to; None keeps 28.
    padding: by how many pixels a random crop may shift a picture.
    Raises InputError for a missing or damaged file.
    """
    member = FAMILY[name]
    if data_dir is not None:
        files = _find(member, Path(data_dir))
    elif name == "fashion-mnist" and DEBIAN.is_dir():
        files = _find(member, DEBIAN)
    else:
        files = _download(name, member)
    train, test = (_read_pair(member, *files[i : i + 2]) for i in (0, 2))
    if test[0].shape[1:] != train[0].shape[1:]:
        raise InputError(
            f"{files[2]}: expected pictures of shape {train[0].shape[1:3]}, like the training "
            f"pictures, got {test[0].shape[1:3]}"
        )
    for other, beginning in BEGINNINGS.items():
        alike = other != name and FAMILY[other].files == member.files
        if alike and test[1][: len(beginning)].tolist() == beginning:
            raise InputError(f"{files[3]}: these are {FAMILY[other].title}'s: --dataset {other}")
    return in_memory(name, train, test, list(member.class_names), image_size, padding)


def _find(member: Member, data_dir: Path) -> list[Path]:
    """The paths of the four files, in `data_dir` or one of the member's folders in it."""
    folders = [data_dir, *(data_dir / name for name in member.folders)]
    found = [[_spelled(folder, names) for names in member.spellings()] for folder in folders]
    best = max(range(len(folders)), key=lambda i: sum(map(bool, found[i])))
    missing = [
        f"{name}.gz" for name, file in zip(member.files, found[best], strict=True) if file is None
    ]
    if missing:
        raise InputError(
            f"{member.title}: no {', '.join(missing)} in {folders[best]}; get them from "
            f"{member.url}"
        )
    return found[best]


def _spelled(folder: Path, names: list[str]) -> Path | None:
    """The first file in the folder that has one of the names."""
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _download(name: str, member: Member) -> list[Path]:
    folder = cache_folder(name.partition("-")[0] if member.archive_hash else name)
    hint = f"put the four .gz files of {member.title} into a folder and pass it as --data-dir"
    files = [f"{each}.gz" for each in member.files]
    if member.archive_hash:
        alike = (other for other in FAMILY.values() if other.url == member.url)
        wanted = [f"{each}.gz" for other in alike for each in other.files]
        fetch_files(wanted, member.url, member.archive_hash, folder, hint)
        return [folder / file for file in files]
    return [
        fetch(f"{member.url}{file}", file, known_hash, folder, hint)
        for file, known_hash in zip(files, member.hashes, strict=True)
    ]


def _read_pair(member, images_path, labels_path):
    """(images uint8 (N, S, S, 1), labels from 0 (N,)) from two files that must match each other."""
    images, labels = _read(images_path), _read(labels_path)
    if images.ndim != 3 or images.shape[1] != images.shape[2] or images.size == 0:
        raise InputError(
            f"{images_path}: expected square pictures (N, S, S), got an array of shape "
            f"{images.shape}"
        )
    if images.dtype != numpy.uint8:
        raise InputError(f"{images_path}: expected pictures of bytes, got {images.dtype}")
    if labels.ndim != (2 if member.label_columns else 1) or labels.dtype.kind not in "iu":
        wanted = f"(N, {member.label_columns})" if member.label_columns else "(N,)"
        raise InputError(
            f"{labels_path}: expected labels {wanted}, got an array of shape {labels.shape}"
        )
    if member.label_columns:
        labels = labels[:, 0]
    if len(images) != len(labels):
        raise InputError(
            f"{labels_path}: expected {len(images)} labels, one per picture of {images_path}, "
            f"got {len(labels)}"
        )
    first, last = member.first_label, member.first_label + len(member.class_names) - 1
    if labels.min() < first or labels.max() > last:
        wrong = labels.min() if labels.min() < first else labels.max()
        raise InputError(f"{labels_path}: expected labels {first} to {last}, got {wrong}")
    if member.transposed:
        images = numpy.ascontiguousarray(images.transpose(0, 2, 1))
    return images[..., numpy.newaxis], labels.astype(numpy.int64) - first


def _read(path: Path) -> numpy.ndarray:
    """The array in an IDX file, or the only one in an .npz file."""
    if path.suffix != ".npz":
        return read_idx(path)
    arrays = read_npz(path)
    if list(arrays) != ["arr_0"]:
        raise InputError(f"{path}: expected one array, arr_0, got {', '.join(arrays) or 'none'}")
    return arrays["arr_0"]
