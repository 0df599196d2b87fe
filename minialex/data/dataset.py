"""A data set: training pictures, test pictures and the names of their classes."""

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy
from numpy.typing import ArrayLike
from PIL import Image

from minialex.data.augment import Views, crop_padded, mirrored

PADDING = 4  #: by how many of its own pixels a random crop shifts a small picture at most


class Images(Protocol):
    """Labelled square pictures, in memory (ArrayImages) or in files (FolderImages, …).

    labels: int64 (N,), the class of each picture, 0 <= label < num_classes.
    image_size: the side S in pixels of the squares that `read` returns.
    channels: C, which is 1 (grey) or 3 (red, green, blue).
    in_memory: whether `read` only copies pixels, without decoding or resizing.
    """

    labels: numpy.ndarray
    image_size: int
    channels: int
    in_memory: bool

    def __len__(self) -> int:
        """The number of pictures, N."""

    def read(self, indices: ArrayLike, views: Views) -> numpy.ndarray:
        """The pictures at `indices`, one view of each: uint8 (n, S, S, C), C-contiguous.

        InputError for a file that cannot be read.
        """

    def read_good(
        self, indices: ArrayLike, views: Views
    ) -> tuple[numpy.ndarray, numpy.ndarray, dict[str, str]]:
        """Like `read`, but leaves out pictures that cannot be read.

        Returns (pictures uint8 (m, S, S, C), readable bool (n,), {file: reason} of the others).
        """


class ArrayImages:
    """Labelled square pictures in memory; see Images.

    images: uint8 (N, S, S, C), C = 1 or 3. labels: N class numbers.
    image_size: the side that `read` resizes the pictures to; None keeps their own, S.
    padding: by how many of its own pixels a random crop may shift a picture; the gap is filled with
        the colour `fill` (C values).
    ValueError for arrays of another dtype or shape.
    """

    def __init__(
        self,
        images: numpy.ndarray,
        labels: ArrayLike,
        image_size: int | None = None,
        padding: int = PADDING,
        fill: ArrayLike = 0,
    ):
        if images.dtype != numpy.uint8 or images.ndim != 4 or images.shape[1] != images.shape[2]:
            raise ValueError(
                f"expected uint8 pictures (N, S, S, C), got {images.dtype} {images.shape}"
            )
        if len(images) != len(labels):
            raise ValueError(f"expected {len(images)} labels, one per picture, got {len(labels)}")
        self.images = images
        self.labels = numpy.asarray(labels, numpy.int64)
        self.image_size = image_size or images.shape[1]
        self.channels = images.shape[3]
        self.in_memory = self.image_size == images.shape[1]
        self.padding = padding
        self.fill = fill

    def __len__(self) -> int:
        return len(self.images)

    def read(self, indices: ArrayLike, views: Views) -> numpy.ndarray:
        """The pictures at `indices`, one view of each: uint8 (n, image_size, image_size, C)."""
        x = self.unmoved(indices, views)
        x = mirrored(crop_padded(x, views, self.padding, self.fill), views)
        return x if self.in_memory else resized(x, self.image_size)

    def unmoved(self, indices: ArrayLike, views: Views) -> numpy.ndarray:
        """The pictures as they are, only rotated: uint8 (n, S, S, C)."""
        x = self.images[numpy.asarray(indices)]
        return x if views.angle is None else rotated(x, views.angle, self.fill)

    def read_good(
        self, indices: ArrayLike, views: Views
    ) -> tuple[numpy.ndarray, numpy.ndarray, dict[str, str]]:
        """The same pictures, all of which are readable, and no problems."""
        return self.read(indices, views), numpy.ones(len(indices), bool), {}


def resized(images: numpy.ndarray, size: int) -> numpy.ndarray:
    """uint8 (n, H, W, C) -> (n, size, size, C), by Pillow: bilinear, with antialiasing."""
    result = numpy.empty((len(images), size, size, images.shape[3]), numpy.uint8)
    for picture, out in zip(images, result, strict=True):
        # Pillow has no (H, W, 1): grey pictures are passed as (H, W).
        small = Image.fromarray(picture.squeeze(2) if picture.shape[2] == 1 else picture)
        out[...] = numpy.asarray(small.resize((size, size), Image.Resampling.BILINEAR)).reshape(
            out.shape
        )
    return result


def rotated(images: numpy.ndarray, angles: numpy.ndarray, fill: ArrayLike) -> numpy.ndarray:
    """Rotates each picture of uint8 (n, H, W, C) by its angle, in degrees counterclockwise.

    The corners that this leaves empty get the colour `fill` (C values).
    """
    result = numpy.empty_like(images)
    colour = tuple(int(value) for value in numpy.broadcast_to(fill, images.shape[3]))
    for picture, angle, out in zip(images, angles, result, strict=True):
        grey = picture.shape[2] == 1
        turned = Image.fromarray(picture.squeeze(2) if grey else picture)
        turned = turned.rotate(
            angle, Image.Resampling.BILINEAR, fillcolor=colour[0] if grey else colour
        )
        out[...] = numpy.asarray(turned).reshape(out.shape)
    return result


@dataclass
class Dataset:
    """Training pictures, test pictures and the names of their classes.

    train: None for a data set that only tests what was trained on another.
    pixel_range: for pictures that came as other numbers than uint8, the two that became 0 and 255.
    source: the arguments that made data.load return it; None if it is not from there.
    val_share: the share of the training pictures that was held out for testing; None if `test` are
        the data set's own test pictures.
    notes: where the pictures are from and what of the files is not used, a sentence each.
    """

    name: str
    train: Images | None
    test: Images
    class_names: list[str]
    pixel_range: tuple[float, float] | None = None
    source: dict[str, Any] | None = None
    val_share: float | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def num_classes(self) -> int:
        return len(self.class_names)

    @property
    def channels(self) -> int:
        return self.test.channels


def in_memory(
    name: str,
    train: tuple[numpy.ndarray, ArrayLike],
    test: tuple[numpy.ndarray, ArrayLike],
    class_names: list[str],
    image_size: int | None = None,
    padding: int = PADDING,
) -> Dataset:
    """The Dataset of two pairs (images uint8 (N, S, S, C), labels (N,)).

    Crops are padded with the mean training colour.
    """
    images = train[0]
    mean_colour = images.sum(axis=0, dtype=numpy.uint32).mean(axis=(0, 1)) / len(images)
    sizes = dict(
        image_size=image_size, padding=padding, fill=mean_colour.round().astype(numpy.uint8)
    )
    return Dataset(name, ArrayImages(*train, **sizes), ArrayImages(*test, **sizes), class_names)
