"""Pictures in files: how each is resized, cropped and rotated, and damaged files."""

import numpy
import pytest
from data_helpers import photograph, random_pictures, refusal, save_random_picture, views
from PIL import Image

from minialex.data.augment import centre_views, random_views, ten_views
from minialex.data.dataset import ArrayImages
from minialex.data.folder_images import FolderImages
from minialex.data.statistics import standardize_from


def read_one(path, image_size, channels=3, **view):
    (x,) = FolderImages([path], [0], image_size, channels).read([0], views(**view))
    return x


def test_pictures_as_small_as_their_crop_are_treated_like_arrays(tmp_path):
    pixels = numpy.stack([save_random_picture(tmp_path / f"{i}.png", seed=i) for i in range(20)])
    files = FolderImages([tmp_path / f"{i}.png" for i in range(20)], range(20), 32)
    arrays = ArrayImages(pixels, range(20), padding=4, fill=128)
    drawn = random_views(20, numpy.random.default_rng(0), crop=True, mirror=True, rotation=True)
    numpy.testing.assert_array_equal(files.read(range(20), centre_views(20)), pixels)
    numpy.testing.assert_array_equal(files.read(range(20), drawn), arrays.read(range(20), drawn))


@pytest.mark.parametrize("crop", [224, 227])
@pytest.mark.parametrize("size", [(450, 300), (300, 450), (150, 100), (256, 256)])
@pytest.mark.parametrize(("top", "left"), [(0.5, 0.5), (0.0, 0.999), (0.999, 0.0), (0.2, 0.7)])
def test_photographs_are_resized_to_256_and_cropped(tmp_path, crop, size, top, left):
    Image.fromarray(photograph(*size)).save(tmp_path / "a.png")
    width, height = (length * 256 // min(size) for length in size)
    whole = numpy.asarray(
        Image.open(tmp_path / "a.png").resize((width, height), Image.Resampling.BILINEAR)
    ).astype(int)
    y, x = int(top * (height - crop + 1)), int(left * (width - crop + 1))
    expected = whole[y : y + crop, x : x + crop]
    assert numpy.abs(read_one(tmp_path / "a.png", crop, top=top, left=left) - expected).max() <= 1


def test_the_room_for_crops_is_proportional_to_the_image_size(tmp_path):
    pixels = numpy.repeat(numpy.arange(144, dtype=numpy.uint8)[:, None], 144, axis=1)
    Image.fromarray(pixels).save(tmp_path / "a.png")  # row i has the value i
    # For crops of 64 it is resized to 64 * 256/227 = 72, half of 144: a row is the mean of two.
    assert abs(int(read_one(tmp_path / "a.png", 64, top=0.0)[10, 0, 0]) - 20.5) <= 1
    assert abs(int(read_one(tmp_path / "a.png", 64, top=0.999)[10, 0, 0]) - 36.5) <= 1


def test_photographs_are_mirrored(tmp_path):
    Image.fromarray(photograph(450, 300)).save(tmp_path / "a.png")
    plain, mirrored = (
        read_one(tmp_path / "a.png", 96, top=0.1, left=0.8, mirror=mirror)
        for mirror in (False, True)
    )
    numpy.testing.assert_array_equal(mirrored, plain[:, ::-1])


def test_the_ten_views_are_the_papers_crops_of_256(tmp_path):
    """Section 4.1: four corners and the centre, then all mirrored."""
    Image.fromarray(photograph(384, 256)).save(tmp_path / "a.png")
    images = FolderImages([tmp_path / "a.png"], [0], 227)
    got = images.read(numpy.zeros(10, int), ten_views(1))
    whole = photograph(384, 256)
    for i, (top, left) in enumerate([(0, 0), (0, 157), (29, 0), (29, 157), (15, 79)]):
        expected = whole[top : top + 227, left : left + 227]
        numpy.testing.assert_array_equal(got[i], expected)
        numpy.testing.assert_array_equal(got[5 + i], expected[:, ::-1])


def test_several_views_of_a_picture_equal_those_read_one_by_one(tmp_path):
    for i in range(3):
        Image.fromarray(photograph(300 + i, 280)).save(tmp_path / f"{i}.jpg")
    images = FolderImages([tmp_path / f"{i}.jpg" for i in range(3)], range(3), 64)
    order = numpy.array([1, 1, 1, 0, 2, 2, 1, 0, 0])
    drawn = random_views(9, numpy.random.default_rng(0), rotation=True)
    together = images.read(order, drawn)
    alone = [images.read([i], drawn[k : k + 1])[0] for k, i in enumerate(order)]
    numpy.testing.assert_array_equal(together, alone)


def test_ten_views_of_a_picture_decode_it_once(tmp_path, monkeypatch):
    save_random_picture(tmp_path / "a.png", (300, 300))
    opened, open_picture = [], Image.open
    monkeypatch.setattr(
        Image, "open", lambda path, *more: opened.append(path) or open_picture(path, *more)
    )
    FolderImages([tmp_path / "a.png"] * 2, [0, 0], 227).read(numpy.repeat([0, 1], 10), ten_views(2))
    assert len(opened) == 2


@pytest.mark.parametrize(("size", "crop"), [((300, 200), 64), ((64, 64), 64), ((90, 64), 64)])
@pytest.mark.parametrize("angle", [-10, 10])
def test_pictures_are_rotated_counterclockwise_about_their_centre(tmp_path, size, crop, angle):
    """An upright bright bar through the centre leans left when rotated counterclockwise."""
    pixels = numpy.zeros((*size[::-1], 3), numpy.uint8)
    middle, width = size[0] // 2, size[1] // 16
    pixels[:, middle - width : middle + width] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    x = read_one(tmp_path / "a.png", crop, angle=angle)[..., 0].astype(float)
    rows = numpy.array([8, crop - 9])
    columns = (x[rows] > 200) @ numpy.arange(crop) / (x[rows] > 200).sum(axis=1)
    slope = (columns[1] - columns[0]) / (rows[1] - rows[0])
    assert slope == pytest.approx(numpy.tan(numpy.radians(angle)), abs=0.03)
    assert columns.mean() == pytest.approx((crop - 1) / 2, abs=1)


def test_corners_that_a_rotation_leaves_empty_are_grey(tmp_path):
    Image.new("RGB", (256, 256), "white").save(tmp_path / "a.png")
    turned = read_one(tmp_path / "a.png", 227, top=0, left=0, angle=10)
    assert turned[0, 0].tolist() == [128] * 3
    assert (turned[128, 128] == 255).all()
    assert (read_one(tmp_path / "a.png", 227, top=0, left=0) == 255).all()


def test_long_strips_are_not_rotated(tmp_path):
    """Two pixels high; resized to a height of 256, it would be 8 million pixels long."""
    save_random_picture(tmp_path / "a.png", (65_000, 2))
    plain, turned = (read_one(tmp_path / "a.png", 227, angle=angle) for angle in (None, 5))
    numpy.testing.assert_array_equal(turned, plain)


def test_a_picture_is_rotated_before_it_is_mirrored(tmp_path):
    Image.fromarray(photograph(300, 280)).save(tmp_path / "a.png")
    plain, mirrored = (
        read_one(tmp_path / "a.png", 64, top=0.1, left=0.8, mirror=m, angle=7)
        for m in (False, True)
    )
    numpy.testing.assert_array_equal(mirrored, plain[:, ::-1])


def test_a_large_jpeg_looks_the_same_as_if_decoded_in_full(tmp_path):
    detailed = Image.fromarray(random_pictures(1, 80)[0]).resize(
        (640, 480), Image.Resampling.BICUBIC
    )
    detailed.save(tmp_path / "a.jpg", quality=95, subsampling=0)
    with Image.open(tmp_path / "a.jpg") as picture:
        picture.save(tmp_path / "a.png")  # a PNG is always decoded at full size
    difference = read_one(tmp_path / "a.jpg", 64, top=0.3).astype(int) - read_one(
        tmp_path / "a.png", 64, top=0.3
    )
    assert numpy.abs(difference).mean() < 4  # decoded too small, it would be 12


# The transformation of the stored picture that each EXIF orientation undoes.
TURNED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("orientation", TURNED)
def test_pictures_are_turned_upright(tmp_path, orientation):
    upright = Image.fromarray(photograph(600, 300))
    upright.save(tmp_path / "upright.png")
    turned = upright if orientation == 1 else upright.transpose(TURNED[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    expected = read_one(tmp_path / "upright.png", 64, left=0.9)
    difference = read_one(tmp_path / "turned.jpg", 64, left=0.9) - expected.astype(int)
    assert numpy.abs(difference).mean() < 2
    as_stored = FolderImages([tmp_path / "turned.jpg"], [0], 64, exif=False)
    turned.save(tmp_path / "turned.png")
    expected = read_one(tmp_path / "turned.png", 64)
    difference = as_stored.read([0], centre_views(1))[0] - expected.astype(int)
    assert numpy.abs(difference).mean() < 2
    read = FolderImages([tmp_path / "turned.jpg"], [0], 64)
    assert as_stored.fingerprint([0]) != read.fingerprint([0])


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "1"])
def test_pictures_of_other_modes_are_converted(tmp_path, mode):
    name = "a.tif" if mode == "CMYK" else "a.png"
    Image.fromarray(photograph(40, 40)).convert(mode).save(tmp_path / name)
    with Image.open(tmp_path / name) as picture:
        assert picture.mode == mode
        expected = numpy.asarray(picture.convert("RGB"))
    numpy.testing.assert_array_equal(read_one(tmp_path / name, 40), expected)


def test_colour_can_be_read_as_grey(tmp_path):
    Image.fromarray(photograph(40, 40)).save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as picture:
        expected = numpy.asarray(picture.convert("L"))[..., None]
    numpy.testing.assert_array_equal(read_one(tmp_path / "a.png", 40, channels=1), expected)
    assert read_one(tmp_path / "a.png", 40, channels=1, top=0.0)[0, 0, 0] == 128


@pytest.mark.parametrize("size", [(1, 1), (3000, 2), (1, 700), (31, 33), (33, 32)])
@pytest.mark.parametrize("place", [0.0, 0.5, 1.0])
def test_pictures_of_any_size_become_squares(tmp_path, size, place):
    save_random_picture(tmp_path / "a.png", size)
    assert read_one(tmp_path / "a.png", 32, top=place, left=place).shape == (32, 32, 3)


def test_pictures_come_in_the_order_of_the_indices(tmp_path):
    for i in range(40):
        size = (300, 200) if i % 3 else (40, 40)  # some take longer than others
        Image.new("RGB", size, (i, 2 * i, 3 * i)).save(tmp_path / f"{i}.png")
    images = FolderImages([tmp_path / f"{i}.png" for i in range(40)], range(40), 40)
    order = numpy.random.default_rng(0).permutation(40)
    x = images.read(order, centre_views(40))
    assert x.dtype == numpy.uint8
    assert x.flags.c_contiguous
    numpy.testing.assert_array_equal(x[:, 20, 20], order[:, None] * [1, 2, 3])
    numpy.testing.assert_allclose(standardize_from(images).mean, [19.5, 39, 58.5])
    # A limit of 2 takes the first and the last.
    numpy.testing.assert_allclose(standardize_from(images, limit=2).std, [19.5, 39, 58.5])


def broken_files(tmp_path):
    save_random_picture(tmp_path / "whole.jpg", (200, 200))
    save_random_picture(tmp_path / "whole.png", (200, 200))
    for kind in ("jpg", "png"):
        content = (tmp_path / f"whole.{kind}").read_bytes()
        (tmp_path / f"half.{kind}").write_bytes(content[: len(content) // 2])
        (tmp_path / f"start.{kind}").write_bytes(content[:20])
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "text.jpg").write_text("<html>404</html>")


@pytest.mark.parametrize(
    "name",
    ["half.jpg", "half.png", "start.jpg", "start.png", "empty.jpg", "text.jpg", "absent.jpg"],
)
def test_a_damaged_or_missing_file_is_named(tmp_path, name):
    broken_files(tmp_path)
    images = FolderImages(
        [tmp_path / "whole.jpg", tmp_path / name, tmp_path / "absent.png"], [0, 0, 0], 64
    )
    message = refusal(images.read, [0, 1, 2], centre_views(3))
    assert message.startswith(f"{tmp_path / name}: not a readable picture (")
    assert images.read([0], centre_views(1)).shape == (1, 64, 64, 3)  # still works


def test_read_good_returns_readable_pictures_and_names_the_others(tmp_path):
    broken_files(tmp_path)
    names = ["whole.jpg", "half.jpg", "absent.jpg", "whole.png", "half.jpg"]
    images = FolderImages([tmp_path / name for name in names], range(5), 64)
    pictures, good, problems = images.read_good(range(5), centre_views(5))
    assert good.tolist() == [True, False, False, True, False]
    numpy.testing.assert_array_equal(pictures, images.read([0, 3], centre_views(2)))
    assert sorted(problems) == [str(tmp_path / name) for name in ("absent.jpg", "half.jpg")]
    assert all(
        problem.startswith(f"{path}: not a readable picture (")
        for path, problem in problems.items()
    )
    none, good, _ = images.read_good([1, 2], centre_views(2))
    assert (none.shape, good.any()) == ((0, 64, 64, 3), False)
    every, good, problems = images.read_good([0, 3], centre_views(2))
    assert (len(every), good.all(), problems) == (2, True, {})
    assert images.read([], centre_views(0)).shape == (0, 64, 64, 3)


def test_a_decompression_bomb_is_not_opened(tmp_path, monkeypatch):
    save_random_picture(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    message = refusal(read_one, tmp_path / "a.png", 32)
    assert f"{tmp_path / 'a.png'}: " in message
    assert "DecompressionBomb" in message
