"""Picture files of every format that is read, as the data set of own pictures decodes them."""

import io
import struct
import zlib
from functools import cache
from pathlib import Path
from random import Random

import numpy
from data_helpers import photograph
from PIL import Image, ImageOps

from minialex.data.augment import centre_views
from minialex.data.folder_images import FolderImages
from minialex.data.torchvision_images import TorchvisionImages
from tests.fuzz.mutate import NUMBERS, Mutator, mutated, png_repaired, with_number
from tests.fuzz.trials import Files, Format

COLOUR = Image.fromarray(photograph(21, 13))
GREY = COLOUR.convert("L")
CLEAR = COLOUR.copy()
CLEAR.putalpha(ImageOps.mirror(GREY))
DEEP = Image.fromarray(numpy.arange(21 * 13, dtype=numpy.uint16).reshape(13, 21) * 200)
PALETTE = COLOUR.quantize(16)
TURNED = Image.Exif()
TURNED[0x0112] = 6


def encoded(picture: Image.Image, kind: str, **options) -> bytes:
    """The file of a picture."""
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def png_of(rows: bytes, width: int, height: int, *about: int) -> bytes:
    """A PNG of these rows, uncompressed, with filters; about: depth, kind, and whether interlaced,
    as in its header."""
    depth, kind, interlaced = about
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlaced)
    chunks = {b"IHDR": header, b"IDAT": zlib.compress(rows), b"IEND": b""}
    packed = (struct.pack(">I", len(c)) + name + c + bytes(4) for name, c in chunks.items())
    return png_repaired(b"\x89PNG\r\n\x1a\n" + b"".join(packed))


@cache
def png_files() -> list[Files]:
    """Grey, coloured and clear ones of 1, 8 and 16 bits, with a palette, interlaced and turned."""
    pictures = [COLOUR, GREY, CLEAR, DEEP, PALETTE, GREY.convert("1"), CLEAR.convert("LA")]
    contents = [encoded(picture, "PNG") for picture in pictures]
    contents.append(encoded(PALETTE, "PNG", transparency=3))
    contents.append(encoded(COLOUR, "PNG", exif=TURNED))
    contents.append(png_of((b"\0" + b"\x12\x34" * 4 * 5) * 6, 5, 6, 16, 6, 0))
    contents.append(png_of(b"\0\1\0\2\0\3\4\0\5\6\0\7\7\0\1\2\3\4", 4, 4, 8, 0, 1))
    return [{"x.png": content} for content in contents]


@cache
def jpeg_files() -> list[Files]:
    """Baseline and progressive ones, in colours, grey and with four inks, and a turned one."""
    contents = [encoded(picture, "JPEG") for picture in (COLOUR, GREY, COLOUR.convert("CMYK"))]
    contents.append(encoded(COLOUR, "JPEG", progressive=True, subsampling=0))
    contents.append(encoded(COLOUR, "JPEG", exif=TURNED, restart_marker_blocks=1))
    return [{"x.jpg": content} for content in contents]


@cache
def gif_files() -> list[Files]:
    """A still, a clear and a moving one."""
    options = dict(save_all=True, append_images=[GREY, PALETTE])
    contents = [encoded(PALETTE, "GIF"), encoded(PALETTE, "GIF", transparency=3)]
    return [{"x.gif": content} for content in (*contents, encoded(PALETTE, "GIF", **options))]


@cache
def bmp_files() -> list[Files]:
    """Those of 1, 8, 24 and 32 bits, and a compressed one."""
    contents = [encoded(p, "BMP") for p in (COLOUR, GREY, GREY.convert("1"), PALETTE, CLEAR)]
    run = bytearray(encoded(Image.new("L", (8, 4), 7), "BMP"))
    place = struct.unpack_from("<I", run, 10)[0]
    struct.pack_into("<I", run, 30, 1)
    contents.append(bytes(run[:place]) + b"\x08\x07\0\0" * 4 + b"\0\1")
    return [{"x.bmp": content} for content in contents]


@cache
def tiff_files() -> list[Files]:
    """Plain and compressed ones of all kinds of pixels."""
    whole = Image.fromarray(numpy.arange(21 * 13, dtype=numpy.int32).reshape(13, 21) * 999)
    plain = [encoded(picture, "TIFF") for picture in (COLOUR, GREY, CLEAR, DEEP, whole)]
    packed = [
        encoded(COLOUR.convert("1") if kind == "group4" else COLOUR, "TIFF", compression=kind)
        for kind in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "group4")
    ]
    return [{"x.tif": content} for content in (*plain, *packed)]


@cache
def webp_files() -> list[Files]:
    """With and without loss, and a clear one."""
    contents = [encoded(COLOUR, "WEBP"), encoded(COLOUR, "WEBP", lossless=True)]
    return [{"x.webp": content} for content in (*contents, encoded(CLEAR, "WEBP"))]


@cache
def ppm_files() -> list[Files]:
    """Binary ones of 1, 8 and 16 bits, and one in text."""
    contents = [encoded(picture, "PPM") for picture in (COLOUR, GREY, GREY.convert("1"), DEEP)]
    text = b"P3\n2 2\n255\n" + b" ".join(b"%d" % number for number in range(12))
    return [{"x.ppm": content} for content in (*contents, text)]


def header_changed(size: int) -> Mutator:
    """A mutator of numbers in the first `size` bytes."""
    return lambda content, rng: with_number(content[:size], rng) + content[size:]


def png_changed(content: bytes, rng: Random) -> bytes:
    """With any damage, and right checksums."""
    return png_repaired(mutated(content, rng))


def png_header_changed(content: bytes, rng: Random) -> bytes:
    """With another size or kind of pixels, and right checksums."""
    header = bytearray(content[16:29])
    struct.pack_into(">I", header, rng.choice((0, 4)), rng.choice(NUMBERS) & 0xFFFFFFFF)
    if rng.random() < 0.7:
        header[8:13] = bytes(rng.choice(part) for part in ((1, 2, 8, 16), (0, 2, 3, 4, 6)))
        header[10:13] = bytes((0, 0, rng.randrange(2)))
    return png_repaired(content[:16] + bytes(header[:13]) + content[29:])


def png_pixels_changed(content: bytes, rng: Random) -> bytes:
    """With damage before the compression."""
    place = content.index(b"IDAT")
    size = struct.unpack_from(">I", content, place - 4)[0]
    packed = zlib.compress(mutated(zlib.decompress(content[place + 4 : place + 4 + size]), rng))
    rest = content[place + 8 + size :]
    chunk = struct.pack(">I", len(packed)) + b"IDAT" + packed + bytes(4)
    return png_repaired(content[: place - 4] + chunk + rest)


def jpeg_header_changed(content: bytes, rng: Random) -> bytes:
    """With other numbers before the first scan."""
    place = content.index(b"\xff\xda") + 14
    return with_number(content[:place], rng) + content[place:]


def tiff_entry_changed(content: bytes, rng: Random) -> bytes:
    """With another number in an entry of its directory."""
    changed = bytearray(content)
    directory = struct.unpack_from("<I", content, 4)[0]
    count = struct.unpack_from("<H", content, directory)[0]
    entry = directory + 2 + 12 * rng.randrange(count)
    form, place = rng.choice((("<H", 0), ("<H", 2), ("<I", 4), ("<I", 8), ("<H", 8)))
    there = struct.unpack_from(form, content, entry + place)[0]
    number = rng.choice((*NUMBERS, there + 1, there - 1, 2 * there))
    struct.pack_into(form, changed, entry + place, number % (1 << 8 * struct.calcsize(form)))
    return bytes(changed)


def read_picture(folder: Path) -> None:
    """Decodes the picture for a network with weights of its own and for one with torchvision's."""
    (path,) = folder.iterdir()
    for kind in (FolderImages, TorchvisionImages):
        for channels in (1, 3):
            images = kind([path], [0], 8, channels)
            pixels = images.read([0], centre_views(1))
            assert (pixels.shape, pixels.dtype) == ((1, 8, 8, channels), numpy.uint8)
            images.pool.shutdown()


FORMATS = [
    Format("png", png_files, read_picture, (png_changed, png_header_changed, png_pixels_changed)),
    Format("jpeg", jpeg_files, read_picture, (jpeg_header_changed,)),
    Format("gif", gif_files, read_picture, (header_changed(60),)),
    Format("bmp", bmp_files, read_picture, (header_changed(54),)),
    Format("tiff", tiff_files, read_picture, (tiff_entry_changed,)),
    Format("webp", webp_files, read_picture, (header_changed(60),)),
    Format("ppm", ppm_files, read_picture, (header_changed(12),)),
]
