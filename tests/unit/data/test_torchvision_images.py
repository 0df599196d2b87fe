"""Pictures prepared as torchvision does it, pixel for pixel."""

import numpy
import pytest
from data_helpers import views
from PIL import Image

from minialex.data.augment import centre_views
from minialex.data.torchvision_images import TorchvisionImages
from minialex.errors import InputError


def saved(path, width, height, mode="RGB"):
    """Writes a picture of smooth noise, in which every crop is different; returns its path."""
    rng = numpy.random.default_rng(width * height)
    small = Image.fromarray(rng.integers(0, 256, (height // 4 + 1, width // 4 + 1, 3), numpy.uint8))
    small.resize((width, height), Image.Resampling.BICUBIC).convert(mode).save(path, quality=95)
    return path


def read(path, size, resize, channels=3, **view):
    return TorchvisionImages([path], [0], size, channels, resize).read([0], views(**view))[0]


@pytest.mark.parametrize(
    ("room", "first"), [(0, 0), (1, 0), (2, 1), (3, 2), (4, 2), (5, 2), (6, 3), (7, 4)]
)
def test_the_centre_crop_starts_where_torchvision_starts_it(room, first, tmp_path):
    """At half of the room, rounded as in Python: halves to the even number. Nothing is resized."""
    path = saved(tmp_path / "a.png", 40 + room, 40)
    whole = numpy.asarray(Image.open(path))
    assert numpy.array_equal(read(path, 40, 40), whole[:, first : first + 40])


def test_other_views_are_cropped_and_mirrored(tmp_path):
    path = saved(tmp_path / "a.png", 50, 40)
    whole = numpy.asarray(Image.open(path))
    assert numpy.array_equal(read(path, 30, 40, top=0, left=1), whole[:30, 20:])
    assert numpy.array_equal(
        read(path, 30, 40, top=1, left=0, mirror=True), whole[10:, :30][:, ::-1]
    )


@pytest.mark.parametrize(
    ("width", "height"),
    [(61, 97), (97, 61), (500, 375), (333, 500), (40, 40), (20, 30), (1200, 900)],
)
def test_the_whole_picture_is_resized_before_the_crop(width, height, tmp_path):
    path = saved(tmp_path / "a.png", width, height)
    side = min(width, height)
    small = Image.open(path).resize(
        (width * 40 // side, height * 40 // side), Image.Resampling.BILINEAR
    )
    x, y = round((small.width - 32) / 2), round((small.height - 32) / 2)
    assert numpy.array_equal(read(path, 32, 40), numpy.asarray(small)[y : y + 32, x : x + 32])


def test_a_picture_can_be_warped_to_a_size_before_the_crop(tmp_path):
    path = saved(tmp_path / "a.png", 97, 61)
    warped = numpy.asarray(Image.open(path).resize((44, 40), Image.Resampling.BILINEAR))
    assert numpy.array_equal(read(path, 32, (40, 44)), warped[4:36, 6:38])


def test_pictures_can_be_read_as_grey(tmp_path):
    path = saved(tmp_path / "a.png", 50, 40)
    found = read(path, 30, 40, channels=1)
    assert found.shape == (30, 30, 1)
    assert numpy.array_equal(
        found[..., 0], numpy.asarray(Image.open(path).convert("L"))[5:35, 10:40]
    )


def test_pictures_are_turned_only_if_that_is_wanted(tmp_path):
    """torchvision does not look at EXIF notes."""
    picture = Image.open(saved(tmp_path / "a.png", 50, 40))
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate clockwise
    picture.save(tmp_path / "b.png", exif=exif)
    turned = numpy.asarray(picture.transpose(Image.Transpose.ROTATE_270))
    assert numpy.array_equal(read(tmp_path / "b.png", 40, 40), numpy.asarray(picture)[:, 5:45])
    images = TorchvisionImages([tmp_path / "b.png"], [0], 40, 3, 40, exif=True)
    assert numpy.array_equal(images.read([0], centre_views(1))[0], turned[5:45])


def test_transparent_pixels_are_put_on_white_and_16_bits_become_8(tmp_path):
    picture = Image.open(saved(tmp_path / "a.png", 40, 40))
    picture.putalpha(Image.new("L", (40, 40), 0))
    picture.save(tmp_path / "glass.png")
    assert (read(tmp_path / "glass.png", 40, 40) == 255).all()
    grey = numpy.arange(1600, dtype=numpy.uint16).reshape(40, 40) * 40
    Image.fromarray(grey).save(tmp_path / "deep.png")
    assert numpy.array_equal(read(tmp_path / "deep.png", 40, 40)[..., 1], grey >> 8)


def test_other_files_are_refused(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"a\.png: not a readable picture"):
        read(tmp_path / "a.png", 32, 40)


@pytest.mark.parametrize(
    "size", [(61, 97), (500, 375), (375, 501), (334, 500), (250, 206), (1201, 900), (2000, 1500)]
)
@pytest.mark.parametrize("ending", ["png", "jpg"])
def test_the_pixels_equal_those_of_torchvision(size, ending, tmp_path):
    pytest.importorskip("torchvision", reason="needs torchvision for its transforms")
    from torchvision import transforms

    path = saved(tmp_path / f"a.{ending}", *size)
    theirs = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224)])(
        Image.open(path).convert("RGB")
    )
    images = TorchvisionImages([path], [0], 224)
    assert numpy.array_equal(images.read([0], centre_views(1))[0], numpy.asarray(theirs))


def test_unreadable_pictures_are_left_out(tmp_path):
    paths = [
        saved(tmp_path / "a.png", 50, 40),
        tmp_path / "bad.png",
        saved(tmp_path / "b.png", 60, 40),
    ]
    paths[1].write_bytes(b"no picture")
    images = TorchvisionImages(paths, [0] * len(paths), 32, resize=40)
    pictures, good, problems = images.read_good(range(3), centre_views(3))
    assert good.tolist() == [True, False, True]
    assert numpy.array_equal(pictures, images.read([0, 2], centre_views(2)))
    assert list(problems) == [str(paths[1])] and "bad.png" in problems[str(paths[1])]
    with pytest.raises(InputError, match=r"bad\.png"):
        images.read(range(3), centre_views(3))


def test_a_long_strip_is_refused(tmp_path):
    """Its shorter side resized to 256 pixels, 9,000 × 1 would be 590 million."""
    path = saved(tmp_path / "a.png", 9000, 1)
    with pytest.raises(InputError, match="9000×1 pixels, expected at most 100 times"):
        read(path, 32, 256)
