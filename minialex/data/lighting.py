"""Pictures in another light: the paper's change of colours along their principal components (section 4.1)."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy

from minialex.errors import InputError

SOURCES = ("computed", "imagenet")  #: where the eigenvectors can come from, besides a file
ALPHA = 0.1  #: the standard deviation of the draws


@dataclass
class Lighting:
    """Adds [p1, p2, p3] [α1 λ1, α2 λ2, α3 λ3]ᵀ to all pixels of a picture, α ~ N(0, 0.1²) drawn once for each view of it.

    eigenvectors: float (C, C), p1, p2, … as columns; the rows are red, green, blue (or grey alone).
    eigenvalues: float (C,), λ, of the covariance matrix of pixels in the range 0..1, which is where this formula has a
    sensible size: a λ1 of 0.2 (ImageNet's) moves a picture by 0.02 of the range, 5 grey levels. In 0..255 the eigenvalues are
    255² times as large, and the shift, which may only be 255 times as large, would leave the range altogether.

    (The program of 2012 took square roots of the eigenvalues, "color_stdevs", which on 0..255 gives about twice this shift.)
    """

    eigenvalues: numpy.ndarray
    eigenvectors: numpy.ndarray

    def shifts(self, n: int, rng: numpy.random.Generator) -> numpy.ndarray:
        """What to add to the pixels 0..255 of n pictures: float (n, C)."""
        alpha = ALPHA * rng.standard_normal((n, len(self.eigenvalues)))
        return 255 * (alpha * self.eigenvalues) @ self.eigenvectors.T

    def to_json(self) -> dict[str, list]:
        """What JSON can hold of it, to the last bit."""
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
        """From the covariance matrix (C, C) of pixels in 0..255; the largest eigenvalue comes first."""
        eigenvalues, eigenvectors = numpy.linalg.eigh(numpy.asarray(covariance) / 255**2)
        return cls(eigenvalues[::-1].clip(0), eigenvectors[:, ::-1])

    @classmethod
    def from_file(cls, path: Path | str, channels: int) -> "Lighting":
        """From a JSON file {"eigenvalues": [λ1, …], "eigenvectors": [red's row, …]}; InputError if it holds no such thing."""
        wanted = f'expected {{"eigenvalues": [{channels} numbers], "eigenvectors": [{channels} rows of {channels} numbers]}}'
        try:
            lighting = cls.from_json(json.loads(Path(path).read_text(encoding="utf-8")))
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror}") from None
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path}: {wanted}, got {type(error).__name__}: {error}") from None
        values, vectors = lighting.eigenvalues, lighting.eigenvectors
        if (values.shape, vectors.shape) != ((channels,), (channels, channels)):
            raise InputError(f"{path}: {wanted}, got shapes {values.shape} and {vectors.shape}")
        if not (
            (values >= 0) & (values <= channels / 4)
        ).all():  # the variance of numbers in 0..1 is 1/4 at most
            raise InputError(
                f"{path}: expected eigenvalues of at least 0 for pixels in the range 0..1, got {values.tolist()}"
            )
        if not numpy.allclose(vectors.T @ vectors, numpy.eye(channels), atol=0.01):
            raise InputError(
                f"{path}: expected eigenvectors that are at right angles to each other and of length 1"
            )
        return lighting


def lighting_from(source: str, covariance: numpy.ndarray) -> Lighting:
    """The Lighting of the training pictures' `covariance` for the source "computed", IMAGENET for "imagenet", else a file's.

    InputError where it does not fit the pictures' channels.
    """
    if source == "computed":
        return Lighting.of_covariance(covariance)
    if source != "imagenet":
        return Lighting.from_file(source, len(covariance))
    if len(covariance) != 3:
        raise InputError(
            f"--lighting imagenet is for red, green and blue, the pictures have {len(covariance)} channel"
        )
    return IMAGENET


#: ImageNet's, as published with a well-known implementation of ResNet (facebook/fb.resnet.torch, datasets/imagenet.lua).
IMAGENET = Lighting(
    numpy.array([0.2175, 0.0188, 0.0045]),
    numpy.array(
        [[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]]
    ),
)
