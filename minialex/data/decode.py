"""From a file, whatever kind of picture it holds, to pixels that stand upright: red, green and blue, or grey, 8 bits each."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy
from PIL import Image, ImageOps
from PIL.JpegImagePlugin import JpegImageFile

from minialex.errors import InputError

#: No picture with more pixels is decoded: Pillow's own limit. A JPEG decoded at a fraction of its size may have more.
PIXELS, JPEG_PIXELS = 180_000_000, 500_000_000


@contextlib.contextmanager
def opened(path: Path | str) -> Iterator[Image.Image]:
    """The open picture, for a with block. What goes wrong with the file in the block becomes an InputError naming it."""
    try:
        with _open(path) as picture:
            yield picture
    except Exception as error:  # on a damaged file Pillow's readers raise nearly anything
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError(f"{path}: not a picture that can be read ({reason})") from error


def _open(path):
    try:
        return Image.open(path)
    except Image.DecompressionBombError as bomb:
        try:
            picture = JpegImageFile(path)
        except SyntaxError:  # another kind, which would be decoded in full
            raise bomb from None
        width, height = picture.size
        if width * height > JPEG_PIXELS:
            picture.close()
            raise bomb
        return picture


def decode(picture: Image.Image, side: int, channels: int) -> Image.Image:
    """The opened `picture` upright, as red, green and blue if `channels` is 3, as grey if it is 1.

    A JPEG whose shorter side is far longer than `side` comes at 1/2, 1/4 or 1/8 of its size, no smaller than that.
    What is transparent lies on white; 16 bits a pixel become the upper 8; of an animation it is the first picture.
    """
    picture.draft(None, (side, side))
    width, height = picture.size
    if width * height > PIXELS:
        raise ValueError(f"{width} x {height} pixels are too many")
    picture.load()
    with contextlib.suppress(
        Exception
    ):  # damaged notes on how the camera was held are no reason to refuse the picture
        ImageOps.exif_transpose(picture, in_place=True)
    if picture.mode.startswith("I"):
        picture = Image.fromarray((numpy.asarray(picture).clip(0, 0xFFFF) >> 8).astype(numpy.uint8))
    if picture.mode == "F":
        raise ValueError("its pixels are floating-point numbers, and nothing says which is white")
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return picture.convert("RGB" if channels == 3 else "L")
