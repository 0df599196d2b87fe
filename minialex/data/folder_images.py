"""Labelled pictures in files, decoded, resized and cropped when they are asked for."""

import hashlib
import itertools
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy
import PIL
from numpy.typing import ArrayLike
from PIL import Image, ImageOps

from minialex.data.augment import Views, offset
from minialex.data.dataset import PADDING
from minialex.data.decode import decoded, open_picture
from minialex.data.own.stored import Source, StoredPicture
from minialex.errors import InputError

GREY = "#808080"
LONGEST = (
    16  # longer strips (length / width) are not rotated: resized, they would not fit in memory
)
ZOOM = 256 / 227  # Krizhevsky et al. 2012, sections 2 and 4.1


def shorter_side(image_size: int, zoom: float = ZOOM) -> int:
    """The length of a photograph's shorter side before a crop of image_size: 256 for the usual
    sizes, 224 and 227."""
    return 256 if zoom == ZOOM and 224 <= image_size <= 227 else round(image_size * zoom)


class FolderImages:
    """Labelled pictures in files, read when they are asked for; see dataset.Images.

    paths, labels: N files, open ones or pictures stored in larger files, and their class numbers.
    image_size: the side S of the squares that `read` returns.
    channels: 3 reads the pictures as RGB, 1 as grey.
    zoom: the shorter side of a photograph is resized to S * zoom, so that an S x S crop has room to
        move. The default gives 256 for the paper's 227, and also for 224. A zoom of 1 leaves no
        room along the shorter side.
    exif: whether pictures are turned as their EXIF notes say.

    A picture whose shorter side is already S (CIFAR-10's 32x32, say) keeps its size. A grey frame
    around it gives the crop room; the centre view shows none of the frame.
    """

    in_memory = False

    def __init__(
        self,
        paths: Sequence[Source],
        labels: ArrayLike,
        image_size: int,
        channels: int = 3,
        zoom: float = ZOOM,
        exif: bool = True,
    ):
        self.paths = list(paths)
        self.labels = numpy.asarray(labels, numpy.int64)
        self.image_size = image_size
        self.channels, self.exif = channels, exif
        self.shorter_side = shorter_side(image_size, zoom)
        self.pool = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="decode")

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, indices: ArrayLike, views: Views) -> numpy.ndarray:
        """The pictures at `indices`, one view of each: uint8 (n, S, S, channels).

        Decodes on all cores. Raises InputError for the first file, in the order of `indices`, that
        is missing or damaged.
        """
        pictures, _, problems = self.read_good(indices, views)
        for problem in problems.values():
            raise InputError(problem)
        return pictures

    def read_good(
        self, indices: ArrayLike, views: Views
    ) -> tuple[numpy.ndarray, numpy.ndarray, dict[str, str]]:
        """Like `read`, but leaves out pictures that cannot be read.

        Returns (pictures uint8 (m, S, S, channels), readable bool (n,), {file: reason} of the
        others). A file that occurs several times in a row, for different views, is decoded once.
        """
        indices = numpy.asarray(indices)
        pictures = numpy.empty(
            (len(indices), self.image_size, self.image_size, self.channels), numpy.uint8
        )
        changes = numpy.flatnonzero(numpy.diff(indices)) + 1
        runs = (
            [slice(*ends) for ends in itertools.pairwise([0, *changes, len(indices)])]
            if len(indices)
            else []
        )
        good, problems = numpy.ones(len(indices), bool), {}
        paths = [self.paths[indices[run.start]] for run in runs]
        outcomes = self.pool.map(
            self._read_file, paths, (views[run] for run in runs), (pictures[run] for run in runs)
        )
        for path, run, problem in zip(paths, runs, outcomes, strict=True):
            if problem:
                good[run], problems[str(path)] = False, problem
        return (pictures[good] if problems else pictures), good, problems

    def _read_file(self, path, views, out):
        """Fills out (n, S, S, C) with the picture's n views; returns an error message or None."""
        size = self.image_size
        try:
            with open_picture(path) as picture:
                fits = min(picture.size) == size
                target = size if fits else self.shorter_side
                more = resizing(*picture.size, target)
                with decoded(picture, target, self.channels, self.exif, more) as whole:
                    for i in range(len(views)):
                        angle = 0 if views.angle is None else views.angle[i]
                        view = self._view(whole, fits, target, views.top[i], views.left[i], angle)
                        view = ImageOps.mirror(view) if views.mirror[i] else view
                        out[i] = numpy.asarray(view).reshape(out[i].shape)
        except InputError as error:
            return str(error)

    def _view(self, picture, fits, target, top, left, angle):
        size = self.image_size
        if angle and max(picture.size) <= LONGEST * min(picture.size):
            if not fits:  # resizing first makes the rotation faster
                side = min(picture.size)
                picture = picture.resize(
                    [round(length * target / side) for length in picture.size],
                    Image.Resampling.BILINEAR,
                )
            picture = picture.rotate(angle, Image.Resampling.BILINEAR, fillcolor=GREY)
        if fits:
            return in_frame(picture, size, top, left)
        side = min(picture.size)  # draft may have shrunk it
        # The crop is placed in the resized picture, then mapped back to the picture as decoded.
        width, height = (length * target // side for length in picture.size)
        scale = side / target
        x, y = offset(left, width - size) * scale, offset(top, height - size) * scale
        box = (x, y, x + size * scale, y + size * scale)
        if scale == 1:
            return picture.crop(box)  # the same pixels as resizing gives, sooner
        return picture.resize((size, size), Image.Resampling.BILINEAR, box)

    def fingerprint(self, indices: Sequence[int]) -> str:
        """A hash that identifies the pixels of the pictures at `indices` without reading them.

        It changes when one of the files or the size of the squares changes.
        """
        about = (self.image_size, self.channels, self.shorter_side, self.exif, PIL.__version__)
        state = hashlib.sha256(repr(about).encode())
        for i in indices:
            path = self.paths[i]
            try:
                status = os.stat(path.file if isinstance(path, StoredPicture) else path)
                about = (status.st_size, status.st_mtime_ns)
            except OSError:
                about = None
            state.update(repr((str(path), about)).encode())
        return state.hexdigest()


def in_frame(picture: Image.Image, size: int, top: float, left: float) -> Image.Image:
    """A crop of a picture with a grey frame of PADDING pixels around it, which gives it room."""
    width, height = picture.size
    x, y = (
        offset(place, length + 2 * PADDING - size) - PADDING
        for place, length in ((left, width), (top, height))
    )
    view = Image.new(picture.mode, (size, size), GREY)
    box = (max(0, x), max(0, y), min(width, x + size), min(height, y + size))
    view.paste(picture.crop(box), (box[0] - x, box[1] - y))
    return view


def resizing(width: int, height: int, target: int) -> int:
    """The bytes that views of a picture take at most while it is resized to a shorter side of
    `target` pixels, rotated and cropped."""
    shorter, longer = sorted((width, height))
    rotated = min(longer / shorter, LONGEST) * target**2
    return 4 * (round(3 * rotated) + target * (shorter + target))
