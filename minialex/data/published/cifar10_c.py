"""CIFAR-10-C: CIFAR-10's test pictures, spoilt in 19 ways, each in five severities.

Hendrycks and Dietterich 2019, arXiv:1903.12261. For networks trained on CIFAR-10.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy
from numpy.typing import ArrayLike

from minialex.data.dataset import ArrayImages, Dataset
from minialex.data.download import cache_folder
from minialex.data.published import cifar_classes
from minialex.data.published.archive import fetch_files
from minialex.data.published.cifar10_1 import check_pair
from minialex.data.published.numpy_files import map_npy
from minialex.errors import InputError

#: The paper's corruptions, in its order: noise, blur, weather, digital.
CORRUPTIONS = (
    *("gaussian_noise", "shot_noise", "impulse_noise"),
    *("defocus_blur", "glass_blur", "motion_blur", "zoom_blur"),
    *("snow", "frost", "fog", "brightness"),
    *("contrast", "elastic_transform", "pixelate", "jpeg_compression"),
)
#: Four more, which published means leave out; a folder may lack them.
EXTRA = ("speckle_noise", "gaussian_blur", "spatter", "saturate")
SEVERITIES = 5
LABELS = "labels.npy"
FOLDER = "CIFAR-10-C"
URL = "https://zenodo.org/record/2535967/files/CIFAR-10-C.tar"
#: As tensorflow_datasets has it.
SHA256 = "c72763e101c723b7c507b96205f7e938912a5d587376173b825850cf3cb876a7"


class Blocks:
    """Arrays of the same shape, one behind the other, of which rows are read when asked for.

    Has what ArrayImages needs of an array: dtype, shape, ndim, len, and rows by their numbers.

    names: what each array is called. arrays: as many of shape (N, …).
    """

    def __init__(self, names: Sequence[str], arrays: Sequence[numpy.ndarray]):
        self.names, self.arrays = tuple(names), list(arrays)
        self.dtype = self.arrays[0].dtype
        self.block = len(self.arrays[0])  # rows of each array
        self.shape = (len(self.arrays) * self.block, *self.arrays[0].shape[1:])
        self.ndim = len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def name_of(self, number: int) -> str:
        """What the row with this number is a picture of: "fog 3" for fog of severity 3."""
        block, row = divmod(int(number), self.block)
        return f"{self.names[block]} {row * SEVERITIES // self.block + 1}"

    def __getitem__(self, numbers: ArrayLike) -> numpy.ndarray:
        """The rows with these numbers, a copy: (n, …)."""
        numbers = numpy.asarray(numbers)
        rows = numpy.empty((len(numbers), *self.shape[1:]), self.dtype)
        for i in numpy.unique(numbers // self.block):
            own = numbers // self.block == i
            rows[own] = self.arrays[i][numbers[own] % self.block]
        return rows


def load(data_dir: Path | str | None = None, image_size: int | None = None) -> Dataset:
    """The Dataset "cifar10-c": no training pictures, and 950,000 test pictures of 32x32x3.

    They come corruption by corruption (test.images.names), of each first the weakest, and are read
    from the files when they are asked for: together they have 3 GB. Reads labels.npy and the
    corruptions' files from data_dir or data_dir/CIFAR-10-C. If data_dir is None, reads them from
    the download cache, after downloading the archive (2.9 GB) if necessary.

    image_size: the side that pictures are resized to; None keeps 32.
    Raises InputError for a missing or damaged file.
    """
    if data_dir is None:
        names = [f"{name}.npy" for name in (*CORRUPTIONS, *EXTRA)]
        hint = "unpack CIFAR-10-C.tar into a folder and pass it as --data-dir"
        cache = cache_folder("cifar10-c")
        folder = fetch_files((*names, LABELS), URL, f"sha256:{SHA256}", cache, hint)
    else:
        folder = _find(Path(data_dir))
    names = [
        name
        for name in (*CORRUPTIONS, *EXTRA)
        if name in CORRUPTIONS or (folder / f"{name}.npy").is_file()
    ]
    labels, arrays = map_npy(folder / LABELS), [map_npy(folder / f"{name}.npy") for name in names]
    for name, array in zip(names, arrays, strict=True):
        check_pair(folder / f"{name}.npy", folder / LABELS, array, labels)
    if len(labels) % SEVERITIES:
        raise InputError(
            f"{folder / LABELS}: expected {SEVERITIES} blocks of labels, one per severity, got "
            f"{len(labels)} labels"
        )
    test = ArrayImages(Blocks(names, arrays), numpy.tile(labels, len(names)), image_size)
    return Dataset("cifar10-c", None, test, list(cifar_classes.CIFAR10))


def _find(data_dir: Path) -> Path:
    folder = data_dir / FOLDER if (data_dir / FOLDER).is_dir() else data_dir
    needed = [LABELS, *(f"{name}.npy" for name in CORRUPTIONS)]
    missing = [name for name in needed if not (folder / name).is_file()]
    if missing:
        shown = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" * (len(missing) > 3))
        raise InputError(f"CIFAR-10-C: no {shown} in {folder}; get {URL}")
    return folder
