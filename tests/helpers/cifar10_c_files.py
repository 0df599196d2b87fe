"""A small CIFAR-10-C: few pictures of each corruption and severity."""

from pathlib import Path

import numpy

from minialex.data.published.cifar10_c import CORRUPTIONS, EXTRA

NAMES = (*CORRUPTIONS, *EXTRA)


def write(folder: Path, pictures: numpy.ndarray, labels: numpy.ndarray) -> Path:
    """Writes all files; of corruption number c, severity s + 1, the first pixel is (c, s, 0).

    pictures: uint8 (N, 32, 32, 3), those of each corruption and severity. labels: (N,). Returns the
    folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    numpy.save(folder / "labels.npy", numpy.tile(labels, 5).astype(numpy.uint8))
    for c, name in enumerate(NAMES):
        blocks = numpy.tile(pictures, (5, 1, 1, 1))
        blocks[:, 0, 0] = [(c, s, 0) for s in range(5) for _ in labels]
        numpy.save(folder / f"{name}.npy", blocks)
    return folder
