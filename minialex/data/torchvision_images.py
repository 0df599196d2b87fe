"""Pictures in files as torchvision's published weights want them: resized whole, then cropped."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy
from PIL import Image

from minialex.data.augment import Views
from minialex.data.decode import decode, opened
from minialex.errors import InputError


class TorchvisionImages:
    """Pictures in files, read when they are asked for: the very pixels of torchvision's Resize and CenterCrop.

    paths, labels: N files, or open ones, and their class numbers. image_size: the side S of the squares that `read` gives.
    channels: 3 reads them as colour, 1 as grey. resize: the length to which the shorter side is resized first.

    FolderImages cuts first, decodes large JPEGs at a fraction of their size, and its centre is up to a pixel elsewhere: on 99
    of ImageNet's photographs its pixels differ from torchvision's by 4 of 255 on average.
    What torchvision leaves to others is done as with all pictures (see decode): one that lies on its side is set upright,
    what is transparent lies on white, 16 bits become 8.
    """

    in_memory = False

    def __init__(
        self,
        paths: Sequence,
        labels: Sequence[int],
        image_size: int,
        channels: int = 3,
        resize: int = 256,
    ):
        self.paths, self.labels = list(paths), numpy.asarray(labels, numpy.int64)
        self.image_size, self.channels, self.resize = image_size, channels, resize
        self.pool = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="decode")

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, indices: Sequence[int], views: Views) -> numpy.ndarray:
        """The pictures number `indices`, cropped where `views` say and mirrored: uint8 (n, S, S, channels).

        InputError naming the first file, in the order of `indices`, that is not a whole picture.
        """
        pictures, _, problems = self.read_good(indices, views)
        for problem in problems.values():
            raise InputError(problem)
        return pictures

    def read_good(
        self, indices: Sequence[int], views: Views
    ) -> tuple[numpy.ndarray, numpy.ndarray, dict[str, str]]:
        """Those of the pictures that can be read, bool (n,) that says which these are, and {file: what is wrong with it}."""
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
        with opened(path) as picture:
            picture = decode(picture, max(picture.size), self.channels)
        width, height = (length * self.resize // min(picture.size) for length in picture.size)
        x, y = round(left * (width - size)), round(top * (height - size))
        whole = picture.resize((width, height), Image.Resampling.BILINEAR)
        pixels = numpy.asarray(whole.crop((x, y, x + size, y + size))).reshape(
            size, size, self.channels
        )
        return pixels[:, ::-1] if mirror else pixels
