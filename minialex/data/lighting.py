"""The paper's PCA colour augmentation: a shift along the principal components (section 4.1)."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy

from minialex.errors import DAMAGED, InputError
from minialex.files import check_readable

SOURCES = ("computed", "imagenet")  #: where the eigenvectors can come from, besides a file
ALPHA = 0.1  #: the standard deviation of the random factors α


@dataclass
class Lighting:
    """Adds [p1, p2, p3] [α1 λ1, α2 λ2, α3 λ3]ᵀ to every pixel of a picture.

    The factors α ~ N(0, 0.1²) are drawn once for each view of the picture.

    eigenvectors: float (C, C), with p1, p2, … as columns; the rows are red, green, blue (or grey).
    eigenvalues: float (C,), the λ of the covariance matrix of pixels scaled to 0..1. Only in this
        range does the formula give shifts of a sensible size: ImageNet's λ1 of 0.2 shifts a picture
        by 0.02 of the range, or 5 grey levels. For pixels in 0..255 the eigenvalues are 255² times
        as large, where the shift should be only 255 times as large.

    (The 2012 program used the square roots of the eigenvalues, "color_stdevs". On 0..255 that gives
    about twice this shift.)
    """

    eigenvalues: numpy.ndarray
    eigenvectors: numpy.ndarray

    def shifts(self, n: int, rng: numpy.random.Generator) -> numpy.ndarray:
        """Random shifts for n pictures with pixels 0..255: float (n, C)."""
        alpha = ALPHA * rng.standard_normal((n, len(self.eigenvalues)))
        return 255 * (alpha * self.eigenvalues) @ self.eigenvectors.T

    def to_json(self) -> dict[str, list]:
        """A dict for JSON that from_json restores exactly."""
        return {
            "eigenvalues": self.eigenvalues.tolist(),
            "eigenvectors": self.eigenvectors.tolist(),
        }

    @classmethod
    def from_json(cls, saved: dict[str, list]) -> "Lighting":
        """The inverse of to_json."""
        return cls(
            numpy.array(saved["eigenvalues"], float), numpy.array(saved["eigenvectors"], float)
        )

    @classmethod
    def of_covariance(cls, covariance: numpy.ndarray) -> "Lighting":
        """From the covariance matrix (C, C) of pixels in 0..255; largest eigenvalue first."""
        eigenvalues, eigenvectors = numpy.linalg.eigh(numpy.asarray(covariance) / 255**2)
        return cls(eigenvalues[::-1].clip(0), eigenvectors[:, ::-1])

    @classmethod
    def from_file(cls, path: Path | str, channels: int) -> "Lighting":
        """From a JSON file {"eigenvalues": [λ1, …], "eigenvectors": [red's row, …]}.

        InputError if the file cannot be read or does not fit pictures with C = `channels`.
        """
        wanted = (
            f'expected {{"eigenvalues": [{channels} numbers], '
            f'"eigenvectors": [{channels} rows of {channels} numbers]}}'
        )
        check_readable(Path(path))
        try:
            lighting = cls.from_json(json.loads(Path(path).read_text(encoding="utf-8")))
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror}") from None
        except DAMAGED as error:
            raise InputError(f"{path}: {wanted}, got {type(error).__name__}: {error}") from None
        values, vectors = lighting.eigenvalues, lighting.eigenvectors
        if (values.shape, vectors.shape) != ((channels,), (channels, channels)):
            raise InputError(f"{path}: {wanted}, got shapes {values.shape} and {vectors.shape}")
        # The variance of numbers in 0..1 is at most 1/4.
        if not ((values >= 0) & (values <= channels / 4)).all():
            raise InputError(
                f"{path}: expected eigenvalues for pixels in the range 0..1, so from 0 to "
                f"{channels / 4}, got {values.tolist()}"
            )
        if not numpy.allclose(vectors.T @ vectors, numpy.eye(channels), atol=0.01):
            raise InputError(
                f"{path}: expected orthonormal eigenvectors, got {vectors.tolist()} (rows)"
            )
        return lighting


def lighting_from(source: str, covariance: numpy.ndarray) -> Lighting:
    """The Lighting from `source`: "computed", "imagenet" or the path of a JSON file.

    covariance: float (C, C), of the training pictures' pixels in 0..255; "computed" uses it, and
        the others must fit its C. InputError if they do not.
    """
    if source == "computed":
        return Lighting.of_covariance(covariance)
    if source != "imagenet":
        return Lighting.from_file(source, len(covariance))
    if len(covariance) != 3:
        raise InputError(
            f"--lighting imagenet needs pictures with 3 channels (red, green, blue), "
            f"got {len(covariance)}"
        )
    return IMAGENET


#: ImageNet's values, as published in facebook/fb.resnet.torch, datasets/imagenet.lua.
IMAGENET = Lighting(
    numpy.array([0.2175, 0.0188, 0.0045]),
    numpy.array(
        [[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]]
    ),
)
