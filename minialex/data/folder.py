"""A folder of pictures: train/ and val/ (or test/), with a folder of pictures for each class."""

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy
from PIL import Image, ImageOps

from minialex.data.augment import Views, offset
from minialex.data.dataset import Dataset
from minialex.errors import InputError

EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif", ".ppm", ".tif", ".tiff")
PADDING = 4  # pixels of grey around a picture that is as small as its crop
GREY = "#808080"
ZOOM = 256 / 227  # Krizhevsky et al. 2012, sections 2 and 4.1


class FolderImages:
    """Labelled pictures in files, read when they are asked for.

    paths, labels: N files and their class numbers. image_size: the side S of the squares that `read` gives.
    channels: 3 reads the pictures as colour, 1 as grey.

    A photograph's shorter side is resized to S * zoom (256 for 227 as in the paper), which leaves room for an S x S crop at
    the view's place; a zoom of 1 leaves none along that side. Where the shorter side is S already (CIFAR-10's 32x32, say)
    the picture keeps its size, and a grey frame makes the room; the centre view shows nothing of it.
    """

    in_memory = False

    def __init__(self, paths, labels, image_size: int, channels: int = 3, zoom: float = ZOOM):
        self.paths = list(paths)
        self.labels = numpy.asarray(labels, numpy.int64)
        self.image_size = image_size
        self.channels = channels
        self.zoom = zoom
        self.pool = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="decode")

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, indices, views: Views) -> numpy.ndarray:
        """The pictures number `indices`, as `views` look at them: uint8 (n, S, S, channels). Decodes on all cores.

        Raises InputError naming the first file, in the order of `indices`, that is not a whole picture.
        """
        paths = [self.paths[i] for i in indices]
        return numpy.stack(list(self.pool.map(self._read_one, paths, views.top, views.left, views.mirror)))

    def _read_one(self, path, top, left, mirror):
        size = self.image_size
        with opened(path) as picture:
            fits = min(picture.size) == size
            target = size if fits else round(size * self.zoom)
            picture.draft(None, (target, target))  # a JPEG far larger than that is decoded at 1/2, 1/4 or 1/8 at once
            ImageOps.exif_transpose(picture, in_place=True)
            picture = picture.convert("RGB" if self.channels == 3 else "L")
        side = min(picture.size)  # now: draft may have shrunk it
        if fits:
            picture = ImageOps.expand(picture, PADDING, GREY)
        width, height = (length * target // side for length in picture.size)  # when resized; the crop is cut from that
        scale = side / target
        x, y = offset(left, width - size) * scale, offset(top, height - size) * scale
        box = (x, y, x + size * scale, y + size * scale)
        pixels = numpy.asarray(picture.resize((size, size), Image.Resampling.BILINEAR, box)).reshape(size, size, self.channels)
        return pixels[:, ::-1] if mirror else pixels


@contextmanager
def opened(path):
    """The open picture, for a with block. What goes wrong with the file in the block becomes an InputError naming it."""
    try:
        with Image.open(path) as picture:
            yield picture
    except Exception as error:  # on a damaged file Pillow's readers raise nearly anything
        raise InputError(f"{path}: not a picture that can be read ({type(error).__name__}: {error})") from error


def load(data_dir: Path | str, image_size: int | None = None) -> Dataset:
    """The Dataset "folder" of data_dir/train/CLASS/* and data_dir/val/CLASS/* (or test/), classes in alphabetical order.

    image_size: the side of the squares; by default the first training picture's shorter side if that is at most 64 pixels,
    else 224. Raises InputError where the folders are not laid out like that, or a class has no picture to train with.
    """
    data_dir = Path(data_dir)
    layout = f"expected {data_dir}/train/CLASS/*.jpg and {data_dir}/val/CLASS/*.jpg (or test/)"
    if not (data_dir / "train").is_dir():
        raise InputError(f"no folder train in {data_dir}: {layout}")
    test_dir = next((folder for folder in (data_dir / "val", data_dir / "test") if folder.is_dir()), None)
    if test_dir is None:
        raise InputError(f"no folder val or test in {data_dir}: {layout}")
    class_names = _class_folders(data_dir / "train")
    if not class_names:
        raise InputError(f"no class folder in {data_dir / 'train'}: {layout}")
    unknown = sorted(set(_class_folders(test_dir)) - set(class_names))
    if unknown:
        raise InputError(f"{test_dir} has classes that {data_dir / 'train'} has not: {', '.join(unknown[:5])}")

    train_paths, train_labels = _list_pictures(data_dir / "train", class_names)
    test_paths, test_labels = _list_pictures(test_dir, class_names)
    empty = sorted(set(range(len(class_names))) - set(train_labels))
    if empty:
        raise InputError(f"no picture ({' '.join(EXTENSIONS)}) in {data_dir / 'train' / class_names[empty[0]]}")
    if not test_paths:
        raise InputError(f"no picture ({' '.join(EXTENSIONS)}) in the class folders of {test_dir}")
    if image_size is None:
        with opened(train_paths[0]) as picture:
            side = min(picture.size)
        image_size = side if side <= 64 else 224
    train = FolderImages(train_paths, train_labels, image_size)
    return Dataset("folder", train, FolderImages(test_paths, test_labels, image_size), class_names)


def _class_folders(folder):
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _list_pictures(folder, class_names):
    """The pictures in the class folders of `folder`, sorted, and their class numbers; hidden and other files left out."""
    paths, labels = [], []
    for label, name in enumerate(class_names):
        files = sorted(os.listdir(folder / name)) if (folder / name).is_dir() else []
        pictures = [file for file in files if file.lower().endswith(EXTENSIONS) and not file.startswith(".")]
        paths += [os.path.join(folder, name, file) for file in pictures]
        labels += [label] * len(pictures)
    return paths, labels
