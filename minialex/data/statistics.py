"""The mean and covariance of the training pictures' pixels, measured before training."""

from dataclasses import dataclass

import numpy
from tqdm import tqdm

from minialex.data import cache
from minialex.data.augment import Standardize, centre_views
from minialex.data.dataset import Images
from minialex.data.download import cache_folder
from minialex.data.folder_images import FolderImages
from minialex.data.skipped import check_most_are_readable


@dataclass
class Statistics:
    """mean: float (C,) and covariance: float (C, C) of all pixels, in 0..255.

    The diagonal of the covariance holds the variances.
    """

    mean: numpy.ndarray
    covariance: numpy.ndarray

    def standardize(self) -> Standardize:
        """Scales pixels to mean 0 and standard deviation 1."""
        return Standardize(self.mean, numpy.sqrt(numpy.diag(self.covariance).clip(0)))

    def centre(self) -> Standardize:
        """Shifts pixels to mean 0 and keeps their scale."""
        return Standardize(self.mean, numpy.ones_like(self.mean))


def statistics_of(images: Images, limit: int = 2000) -> Statistics:
    """The Statistics of the training pictures `images`, at centre views.

    Uses all pictures if they are in memory. If they must be decoded or resized first, uses at most
    `limit` of them, evenly spaced, without those that cannot be read. The result for files is
    cached until one of them changes. InputError if most pictures cannot be read.
    """
    n = len(images) if images.in_memory else min(limit, len(images))
    indices = numpy.linspace(0, len(images) - 1, n).round().astype(int)
    if not isinstance(images, FolderImages):
        return _measured(images, indices)
    fingerprint = images.fingerprint(indices)
    path = cache_folder("statistics") / f"{fingerprint}.json"
    statistics = cache.read(path, fingerprint, lambda saved: _kept(saved, images.channels))
    if statistics is None:
        statistics = _measured(images, indices)
        arrays = {name: array.tolist() for name, array in vars(statistics).items()}
        cache.keep(path, fingerprint, arrays)
    return statistics


def _kept(saved, channels):
    mean, covariance = (numpy.array(saved[name], float) for name in ("mean", "covariance"))
    if mean.shape != (channels,) or covariance.shape != (channels, channels):
        raise ValueError(f"of other shapes: {mean.shape}, {covariance.shape}")
    if not (numpy.isfinite(mean).all() and numpy.isfinite(covariance).all()):
        raise ValueError("not finite")
    return Statistics(mean, covariance)


def standardize_from(images: Images, limit: int = 2000) -> Standardize:
    """The Standardize for the training pictures `images`; for `limit` see statistics_of."""
    return statistics_of(images, limit).standardize()


def _measured(images, indices):
    count, total, products, problems = 0, 0, 0, {}  # exact integers: (C,) and (C, C)
    with tqdm(
        total=len(indices),
        desc="measuring pixels",
        unit=" images",
        delay=1,
        leave=False,
        disable=None,
    ) as bar:
        for chunk in numpy.array_split(indices, -(-len(indices) // 100)):
            x, _, bad = images.read_good(chunk, centre_views(len(chunk)))
            problems |= bad
            count += len(x) * images.image_size**2
            total += x.sum(axis=0, dtype=numpy.uint32).sum(axis=(0, 1), dtype=numpy.int64)
            products += _sums_of_products(x)
            bar.update(len(chunk))
    check_most_are_readable(problems, len(indices))
    mean = total / count
    return Statistics(mean, products / count - numpy.outer(mean, mean))


def _sums_of_products(x):
    """Σ x_i x_j over all pixels of up to 100 pictures, for channels i and j: int64 (C, C)."""
    squares = numpy.square(x, dtype=numpy.uint16)  # 255² just fits
    sums = numpy.diag(squares.sum(axis=0, dtype=numpy.uint32).sum(axis=(0, 1), dtype=numpy.int64))
    for i in range(x.shape[3]):
        for j in range(i):
            products = numpy.multiply(x[..., i], x[..., j], dtype=numpy.uint16)
            sums[i, j] = sums[j, i] = products.sum(axis=0, dtype=numpy.uint32).sum(
                dtype=numpy.int64
            )
    return sums
