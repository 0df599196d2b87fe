"""A data set: training pictures, test pictures and the names of their classes."""

from dataclasses import dataclass
from typing import Any

import numpy
from PIL import Image

from minialex.data.augment import Views, crop_padded, mirrored

PADDING = 4  #: by how many of its own pixels a random crop moves a small picture at most, if nothing else is said


class ArrayImages:
    """Labelled square pictures, all of them in memory.

    images: uint8 (N, S, S, C), C = 1 or 3. labels: N class numbers.
    image_size: the side to which `read` resizes the pictures; None: their own, S.
    padding: a random crop may shift a picture by up to so many of its own pixels; `fill` (C values) shows where it moved away.
    """

    def __init__(
        self,
        images: numpy.ndarray,
        labels,
        image_size: int | None = None,
        padding: int = PADDING,
        fill=0,
    ):
        if images.dtype != numpy.uint8 or images.ndim != 4 or images.shape[1] != images.shape[2]:
            raise ValueError(
                f"expected uint8 pictures (N, S, S, C), got {images.dtype} {images.shape}"
            )
        if len(images) != len(labels):
            raise ValueError(f"{len(images)} pictures, but {len(labels)} labels")
        self.images = images
        self.labels = numpy.asarray(labels, numpy.int64)
        self.image_size = image_size or images.shape[1]
        self.channels = images.shape[3]
        self.in_memory = self.image_size == images.shape[1]
        self.padding = padding
        self.fill = fill

    def __len__(self) -> int:
        return len(self.images)

    def read(self, indices, views: Views) -> numpy.ndarray:
        """The pictures number `indices`, as `views` look at them: uint8 (n, image_size, image_size, C)."""
        x = self.images[numpy.asarray(indices)]
        if views.angle is not None:
            x = rotated(x, views.angle, self.fill)
        x = mirrored(crop_padded(x, views, self.padding, self.fill), views)
        return x if self.in_memory else resized(x, self.image_size)

    def read_good(
        self, indices, views: Views
    ) -> tuple[numpy.ndarray, numpy.ndarray, dict[str, str]]:
        """The same pictures: all of them can be read, and nothing is wrong with any file."""
        return self.read(indices, views), numpy.ones(len(indices), bool), {}


def resized(images: numpy.ndarray, size: int) -> numpy.ndarray:
    """uint8 (n, H, W, C) -> (n, size, size, C), each picture resized by Pillow (bilinear, with antialiasing)."""
    result = numpy.empty((len(images), size, size, images.shape[3]), numpy.uint8)
    for picture, out in zip(images, result, strict=True):
        # Pillow has no (H, W, 1): grey pictures go there and back as (H, W).
        small = Image.fromarray(picture.squeeze(2) if picture.shape[2] == 1 else picture)
        out[...] = numpy.asarray(small.resize((size, size), Image.Resampling.BILINEAR)).reshape(
            out.shape
        )
    return result


def rotated(images: numpy.ndarray, angles: numpy.ndarray, fill) -> numpy.ndarray:
    """uint8 (n, H, W, C), each picture turned by its angle (degrees, counterclockwise), with `fill` where it moved away."""
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
    """Pictures to train with, pictures to test with, and what the classes are called.

    train and test are ArrayImages or FolderImages. Both kinds have
        len(images)            the number of pictures, N
        images.labels          int64 (N,): the class of each, 0 <= label < num_classes
        images.image_size      the side S of the square pictures that read gives
        images.channels        C: 1 (grey) or 3 (red, green, blue)
        images.in_memory       whether read only copies pixels, with nothing to decode or resize
        images.read(indices, views)   uint8 (n, S, S, C), C-contiguous
        images.read_good(indices, views)   of the pictures that can be read, bool (n,) that says which these are, and
                               {file: what is wrong with it} of the others
    """

    name: str
    train: Any
    test: Any
    class_names: list[str]

    @property
    def num_classes(self) -> int:
        return len(self.class_names)

    @property
    def channels(self) -> int:
        return self.train.channels


def from_arrays(
    name: str,
    train: tuple,
    test: tuple,
    class_names: list[str],
    image_size: int | None = None,
    padding: int = PADDING,
) -> Dataset:
    """The Dataset of two pairs (images uint8 (N, S, S, C), labels); crops are filled with the mean training colour."""
    images = train[0]
    mean_colour = images.sum(axis=0, dtype=numpy.uint32).mean(axis=(0, 1)) / len(images)
    sizes = dict(
        image_size=image_size, padding=padding, fill=mean_colour.round().astype(numpy.uint8)
    )
    return Dataset(name, ArrayImages(*train, **sizes), ArrayImages(*test, **sizes), class_names)
