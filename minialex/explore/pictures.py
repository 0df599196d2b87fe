"""The pictures that an explorer can show: the data set's, and those that a page sends."""

import hashlib
import io
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy
from PIL import Image

from minialex.data.augment import centre_views
from minialex.data.dataset import Dataset
from minialex.errors import InputError
from minialex.inference import TrainedNetwork
from minialex.report_page import data_url
from minialex.trained_dataset import name_of

#: The largest picture that a page may send, in bytes and in pixels.
MOST_BYTES, MOST_PIXELS = 20_000_000, 50_000_000

#: How many of the pictures that pages have sent are kept; the oldest go first.
MOST_SENT = 200

#: What a picture that a page sends may be.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")

#: The picture that is the mean of the training pictures, which the network sees as zeros.
BLANK = "blank"

#: What pictures of the data set and of pages are called: "test/12", "sent/0f3a…".
TEST, SENT = "test/", "sent/"


class SentPicture(io.BytesIO):
    """The bytes of a picture that a page has sent; messages call it so."""

    def __str__(self) -> str:
        return "this picture"


class Pictures:
    """The test pictures of a data set, if there is one, those that pages have sent, and a blank.

    trained   the network, which says how pictures are cut and resized
    """

    def __init__(self, trained: TrainedNetwork, dataset: Dataset | None):
        self.trained = trained
        self.images = dataset.test if dataset else None
        self.sent: OrderedDict[str, numpy.ndarray] = OrderedDict()

    @property
    def count(self) -> int:
        """How many test pictures there are."""
        return len(self.images) if self.images is not None else 0

    def add(self, content: bytes) -> str:
        """Keeps a picture that a page has sent; returns its name. InputError if it cannot be read,
        or is too large."""
        if len(content) > MOST_BYTES:
            most = f"at most {MOST_BYTES // 1_000_000} MB"
            raise InputError(f"expected a picture of {most}, got {len(content) / 1e6:.1f} MB")
        check_picture(content)
        images = self.trained.images([SentPicture(content)])
        pixels = images.read([0], centre_views(1))[0]
        name = SENT + hashlib.sha256(content).hexdigest()[:24]
        self.sent[name] = pixels
        self.sent.move_to_end(name)
        while len(self.sent) > MOST_SENT:
            self.sent.popitem(last=False)
        return name

    def pixels(self, name: str) -> numpy.ndarray:
        """The picture as the network sees it, uint8 (S, S, C). InputError if it is not there."""
        if name == BLANK:
            return blank(self.trained)
        if name in self.sent:
            return self.sent[name]
        number = self.number(name)
        if number is not None and self.images is not None:
            return self.images.read([number], centre_views(1))[0]
        raise InputError(f"there is no picture {name!r} any more: choose it again")

    def number(self, name: str) -> int | None:
        """The number of a test picture; None for another picture, or if there is none."""
        digits = name.removeprefix(TEST)
        known = name.startswith(TEST) and digits.isdecimal() and int(digits) < self.count
        return int(digits) if known else None

    def about(self, name: str) -> dict[str, Any]:
        """What a page shows beside a picture: its "title", and the number of its class, the
        "label", if that is known."""
        number = self.number(name)
        if number is None or self.images is None:
            return {"title": "blank" if name == BLANK else "your picture", "label": None}
        return {"title": name_of(self.images, number), "label": int(self.images.labels[number])}

    def sheet(self, start: int, count: int) -> list[dict[str, Any]]:
        """The test pictures from number `start`: "name", "title", "label" and "url", a small PNG.

        One that cannot be read is left out.
        """
        if self.images is None:
            return []
        numbers = numpy.arange(min(start, self.count), min(start + count, self.count))
        pictures, good, _ = self.images.read_good(numbers, centre_views(len(numbers)))
        names = [f"{TEST}{number}" for number in numbers[good]]
        return [
            {"name": name, "url": small(pixels), **self.about(name)}
            for name, pixels in zip(names, pictures, strict=True)
        ]


def blank(trained: TrainedNetwork) -> numpy.ndarray:
    """The mean of the training pictures, uint8 (S, S, C)."""
    mean = trained.standardize.whole_mean.round().clip(0, 255).astype(numpy.uint8)
    side, channels = trained.image_size, trained.channels
    return numpy.broadcast_to(mean, (side, side, channels)).copy()


def check_picture(content: bytes) -> None:
    """InputError unless the bytes begin as a picture of a known kind and of bearable size."""
    most = f"at most {MOST_PIXELS:,} pixels"
    read: Callable[..., Image.Image] = Image.open
    try:
        with read(io.BytesIO(content), formats=FORMATS) as picture:
            width, height = picture.size
    except Image.DecompressionBombError as error:
        raise InputError(f"this picture is too large: expected {most}") from error
    except Exception as error:  # Pillow raises nearly anything for a damaged file
        kinds = f"expected {', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
        raise InputError(f"this is not a readable picture: {kinds}") from error
    if width * height > MOST_PIXELS:
        raise InputError(f"this picture is too large: expected {most}, got {width} × {height}")


def small(pixels: numpy.ndarray, side: int = 64) -> str:
    """The address of a PNG of the picture, at most `side` pixels wide."""
    picture = Image.fromarray(pixels.squeeze(2) if pixels.shape[2] == 1 else pixels)
    if picture.width > side:
        picture = picture.resize((side, side), Image.Resampling.BILINEAR)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return data_url(file.getvalue(), "png")
