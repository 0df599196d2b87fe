"""Picture files of every kind, decoded to 8-bit RGB or grey, and files that are refused."""

import os
import struct

import numpy
import pytest
from data_helpers import needs_pipes, photograph
from PIL import Image

from minialex.data import decode
from minialex.errors import InputError


def decoded(path, side=10_000, channels=3):
    """The pixels (H, W, C)."""
    with decode.open_picture(path) as picture:
        pixels = numpy.asarray(decode.decode(picture, side, channels))
    return pixels.reshape(*pixels.shape[:2], channels)


def refusal(path, **options):
    with pytest.raises(InputError) as caught:
        decoded(path, **options)
    assert str(caught.value).startswith(f"{path}: not a readable picture (")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_16_bit_grey_keeps_its_upper_8_bits(tmp_path):
    values = numpy.array([[0, 255, 256], [0x1234, 0x80FF, 0xFFFF]], numpy.uint16)
    for name in ("a.png", "a.tif"):
        Image.fromarray(values).save(tmp_path / name)
        for channels in (1, 3):
            assert decoded(tmp_path / name, channels=channels)[..., 0].tolist() == [
                [0, 0, 1],
                [0x12, 0x80, 0xFF],
            ]
    assert (decoded(tmp_path / "a.png") == decoded(tmp_path / "a.png", channels=1)).all()


def test_32_bit_pixels_are_clipped_to_16_bits(tmp_path):
    Image.fromarray(numpy.array([[-5, 0x1234, 70_000]], numpy.int32)).save(tmp_path / "a.tif")
    assert decoded(tmp_path / "a.tif", channels=1).ravel().tolist() == [0, 0x12, 0xFF]


def test_floating_point_pixels_are_refused(tmp_path):
    Image.fromarray(numpy.full((4, 4), 0.5, numpy.float32)).save(tmp_path / "a.tif")
    assert "floating-point" in refusal(tmp_path / "a.tif")


def test_1_bit_pixels_become_black_and_white(tmp_path):
    Image.fromarray(numpy.eye(4) > 0).save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.mode == "1"
    assert (
        decoded(tmp_path / "a.png").tolist() == (255 * numpy.eye(4)[..., None] * [1, 1, 1]).tolist()
    )


HALF_RED = (255, 0, 0, 128)  # on white: (255, 127, 127)


@pytest.mark.parametrize("channels", [1, 3])
def test_transparent_pictures_are_put_on_white(tmp_path, channels):
    picture = Image.new("RGBA", (3, 1), (10, 20, 30, 0))  # its hidden colour is nearly black
    picture.putpixel((1, 0), HALF_RED)
    picture.putpixel((2, 0), (10, 20, 30, 255))
    picture.save(tmp_path / "a.png")
    wanted = Image.fromarray(
        numpy.array([[[255, 255, 255], [255, 127, 127], [10, 20, 30]]], numpy.uint8)
    )
    wanted = numpy.asarray(wanted.convert("RGB" if channels == 3 else "L")).reshape(1, 3, channels)
    assert decoded(tmp_path / "a.png", channels=channels).tolist() == wanted.tolist()


def test_transparent_grey_and_palettes_are_put_on_white_too(tmp_path):
    grey = Image.new("LA", (2, 1), (0, 0))
    grey.putpixel((1, 0), (40, 255))
    grey.save(tmp_path / "grey.png")
    palette = Image.new("P", (2, 1), 0)
    palette.putpalette([0, 0, 0, 40, 40, 40])
    palette.putpixel((1, 0), 1)
    palette.save(tmp_path / "palette.png", transparency=0)
    palette.save(tmp_path / "palette.gif", transparency=0)
    for name in ("grey.png", "palette.png", "palette.gif"):
        assert decoded(tmp_path / name).tolist() == [[[255] * 3, [40] * 3]], name


def test_an_animation_gives_its_first_frame(tmp_path):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    with Image.open(tmp_path / "a.gif") as picture:
        assert picture.n_frames == 3
    assert decoded(tmp_path / "a.gif")[4, 4].tolist() == [255, 0, 0]


@pytest.mark.parametrize("channels", [1, 3])
def test_inverted_cmyk_is_not_decoded_as_a_negative(tmp_path, channels):
    """Adobe's CMYK JPEGs store 255 − ink."""
    whole = Image.fromarray(photograph(64, 48))
    whole.convert("CMYK").save(tmp_path / "a.jpg", quality=95, subsampling=0)
    content = (tmp_path / "a.jpg").read_bytes()
    assert b"Adobe" in content[:1000]
    expected = (
        numpy.asarray(whole.convert("RGB" if channels == 3 else "L"))
        .reshape(48, 64, channels)
        .astype(int)
    )
    assert numpy.abs(decoded(tmp_path / "a.jpg", channels=channels) - expected).mean() < 3


def test_a_cmyk_jpeg_is_decoded_at_a_fraction_of_its_size_too(tmp_path):
    Image.fromarray(photograph(640, 480)).convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    assert decoded(tmp_path / "a.jpg", side=100).shape == (120, 160, 3)


def test_a_jpeg_is_decoded_no_smaller_than_requested(tmp_path):
    Image.fromarray(photograph(640, 480)).save(tmp_path / "a.jpg")
    for side, height in ((480, 480), (241, 480), (240, 240), (121, 240), (1, 60)):
        assert decoded(tmp_path / "a.jpg", side).shape == (height, height * 4 // 3, 3)


def exif(*entries):
    """EXIF data with these entries (tag, type, count, four bytes)."""
    packed = b"".join(struct.pack(">HHI", *entry) + value for *entry, value in entries)
    return b"Exif\0\0MM\0*\0\0\0\x08" + struct.pack(">H", len(entries)) + packed + bytes(4)


TURNED = (0x0112, 3, 1, b"\0\x06\0\0")  # the camera was on its side
FAR = struct.pack(">I", 99_999)  # an offset beyond the end of the file


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("damaged", "size"),
    [
        (b"Exif\0\0", (8, 16)),
        (b"Exif\0\0no TIFF", (8, 16)),
        (exif(TURNED)[:20], (8, 16)),
        (exif((0x0112, 2, 4, b"abc\0")), (8, 16)),  # an orientation of letters
        (exif(TURNED, (0x8769, 4, 1, FAR)), (16, 8)),
        (exif(TURNED, (0x8769, 2, 4, b"abc\0")), (16, 8)),  # Pillow 10 fails on this
        (exif(TURNED, (0x011A, 5, 1, FAR)), (16, 8)),
    ],
)
def test_damaged_exif_data_is_ignored(tmp_path, damaged, size):
    Image.fromarray(photograph(16, 8)).save(tmp_path / "a.jpg", exif=damaged)
    assert decoded(tmp_path / "a.jpg").shape == (*size, 3)


def test_an_unknown_orientation_is_ignored(tmp_path):
    Image.fromarray(photograph(16, 8)).save(
        tmp_path / "a.png", exif=exif((0x0112, 3, 1, b"\0\x63\0\0"))
    )
    assert (decoded(tmp_path / "a.png") == photograph(16, 8)).all()


def test_a_jpeg_may_have_more_pixels_than_pillow_opens(tmp_path, monkeypatch):
    Image.fromarray(photograph(80, 64)).save(tmp_path / "a.jpg", quality=95)
    expected = decoded(tmp_path / "a.jpg", side=8)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # as if the picture were much larger
    assert (decoded(tmp_path / "a.jpg", side=8) == expected).all()
    assert expected.shape == (8, 10, 3)
    monkeypatch.setattr(decode, "JPEG_PIXELS", 80 * 64 - 1)
    assert "DecompressionBomb" in refusal(tmp_path / "a.jpg")


def test_a_huge_picture_of_another_format_is_refused_before_it_is_decoded(tmp_path):
    """A PNG of a few hundred bytes that would take 40 GB."""
    Image.new("1", (8, 8)).save(tmp_path / "a.png")
    content = bytearray((tmp_path / "a.png").read_bytes())
    content[16:24] = struct.pack(">II", 200_000, 200_000)
    (tmp_path / "a.png").write_bytes(content)
    assert refusal(tmp_path / "a.png")


@pytest.mark.parametrize("kind", ["RGB", "L", "CMYK", "RGBA", "LA", "P", "1", "I;16", "I"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_mode_gives_the_requested_number_of_channels(tmp_path, kind, channels):
    if kind.startswith("I"):
        picture = Image.fromarray(
            numpy.full((8, 8), 300, numpy.uint16 if kind == "I;16" else numpy.int32)
        )
    else:
        picture = Image.fromarray(photograph(8, 8)).convert(kind)
    picture.save(tmp_path / "a.tif")
    assert decoded(tmp_path / "a.tif", channels=channels).shape == (8, 8, channels)


@needs_pipes
def test_a_pipe_is_no_picture(tmp_path):
    """Opened, it would wait for ever."""
    os.mkfifo(tmp_path / "x.png")
    wanted = pytest.raises(InputError, match="not a folder, a pipe or a device")
    with wanted, decode.open_picture(tmp_path / "x.png"):
        pass


def test_what_needs_another_program_is_no_picture(tmp_path):
    """Pillow would give PostScript to Ghostscript."""
    Image.new("RGB", (8, 8)).save(tmp_path / "a.eps")
    (tmp_path / "a.eps").rename(tmp_path / "a.png")
    assert "UnidentifiedImageError" in refusal(tmp_path / "a.png")


def test_a_wide_bmp_of_runs_is_refused(tmp_path):
    """Each of its rows would be filled up byte by byte."""
    Image.new("L", (8, 4), 7).save(tmp_path / "a.bmp")
    content = bytearray((tmp_path / "a.bmp").read_bytes())
    content[30:34] = struct.pack("<I", 1)  # its compression
    content[-8 * 4 :] = 4 * b"\x08\x07\0\0" + b"\0\1"
    (tmp_path / "a.bmp").write_bytes(content)
    assert (decoded(tmp_path / "a.bmp") == 7).all()
    content[18:22] = struct.pack("<I", 16_000_000)
    (tmp_path / "a.bmp").write_bytes(content)
    assert "16000000 x 4 pixels, expected at most 10,000,000" in refusal(tmp_path / "a.bmp")
