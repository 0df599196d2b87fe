"""Pictures prepared as torchvision's published weights expect them: resized, then cropped."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy
from numpy.typing import ArrayLike
from PIL import Image

from minialex.data.augment import Views
from minialex.data.decode import decoded, open_picture
from minialex.data.own.stored import Source
from minialex.errors import InputError

#: Longer strips (length / width) would not fit in memory once their shorter side is resized.
LONGEST = 100


class TorchvisionImages:
    """Pictures in files, with exactly the pixels of torchvision's Resize and CenterCrop.

    The files are read when they are asked for; see dataset.Images.

    paths, labels: N files, open ones or pictures stored in larger files, and their class numbers.
    image_size: the side S of the squares that `read` returns.
    channels: 3 reads the pictures as RGB, 1 as grey.
    resize: the length to which the shorter side is resized first; or the height and width to which
        the whole picture is, whatever its shape.
    exif: whether pictures are turned as their EXIF notes say; torchvision does not.

    FolderImages crops before it resizes, decodes large JPEGs at a fraction of their size, and its
    centre can be a pixel off: on 99 of ImageNet's photographs its pixels differ from torchvision's
    by 4 of 255 on average. What torchvision leaves to the caller is done as for all pictures (see
    decode): transparent pixels are put on white, 16 bits become 8.
    """

    in_memory = False

    def __init__(
        self,
        paths: Sequence[Source],
        labels: ArrayLike,
        image_size: int,
        channels: int = 3,
        resize: int | Sequence[int] = 256,
        exif: bool = False,
    ):
        self.paths, self.labels = list(paths), numpy.asarray(labels, numpy.int64)
        self.image_size, self.channels, self.resize = image_size, channels, resize
        self.exif = exif
        self.pool = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="decode")

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, indices: Sequence[int], views: Views) -> numpy.ndarray:
        """The pictures at `indices`, cropped and mirrored as in `views`: uint8 (n, S, S, channels).

        Raises InputError for the first file, in the order of `indices`, that is missing or damaged.
        """
        pictures, _, problems = self.read_good(indices, views)
        for problem in problems.values():
            raise InputError(problem)
        return pictures

    def read_good(
        self, indices: Sequence[int], views: Views
    ) -> tuple[numpy.ndarray, numpy.ndarray, dict[str, str]]:
        """Like `read`, but leaves out pictures that cannot be read.

        Returns (pictures uint8 (m, S, S, channels), readable bool (n,), {file: reason} of the
        others).
        """
        paths, size = [self.paths[i] for i in indices], self.image_size
        outcomes = list(self.pool.map(self._try_one, paths, views.top, views.left, views.mirror))
        problems = {
            str(path): str(o)
            for path, o in zip(paths, outcomes, strict=True)
            if isinstance(o, InputError)
        }
        good = numpy.array([not isinstance(o, InputError) for o in outcomes], bool)
        pictures = [o for o in outcomes if not isinstance(o, InputError)]
        return (
            numpy.array(pictures, numpy.uint8).reshape(-1, size, size, self.channels),
            good,
            problems,
        )

    def _try_one(self, *view):
        try:
            return self._read_one(*view)
        except InputError as error:
            return error

    def _read_one(self, path, top, left, mirror):
        size = self.image_size
        with open_picture(path) as picture:
            if max(picture.size) > LONGEST * min(picture.size):
                shape = "{}×{}".format(*picture.size)
                raise ValueError(
                    f"{shape} pixels, expected at most {LONGEST} times as long as wide"
                )
            more = self._resizing(*picture.size)
            with decoded(picture, max(picture.size), self.channels, self.exif, more) as whole:
                width, height = self._resized_size(*whole.size)
                x, y = round(left * (width - size)), round(top * (height - size))
                whole = whole.resize((width, height), Image.Resampling.BILINEAR)
                part = whole.crop((x, y, x + size, y + size))
        pixels = numpy.asarray(part).reshape(size, size, self.channels)
        return pixels[:, ::-1] if mirror else pixels

    def _resized_size(self, width, height):
        if isinstance(self.resize, int):
            shorter = min(width, height)
            return width * self.resize // shorter, height * self.resize // shorter
        return self.resize[::-1]

    def _resizing(self, width, height):
        """The bytes that resizing takes: the picture with its new width, then with its new height.

        A box of the picture is not resized alone: its pixels would differ from torchvision's by 1.
        """
        across = self.resize if isinstance(self.resize, int) else self.resize[1]
        longer = max(self._resized_size(width, height))
        return 4 * across * (max(width, height) + longer)
