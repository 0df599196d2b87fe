"""Decoding any kind of picture file to upright 8-bit pixels, RGB or grey."""

import contextlib
import io
import os
from collections.abc import Iterator

import numpy
from PIL import Image, ImageOps
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile

from minialex.data.decode_memory import ROOM, needed
from minialex.data.own.stored import Source, StoredPicture
from minialex.errors import InputError

#: The most pixels in a JPEG file, which may be decoded at a fraction of its size. Of others, those
#: that Pillow allows, and the memory for decoding them.
JPEG_PIXELS = 500_000_000

#: The most in a BMP file of runs of equal pixels, which Pillow decodes in Python, byte by byte.
RUN_PIXELS = 10_000_000

#: What is read, whatever a file is called; others of Pillow's formats start other programs.
FORMATS = ("JPEG", "PNG", "BMP", "DIB", "WEBP", "GIF", "PPM", "TIFF", "AVIF")

#: So many pixels are converted at a time.
PART = 1 << 18


@contextlib.contextmanager
def open_picture(source: Source) -> Iterator[Image.Image]:
    """Opens a picture for a `with` block; errors in the block become an InputError naming it."""
    try:
        with _open(source) as picture:
            yield picture
    except Exception as error:  # Pillow raises nearly anything for a damaged file
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError(f"{source}: not a readable picture ({reason})") from error


def _open(source):
    file = io.BytesIO(source.read()) if isinstance(source, StoredPicture) else source
    if isinstance(file, str | os.PathLike) and os.path.exists(file) and not os.path.isfile(file):
        raise OSError("expected a file of its own, not a folder, a pipe or a device")
    try:
        return Image.open(file, "r", FORMATS)
    except Image.DecompressionBombError as bomb:
        try:
            picture = JpegImageFile(file)
        except SyntaxError:  # another format, which would be decoded at full size
            raise bomb from None
        width, height = picture.size
        if width * height > JPEG_PIXELS:
            picture.close()
            raise bomb
        return picture


@contextlib.contextmanager
def decoded(
    picture: Image.Image, side: int, channels: int, exif: bool = True, more: int = 0
) -> Iterator[Image.Image]:
    """What `decode` makes of the opened `picture`, for a `with` block, in this process's share of
    memory for it; it waits for other threads where that is taken.

    more: what the block itself takes, in bytes.
    """
    full_size = picture.size
    picture.draft(None, (side, side))
    with ROOM.taken(needed(picture, full_size) + more):
        yield decode(picture, side, channels, exif)


def decode(picture: Image.Image, side: int, channels: int, exif: bool = True) -> Image.Image:
    """The opened `picture`: RGB if `channels` is 3, grey if it is 1; turned as its EXIF note says,
    if `exif` is set.

    A JPEG may be decoded at 1/2, 1/4 or 1/8 of its size, as long as its shorter side does not get
    below `side`. Transparent pixels are put on white; of 16 bits per pixel the upper 8 are kept; of
    an animation, the first frame. ValueError for too many pixels or for floating-point pixels.
    """
    picture.draft(None, (side, side))
    width, height = picture.size
    tiles = picture.tile if isinstance(picture, ImageFile) else []
    if any(tile[0] == "bmp_rle" for tile in tiles) and width * height > RUN_PIXELS:
        raise ValueError(f"{width} x {height} pixels, expected at most {RUN_PIXELS:,} in all")
    if picture.mode == "F":
        raise ValueError("floating-point pixels of unknown range, expected whole numbers")
    picture.load()
    if exif:
        with contextlib.suppress(Exception):  # a picture with damaged EXIF data is still a picture
            ImageOps.exif_transpose(picture, in_place=True)
    mode = "RGB" if channels == 3 else "L"
    if picture.mode == mode and "transparency" not in picture.info:
        return picture
    parts = list(in_parts(*picture.size))
    if len(parts) == 1:
        return opaque(picture).convert(mode)
    whole = Image.new(mode, picture.size)
    for part in parts:
        whole.paste(opaque(picture.crop(part)).convert(mode), part)
    return whole


def opaque(picture: Image.Image) -> Image.Image:
    """The picture in 8 bits, without transparency."""
    if picture.mode.startswith("I"):
        picture = Image.fromarray((numpy.asarray(picture).clip(0, 0xFFFF) >> 8).astype(numpy.uint8))
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return picture


def in_parts(width: int, height: int) -> Iterator[tuple[int, int, int, int]]:
    """The boxes (left, top, right, bottom) of parts of at most PART pixels, or one row or column,
    of a picture, cut across its longer side."""
    shorter, longer = sorted((width, height))
    step = max(1, PART // shorter)
    for start in range(0, longer, step):
        end = min(longer, start + step)
        yield (start, 0, end, height) if width > height else (0, start, width, end)
