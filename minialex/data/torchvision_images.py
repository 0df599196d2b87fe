"""Pictures in files as torchvision's published weights want them: resized whole, then cropped."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy
from PIL import Image, ImageOps

from minialex.data.augment import Views
from minialex.data.folder import opened


class TorchvisionImages:
    """Pictures in files, read when they are asked for: the very pixels of torchvision's Resize and CenterCrop.

    paths: N files, or open ones. image_size: the side S of the squares that `read` gives. channels: 3 reads them as colour, 1
    as grey. resize: the length to which the shorter side is resized first.

    FolderImages cuts first, decodes large JPEGs at a fraction of their size, and its centre is up to a pixel elsewhere: on 99
    of ImageNet's photographs its pixels differ from torchvision's by 4 of 255 on average.
    A camera's note that a picture lies on its side is followed, which torchvision leaves to others.
    """

    in_memory = False

    def __init__(self, paths: Sequence, image_size: int, channels: int = 3, resize: int = 256):
        self.paths, self.labels = list(paths), numpy.zeros(len(paths), numpy.int64)
        self.image_size, self.channels, self.resize = image_size, channels, resize
        self.pool = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="decode")

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, indices: Sequence[int], views: Views) -> numpy.ndarray:
        """The pictures number `indices`, cropped where `views` say and mirrored: uint8 (n, S, S, channels).

        InputError naming the first file, in the order of `indices`, that is not a whole picture.
        """
        paths = [self.paths[i] for i in indices]
        return numpy.stack(list(self.pool.map(self._read_one, paths, views.top, views.left, views.mirror)))

    def _read_one(self, path, top, left, mirror):
        size = self.image_size
        with opened(path) as picture:
            ImageOps.exif_transpose(picture, in_place=True)
            picture = picture.convert("RGB" if self.channels == 3 else "L")
        width, height = (length * self.resize // min(picture.size) for length in picture.size)
        x, y = round(left * (width - size)), round(top * (height - size))
        whole = picture.resize((width, height), Image.Resampling.BILINEAR)
        pixels = numpy.asarray(whole.crop((x, y, x + size, y + size))).reshape(size, size, self.channels)
        return pixels[:, ::-1] if mirror else pixels
