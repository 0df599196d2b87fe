"""A folder of pictures: train/ and val/ (or test/), with a folder of pictures for each class."""

import hashlib
import itertools
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy
import PIL
from PIL import Image, ImageOps

from minialex.data import imagenet_classes
from minialex.data.augment import Views, offset
from minialex.data.dataset import PADDING, Dataset
from minialex.data.decode import decode, opened
from minialex.data.listing import EXTENSIONS, listed
from minialex.errors import InputError

GREY = "#808080"
LONGEST = 16  # a strip more than so many times as long as wide is not turned: as a whole it would not fit into memory
ZOOM = 256 / 227  # Krizhevsky et al. 2012, sections 2 and 4.1


class FolderImages:
    """Labelled pictures in files, read when they are asked for.

    paths, labels: N files and their class numbers. image_size: the side S of the squares that `read` gives.
    channels: 3 reads the pictures as colour, 1 as grey.

    A photograph's shorter side is resized to S * zoom, which leaves room for an S x S crop at the view's place: to 256 for
    227 as in the paper, and also for the 224 that the paper says; a zoom of 1 leaves none along that side. Where the shorter
    side is S already (CIFAR-10's 32x32, say) the picture keeps its size, and a grey frame makes the room; the centre view
    shows nothing of it.
    """

    in_memory = False

    def __init__(self, paths, labels, image_size: int, channels: int = 3, zoom: float = ZOOM):
        self.paths = list(paths)
        self.labels = numpy.asarray(labels, numpy.int64)
        self.image_size = image_size
        self.channels = channels
        self.shorter_side = (
            256 if zoom == ZOOM and 224 <= image_size <= 227 else round(image_size * zoom)
        )
        self.pool = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="decode")

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, indices, views: Views) -> numpy.ndarray:
        """The pictures number `indices`, as `views` look at them: uint8 (n, S, S, channels). Decodes on all cores.

        Raises InputError naming the first file, in the order of `indices`, that is not a whole picture.
        """
        pictures, _, problems = self.read_good(indices, views)
        for problem in problems.values():
            raise InputError(problem)
        return pictures

    def read_good(
        self, indices, views: Views
    ) -> tuple[numpy.ndarray, numpy.ndarray, dict[str, str]]:
        """Those of the pictures that can be read, bool (n,) that says which these are, and {file: what is wrong with it}.

        A file whose number stands several times in a row, for different views, is decoded once.
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
        """Fills out (n, S, S, C) with the picture's n views; returns what went wrong, if anything did."""
        size = self.image_size
        try:
            with opened(path) as picture:
                fits = min(picture.size) == size
                target = size if fits else self.shorter_side
                picture = decode(picture, target, self.channels)
                for i in range(len(views)):
                    angle = 0 if views.angle is None else views.angle[i]
                    pixels = self._view(picture, fits, target, views.top[i], views.left[i], angle)
                    out[i] = pixels[:, ::-1] if views.mirror[i] else pixels
        except InputError as error:
            return str(error)

    def _view(self, picture, fits, target, top, left, angle):
        size = self.image_size
        if angle and max(picture.size) <= LONGEST * min(picture.size):
            if not fits:  # at its final size it is turned the fastest
                side = min(picture.size)
                picture = picture.resize(
                    [round(length * target / side) for length in picture.size],
                    Image.Resampling.BILINEAR,
                )
            picture = picture.rotate(angle, Image.Resampling.BILINEAR, fillcolor=GREY)
        side = min(picture.size)  # draft may have shrunk it
        if fits:
            picture = ImageOps.expand(picture, PADDING, GREY)
        width, height = (
            length * target // side for length in picture.size
        )  # when resized; the crop is cut from that
        scale = side / target
        x, y = offset(left, width - size) * scale, offset(top, height - size) * scale
        box = (x, y, x + size * scale, y + size * scale)
        pixels = numpy.asarray(picture.resize((size, size), Image.Resampling.BILINEAR, box))
        return pixels.reshape(size, size, self.channels)

    def fingerprint(self, indices) -> str:
        """What stands for the pixels of the pictures `indices` without reading them; another if a file or its size changed."""
        state = hashlib.sha256(
            f"{self.image_size} {self.channels} {self.shorter_side} {PIL.__version__}".encode()
        )
        for i in indices:
            path = self.paths[i]
            try:
                status = os.stat(path)
                about = (status.st_size, status.st_mtime_ns)
            except OSError:
                about = None
            state.update(repr((str(path), about)).encode())
        return state.hexdigest()


def load(data_dir: Path | str, image_size: int | None = None) -> Dataset:
    """The Dataset "folder" of data_dir/train/CLASS/* and data_dir/val/CLASS/* (or test/), classes in alphabetical order.

    image_size: the side of the squares; by default the first training picture's shorter side if that is at most 64 pixels,
    else 224. Raises InputError where the folders are not laid out like that, or a class has no picture to train with.
    """
    data_dir = Path(data_dir)
    layout = f"expected {data_dir}/train/CLASS/*.jpg and {data_dir}/val/CLASS/*.jpg (or test/)"
    if not (data_dir / "train").is_dir():
        raise InputError(f"no folder train in {data_dir}: {layout}")
    test_dir = evaluation_folder(data_dir)
    if test_dir is None:
        raise InputError(f"no folder val or test in {data_dir}: {layout}")
    train = listed(data_dir / "train")
    if not train:
        raise InputError(f"no class folder in {data_dir / 'train'}: {layout}")
    test = listed(test_dir)
    unknown = sorted(test.keys() - train.keys())
    if unknown:
        raise InputError(
            f"{test_dir} has classes that {data_dir / 'train'} has not: {', '.join(unknown[:5])}"
        )
    empty = next((name for name, pictures in train.items() if not pictures), None)
    if empty:
        raise InputError(f"no picture ({' '.join(EXTENSIONS)}) in {data_dir / 'train' / empty}")
    if not any(test.values()):
        raise InputError(f"no picture ({' '.join(EXTENSIONS)}) in the class folders of {test_dir}")
    class_names = list(train)
    train_files, test_files = (
        _files(*split, class_names) for split in ((data_dir / "train", train), (test_dir, test))
    )
    if image_size is None:
        side = _first_side(train_files[0])
        image_size = side if side <= 64 else 224
    return Dataset(
        "folder",
        FolderImages(*train_files, image_size),
        FolderImages(*test_files, image_size),
        class_names,
    )


def evaluation_folder(data_dir: Path) -> Path | None:
    """Where the pictures to test with are: in val/ or in test/, None if there is neither."""
    return next(
        (folder for folder in (data_dir / "val", data_dir / "test") if folder.is_dir()), None
    )


def classified(folder: Path, class_names: Sequence[str]) -> tuple[list[str], numpy.ndarray]:
    """The pictures in folder/CLASS/* for a network that has its classes already: their paths and class numbers.

    CLASS is a class's name; for ImageNet's 1,000 classes it begins with the WordNet id, as in n01440764 or n01440764_tench.
    Of other classes, folders as many as they are may have any names: their alphabetical order is that of the classes.
    Raises InputError where a folder is of no class, or there is no picture.
    """
    listing, numbers = listed(folder), {name: i for i, name in enumerate(class_names)}
    found = {name: name for name in listing}
    if list(class_names) == imagenet_classes.names():
        numbers = {wordnet_id: i for i, (wordnet_id, _) in enumerate(imagenet_classes.read())}
        found = {name: name.partition("_")[0] for name in listing}
    elif len(listing) == len(class_names) and not numbers.keys() & listing.keys():
        found = dict(zip(listing, class_names, strict=True))
    unknown = next((name for name in listing if found[name] not in numbers), None)
    if unknown is not None:
        raise InputError(
            f"{folder}/{unknown}: expected folders called as classes are, such as {next(iter(numbers))!r}"
        )
    if not any(listing.values()):
        raise InputError(f"no picture ({' '.join(EXTENSIONS)}) in the class folders of {folder}")
    paths, places = _files(folder, listing, list(listing))
    return paths, numpy.array([numbers[found[name]] for name in listing])[places]


def _files(folder, listing, class_names):
    """The paths of all pictures, class after class, and their class numbers."""
    paths, counts = [], []
    for name in class_names:
        files, start = listing.get(name, ()), os.path.join(folder, name, "")
        paths += [start + file for file in files]
        counts.append(len(files))
    return paths, numpy.repeat(numpy.arange(len(class_names)), counts)


def _first_side(paths):
    """The shorter side of the first picture that can be opened; InputError naming the first file if none can."""
    refusal = None
    for path in paths:
        try:
            with opened(path) as picture:
                return min(picture.size)
        except InputError as error:
            refusal = refusal or error
    raise refusal
