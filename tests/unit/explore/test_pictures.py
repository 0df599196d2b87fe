"""Test pictures and sent ones: which there are, what the network sees of them, what is refused."""

import base64
import io
import struct
import zlib
from pathlib import Path

import numpy
import pytest
from data_helpers import photograph, picture_folder, random_pictures
from explored import CLASSES, as_file, in_use, small_dataset, small_network
from PIL import Image

from minialex.data.own import folder
from minialex.errors import InputError
from minialex.explore.pictures import BLANK, MOST_BYTES, MOST_SENT, Pictures
from minialex.layers import Conv2d
from minialex.network import Network

PIXELS = random_pictures(1, 12, seed=5)[0]
GREY = random_pictures(1, 12, channels=1, seed=6)[0]

#: What the network may have been trained on: what says how pictures are cut and turned.
KINDS = {
    "arrays": {},
    "a folder": {"source": {"name": "folder"}},
    "as torchvision": {"resize": 16},
    "unturned": {"exif": False},
}


def seeing(channels=3, side=12, **progress):
    """A network for pictures of this size."""
    return in_use(Network([Conv2d(channels, 2, 3)], (side, side, channels)), **progress)


@pytest.fixture
def pictures():
    return Pictures(seeing(), small_dataset())


@pytest.fixture(scope="module")
def files():
    """Pictures of many kinds and sizes, as the bytes of files."""
    wide, tall = photograph(40, 23), photograph(9, 31)
    exif = Image.Exif()
    exif[0x0112] = 6  # lying on its side
    animated = [Image.fromarray(frame) for frame in random_pictures(3, 20)]
    palette = Image.fromarray(wide).convert("P", palette=Image.Palette.ADAPTIVE)
    alpha = numpy.dstack([wide, wide[..., :1]])
    deep = numpy.linspace(0, 65535, 30 * 30).reshape(30, 30).astype("uint16")
    return {
        "PNG": as_file(wide),
        "PNG of the network's size": as_file(PIXELS),
        "PNG, grey": as_file(wide[..., 0]),
        "PNG, 16 bits": as_file(deep),
        "PNG, palette": as_file(palette),
        "PNG, transparent palette": as_file(palette, transparency=3),
        "PNG, transparent": as_file(alpha),
        "PNG, black and white": as_file(Image.fromarray(wide).convert("1")),
        "JPEG": as_file(wide, "JPEG"),
        "JPEG, grey": as_file(tall[..., 0], "JPEG"),
        "JPEG, on its side": as_file(tall, "JPEG", exif=exif),
        "JPEG, CMYK": as_file(Image.fromarray(wide).convert("CMYK"), "JPEG"),
        "JPEG, large": as_file(photograph(700, 500), "JPEG"),
        "GIF": as_file(wide, "GIF"),
        "GIF, animated": as_file(animated[0], "GIF", save_all=True, append_images=animated[1:]),
        "WebP": as_file(wide, "WEBP"),
        "BMP": as_file(tall, "BMP"),
        "one pixel": as_file(PIXELS[:1, :1]),
    }


def chunk(kind, content):
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def claiming(width, height):
    """A small PNG file that says it is so large."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + rows + chunk(b"IEND", b"")


def test_a_test_picture_is_what_the_network_is_tested_with(pictures):
    images = small_dataset().test.images
    assert pictures.count == len(images) == 7
    for number, image in enumerate(images):
        numpy.testing.assert_array_equal(pictures.pixels(f"test/{number}"), image)
        about = pictures.about(f"test/{number}")
        assert about == {"title": f"picture {number}", "label": number % len(CLASSES)}


def test_files_are_named_by_their_names_and_resized(tmp_path):
    dataset = folder.load(picture_folder(tmp_path), 12)
    pictures = Pictures(seeing(source={"name": "folder"}), dataset)
    path = Path(dataset.test.paths[3])
    expected = pictures.trained.prepared(path)[0]
    assert pictures.about("test/3") == {"title": path.name, "label": dataset.test.labels[3]}
    numpy.testing.assert_array_equal(pictures.pixels("test/3"), expected)
    assert expected.shape == (12, 12, 3)


@pytest.mark.parametrize("progress", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_sent_picture_is_prepared_as_a_file_is(channels, progress, files, tmp_path):
    trained = seeing(channels, **progress)
    pictures = Pictures(trained, None)
    for what, content in files.items():
        path = tmp_path / "picture"
        path.write_bytes(content)
        name = pictures.add(content)
        pixels = pictures.pixels(name)
        assert (pixels.dtype, pixels.shape) == (numpy.uint8, (12, 12, channels))
        numpy.testing.assert_array_equal(pixels, trained.prepared(path)[0], err_msg=what)
        assert name.startswith("sent/")
        assert pictures.about(name) == {"title": "your picture", "label": None}


def test_a_picture_of_the_network_s_size_arrives_as_it_is():
    colour, grey = Pictures(seeing(3), None), Pictures(seeing(1), None)
    numpy.testing.assert_array_equal(colour.pixels(colour.add(as_file(PIXELS))), PIXELS)
    numpy.testing.assert_array_equal(grey.pixels(grey.add(as_file(GREY))), GREY)
    pixels = colour.pixels(colour.add(as_file(GREY)))
    numpy.testing.assert_array_equal(pixels, numpy.repeat(GREY, 3, axis=2))


def test_of_an_animation_the_first_picture_is_shown(pictures):
    frames = [Image.new("RGB", (12, 12), colour) for colour in ("red", "blue", "white")]
    content = as_file(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert (pictures.pixels(pictures.add(content)) == [255, 0, 0]).all()


def test_of_16_bits_the_upper_8_are_kept():
    pictures = Pictures(seeing(1), None)
    deep = numpy.arange(144, dtype="uint16").reshape(12, 12) * 449
    pixels = pictures.pixels(pictures.add(as_file(deep)))
    numpy.testing.assert_array_equal(pixels[..., 0], deep >> 8)


def test_what_is_transparent_is_white(pictures):
    alpha = numpy.dstack([PIXELS, numpy.full((12, 12, 1), 255, "uint8")])
    alpha[:6, :, 3] = 0
    pixels = pictures.pixels(pictures.add(as_file(alpha)))
    assert (pixels[:6] == 255).all()
    numpy.testing.assert_array_equal(pixels[6:], PIXELS[6:])


BROKEN = {
    "empty": b"",
    "a text": b"not a picture",
    "zeros": bytes(5000),
    "HTML": b"<!doctype html><img src=x>",
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>',
    "TIFF": as_file(PIXELS, "TIFF"),
    "PPM": as_file(PIXELS, "PPM"),
    "half a PNG": as_file(photograph(50, 50))[:-2000],
    "half a JPEG": as_file(photograph(90, 90), "JPEG")[:-900],
    "half a GIF": as_file(photograph(50, 50), "GIF")[:900],
    "half a WebP": as_file(photograph(90, 90), "WEBP")[:300],
    "half a BMP": as_file(photograph(50, 50), "BMP")[:-900],
    "the start of a PNG": as_file(PIXELS)[:20],
    "no pixels": claiming(0, 0),
    "too few pixels": claiming(60, 60),
    "damaged pixels": as_file(photograph(50, 50)).replace(b"IDAT", b"JDAT"),
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_what_is_no_picture_is_refused(content, pictures):
    with pytest.raises(InputError, match=r"this is not a readable picture|this picture: not a"):
        pictures.add(content)
    assert not pictures.sent


@pytest.mark.parametrize("size", [(8_000, 8_000), (2**31 - 1, 1), (20_000, 20_000)], ids=str)
@pytest.mark.filterwarnings("ignore:Image size")
def test_a_picture_with_too_many_pixels_is_refused_as_too_large(size, pictures):
    """By the size that it claims, before room is made for it."""
    with pytest.raises(InputError, match="this picture is too large: expected at most 50,000,000"):
        pictures.add(claiming(*size))


def test_a_file_that_is_too_large_is_refused(pictures):
    content = as_file(PIXELS)
    assert pictures.add(content + bytes(MOST_BYTES - len(content)))
    with pytest.raises(InputError, match=r"expected a picture of at most 20 MB, got 20\.0 MB"):
        pictures.add(content + bytes(MOST_BYTES - len(content) + 1))


def test_a_picture_that_is_sent_twice_has_one_name(pictures):
    first = pictures.add(as_file(PIXELS))
    assert pictures.add(as_file(PIXELS)) == first
    assert pictures.add(as_file(PIXELS[::-1])) != first


def test_the_oldest_pictures_go_first(pictures):
    one = numpy.zeros((12, 12, 3), "uint8")
    names = []
    for number in range(MOST_SENT):
        one[0, 0, 0] = number
        names.append(pictures.add(as_file(one, "BMP")))
    one[0, 0, 0] = 0
    assert pictures.add(as_file(one, "BMP")) == names[0]  # which is the newest now
    pictures.add(as_file(one + 1, "BMP"))
    for kept in (names[0], *names[2:]):
        assert pictures.pixels(kept).shape == (12, 12, 3)
    with pytest.raises(InputError, match="choose it again"):
        pictures.pixels(names[1])


NOT_THERE = """
    test/7 test/999999 test/99999999999999999999 test/-1 test/+1 test/1.0 test/ test/² test/½
    test/1/ test/0x1 test/latest test sent/x sent/ sent/../0 ../x /etc/passwd 1 blank/ Blank
"""


@pytest.mark.parametrize("name", [*NOT_THERE.split(), "", "test/ 1", "\x00"])
def test_a_picture_that_is_not_there_is_refused(name, pictures):
    with pytest.raises(InputError, match="there is no picture"):
        pictures.pixels(name)


@pytest.mark.parametrize(
    "mean",
    [[120.0] * 3, [12.4, 254.8, 97.5], (PIXELS * 0.9).tolist()],
    ids=["grey", "a colour", "a picture"],
)
def test_the_blank_picture_is_the_mean_which_the_network_sees_as_zeros(mean):
    trained = seeing(mean=mean)
    pixels = Pictures(trained, None).pixels(BLANK)
    assert (pixels.dtype, pixels.shape) == (numpy.uint8, (12, 12, 3))
    assert abs(pixels - numpy.array(mean)).max() <= 0.5
    assert abs(trained.standardize(pixels[None])).max() <= 0.51 / 60
    assert Pictures(trained, None).about(BLANK) == {"title": "blank", "label": None}


def test_the_blank_picture_of_a_grey_network():
    assert (Pictures(seeing(1), None).pixels(BLANK) == 120).all()


def opened(url):
    """The pixels of the PNG at a data: URL."""
    head, _, content = url.partition(",")
    assert head == "data:image/png;base64"
    with Image.open(io.BytesIO(base64.b64decode(content))) as picture:
        return numpy.asarray(picture)


def test_a_sheet_shows_pictures_by_their_numbers(pictures):
    sheet = pictures.sheet(2, 3)
    assert [shown["name"] for shown in sheet] == ["test/2", "test/3", "test/4"]
    for shown in sheet:
        assert {key: shown[key] for key in ("title", "label")} == pictures.about(shown["name"])
        numpy.testing.assert_array_equal(opened(shown["url"]), pictures.pixels(shown["name"]))


@pytest.mark.parametrize(
    "start, count, shown",
    [(0, 100, 7), (5, 3, 2), (6, 1, 1), (7, 5, 0), (0, 0, 0), (10**18, 5, 0), (10**30, 5, 0)],
)
def test_a_sheet_ends_with_the_last_picture(start, count, shown, pictures):
    assert len(pictures.sheet(start, count)) == shown


def test_large_pictures_are_small_on_a_sheet(tmp_path):
    dataset = folder.load(picture_folder(tmp_path), 100)
    pictures = Pictures(seeing(side=100, source={"name": "folder"}), dataset)
    shown = opened(pictures.sheet(0, 1)[0]["url"]).astype(float)
    assert shown.shape == (64, 64, 3)
    assert abs(shown.mean() - pictures.pixels("test/0").mean()) < 3


def test_grey_pictures_are_grey_on_a_sheet(tmp_path):
    dataset = folder.load(picture_folder(tmp_path), 12)
    dataset.test.channels = 1
    pictures = Pictures(seeing(1), dataset)
    shown = opened(pictures.sheet(0, 1)[0]["url"])
    numpy.testing.assert_array_equal(shown, pictures.pixels("test/0")[..., 0])


def test_a_test_picture_that_cannot_be_read_is_left_out(tmp_path):
    dataset = folder.load(picture_folder(tmp_path), 12)
    pictures = Pictures(seeing(source={"name": "folder"}), dataset)
    paths = [Path(path) for path in dataset.test.paths]
    paths[1].write_bytes(b"damaged")
    paths[3].unlink()
    sheet = pictures.sheet(0, 5)
    assert [shown["name"] for shown in sheet] == ["test/0", "test/2", "test/4"]
    assert [shown["title"] for shown in sheet] == [paths[number].name for number in (0, 2, 4)]
    for number in (1, 3):
        with pytest.raises(InputError, match="not a readable picture"):
            pictures.pixels(f"test/{number}")


def test_without_a_data_set_pictures_can_still_be_sent():
    pictures = Pictures(in_use(small_network()), None)
    assert pictures.count == 0
    assert pictures.sheet(0, 5) == []
    with pytest.raises(InputError, match="there is no picture 'test/0'"):
        pictures.pixels("test/0")
    assert pictures.pixels(pictures.add(as_file(PIXELS))).shape == (12, 12, 3)
