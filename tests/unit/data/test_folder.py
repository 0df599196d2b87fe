"""Folders of pictures: what is found in them, how each picture becomes a square, and pictures that are none."""

import os
import shutil
from pathlib import Path

import numpy
import pytest
from data_helpers import photograph, random_pictures, views
from PIL import Image

from minialex.data import folder, imagenet_classes, listing
from minialex.data.augment import centre_views, random_views, ten_views
from minialex.data.dataset import ArrayImages
from minialex.data.folder import FolderImages
from minialex.data.statistics import standardize_from
from minialex.errors import InputError


def save(path, size=(32, 32), seed=0, **options):
    """Writes a random picture of `size` (width, height); returns its pixels."""
    pixels = numpy.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), dtype=numpy.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return pixels


def read_one(path, image_size, channels=3, **view):
    (x,) = FolderImages([path], [0], image_size, channels).read([0], views(**view))
    return x


def refusal(function, *arguments):
    with pytest.raises(InputError) as caught:
        function(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def pets(tmp_path):
    """Two classes, three pictures to train with and one to test with."""
    for seed, name in enumerate(
        ["train/dog/b.png", "train/dog/a.PNG", "train/cat/c.png", "val/dog/d.png"]
    ):
        save(tmp_path / name, seed=seed)
    return tmp_path


def labels_of(root, class_names):
    """{file: class number} as `classified` finds them."""
    paths, labels = folder.classified(root, class_names)
    return dict(zip((Path(path).name for path in paths), labels.tolist(), strict=True))


def test_classes_that_are_known_already_are_found_by_their_names(pets):
    assert labels_of(pets / "train", ["emu", "dog", "ant", "cat"]) == {
        "c.png": 3,
        "a.PNG": 1,
        "b.png": 1,
    }
    assert labels_of(pets / "train", ["dog", "cat"]) == {"c.png": 1, "a.PNG": 0, "b.png": 0}


def test_as_many_folders_as_classes_are_theirs_in_alphabetical_order(pets):
    assert labels_of(pets / "train", ["class 0", "class 1"]) == {"c.png": 0, "a.PNG": 1, "b.png": 1}
    for names in (["class 0", "class 1", "class 2"], ["class 0", "dog"]):
        said = refusal(folder.classified, pets / "train", names)
        assert f"{pets / 'train'}/cat: expected folders called as classes are" in said


def test_imagenet_s_classes_are_found_by_their_ids(tmp_path):
    for name in ("n12768682_buckeye/c.png", "n01440764/a.png", "n01443537_goldfish/b.png"):
        save(tmp_path / name)
    names = imagenet_classes.names()
    found = {file: names[k] for file, k in labels_of(tmp_path, names).items()}
    assert found == {"a.png": "tench", "b.png": "goldfish", "c.png": "buckeye"}
    save(tmp_path / "goldfish" / "d.png")
    said = refusal(folder.classified, tmp_path, names)
    assert "goldfish: expected folders called as classes are, such as 'n01440764'" in said


def test_class_folders_without_any_picture_are_refused(tmp_path):
    (tmp_path / "cat").mkdir()
    assert "no picture (.jpg" in refusal(folder.classified, tmp_path, ["cat", "dog"])


def test_a_folder_for_each_class_in_alphabetical_order(pets):
    dataset = folder.load(pets)
    assert (dataset.name, dataset.class_names, dataset.channels) == ("folder", ["cat", "dog"], 3)
    assert [Path(path).name for path in dataset.train.paths] == ["c.png", "a.PNG", "b.png"]
    assert dataset.train.labels.tolist() == [0, 1, 1]
    assert dataset.test.labels.tolist() == [1]
    assert dataset.train.labels.dtype == dataset.test.labels.dtype == numpy.int64


def test_the_pictures_of_a_class_are_in_alphabetical_order(tmp_path):
    names = [f"{i}.png" for i in range(30)]
    for name in names:
        save(tmp_path / "train/cat" / name)
        save(tmp_path / "val/cat" / name)
    dataset = folder.load(tmp_path)
    for images in (dataset.train, dataset.test):
        assert [Path(path).name for path in images.paths] == sorted(names)


def test_hidden_files_other_files_and_deeper_folders_are_left_out(pets):
    for name in (".x.png", "._a.png", "deeper/x.png"):
        save(pets / "train/cat" / name)
    save(pets / "train/.cache/x.png")
    (pets / "train/cat/notes.txt").write_text("not a picture")
    (pets / "train/readme.md").write_text("not a class")
    dataset = folder.load(pets)
    assert len(dataset.train) == 3
    assert dataset.num_classes == 2


@pytest.mark.parametrize(
    "name", ["a.jpg", "a.JPEG", "a.bmp", "a.webp", "a.gif", "a.ppm", "a.tif", "a.TIFF"]
)
def test_many_formats_are_found_and_read(pets, name):
    save(pets / "train/cat" / name)
    dataset = folder.load(pets)
    assert len(dataset.train) == 4
    assert dataset.train.read(range(4), centre_views(4)).shape == (4, 32, 32, 3)


def test_the_test_pictures_may_be_in_test_instead_of_val(pets):
    (pets / "val").rename(pets / "test")
    assert len(folder.load(pets).test) == 1


@pytest.mark.parametrize(
    ("gone", "made", "said"),
    [
        ("train", None, "no folder train in"),
        ("val", None, "no folder val or test in"),
        ("train/cat", "train/cat", "no picture"),
        ("val/dog", "val/dog", "no picture"),
        ("train/dog", None, "has classes that"),
    ],
)
def test_what_is_missing_is_said_with_the_folder(pets, gone, made, said):
    shutil.rmtree(pets / gone)
    if made:
        (pets / made).mkdir()
    message = refusal(folder.load, pets)
    assert said in message
    assert str(pets) in message


def test_the_layout_is_explained(tmp_path):
    save(tmp_path / "cat/a.png")  # classes, but no train/ above them
    assert f"expected {tmp_path}/train/CLASS/*.jpg and {tmp_path}/val/CLASS/*.jpg" in refusal(
        folder.load, tmp_path
    )
    (tmp_path / "train").mkdir()
    (tmp_path / "val").mkdir()
    assert "no class folder" in refusal(folder.load, tmp_path)


@pytest.mark.parametrize(
    ("size", "expected"), [((32, 32), 32), ((90, 64), 64), ((65, 65), 224), ((500, 300), 224)]
)
def test_the_image_size_follows_from_the_first_picture(pets, size, expected):
    save(pets / "train/cat/a.png", size)
    dataset = folder.load(pets)
    assert dataset.train.image_size == dataset.test.image_size == expected
    assert folder.load(pets, image_size=48).train.image_size == 48


def test_pictures_as_small_as_their_crop_are_treated_like_arrays(tmp_path):
    pixels = numpy.stack([save(tmp_path / f"{i}.png", seed=i) for i in range(20)])
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


def test_the_room_for_crops_grows_with_the_image_size(tmp_path):
    pixels = numpy.repeat(numpy.arange(144, dtype=numpy.uint8)[:, None], 144, axis=1)
    Image.fromarray(pixels).save(tmp_path / "a.png")  # its rows are numbered
    # To 64: resized to 72 = 64 * 256/227, so half of 144. 64 of 72 rows, each the mean of two of the file.
    assert abs(int(read_one(tmp_path / "a.png", 64, top=0.0)[10, 0, 0]) - 20.5) <= 1
    assert abs(int(read_one(tmp_path / "a.png", 64, top=0.999)[10, 0, 0]) - 36.5) <= 1


def test_mirrored_photographs(tmp_path):
    Image.fromarray(photograph(450, 300)).save(tmp_path / "a.png")
    plain, mirrored = (
        read_one(tmp_path / "a.png", 96, top=0.1, left=0.8, mirror=mirror)
        for mirror in (False, True)
    )
    numpy.testing.assert_array_equal(mirrored, plain[:, ::-1])


def test_the_ten_views_are_the_papers_crops_of_256(tmp_path):
    """Section 4.1: four corners and the centre, and these mirrored."""
    Image.fromarray(photograph(384, 256)).save(tmp_path / "a.png")
    images = FolderImages([tmp_path / "a.png"], [0], 227)
    got = images.read(numpy.zeros(10, int), ten_views(1)).astype(int)
    whole = photograph(384, 256)
    for i, (top, left) in enumerate([(0, 0), (0, 157), (29, 0), (29, 157), (15, 79)]):
        expected = whole[top : top + 227, left : left + 227]
        assert numpy.abs(got[i] - expected).max() <= 1, i
        assert numpy.abs(got[5 + i] - expected[:, ::-1]).max() <= 1, i


def test_views_of_one_picture_in_a_row_are_what_each_is_alone(tmp_path):
    for i in range(3):
        Image.fromarray(photograph(300 + i, 280)).save(tmp_path / f"{i}.jpg")
    images = FolderImages([tmp_path / f"{i}.jpg" for i in range(3)], range(3), 64)
    order = numpy.array([1, 1, 1, 0, 2, 2, 1, 0, 0])
    drawn = random_views(9, numpy.random.default_rng(0), rotation=True)
    together = images.read(order, drawn)
    alone = [images.read([i], drawn[k : k + 1])[0] for k, i in enumerate(order)]
    numpy.testing.assert_array_equal(together, alone)


def test_the_ten_views_of_a_picture_take_one_decoding(tmp_path, monkeypatch):
    save(tmp_path / "a.png", (300, 300))
    opened, open_picture = [], Image.open
    monkeypatch.setattr(
        Image, "open", lambda path, *more: opened.append(path) or open_picture(path, *more)
    )
    FolderImages([tmp_path / "a.png"] * 2, [0, 0], 227).read(numpy.repeat([0, 1], 10), ten_views(2))
    assert len(opened) == 2


@pytest.mark.parametrize(("size", "crop"), [((300, 200), 64), ((64, 64), 64), ((90, 64), 64)])
@pytest.mark.parametrize("angle", [-10, 10])
def test_pictures_are_turned_counterclockwise_about_their_middle(tmp_path, size, crop, angle):
    """A bright bar through the middle, upright, leans to the left when turned counterclockwise."""
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


def test_what_turns_in_from_outside_is_grey(tmp_path):
    Image.new("RGB", (256, 256), "white").save(tmp_path / "a.png")
    turned = read_one(tmp_path / "a.png", 227, top=0, left=0, angle=10)
    assert turned[0, 0].tolist() == [128] * 3
    assert (turned[128, 128] == 255).all()
    assert (read_one(tmp_path / "a.png", 227, top=0, left=0) == 255).all()


def test_long_strips_are_not_turned(tmp_path):
    """Two pixels high, it would be 8 million pixels long when its shorter side is 256."""
    save(tmp_path / "a.png", (65_000, 2))
    plain, turned = (read_one(tmp_path / "a.png", 227, angle=angle) for angle in (None, 5))
    numpy.testing.assert_array_equal(turned, plain)


def test_a_mirrored_turned_picture_is_the_mirror_image_of_the_turned_one(tmp_path):
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
        picture.save(tmp_path / "a.png")  # which cannot be decoded at a fraction of its size
    difference = read_one(tmp_path / "a.jpg", 64, top=0.3).astype(int) - read_one(
        tmp_path / "a.png", 64, top=0.3
    )
    assert numpy.abs(difference).mean() < 4  # from a decoded size that is too small: 12


# What a camera did to the picture, so that each EXIF orientation puts it right.
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
def test_pictures_of_any_size_fit(tmp_path, size, place):
    save(tmp_path / "a.png", size)
    assert read_one(tmp_path / "a.png", 32, top=place, left=place).shape == (32, 32, 3)


def test_pictures_come_in_the_order_asked_for(tmp_path):
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
    numpy.testing.assert_allclose(
        standardize_from(images, limit=2).std, [19.5, 39, 58.5]
    )  # the first and the last


def broken_files(tmp_path):
    save(tmp_path / "whole.jpg", (200, 200))
    save(tmp_path / "whole.png", (200, 200))
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
def test_a_file_that_is_no_whole_picture_is_named(tmp_path, name):
    broken_files(tmp_path)
    images = FolderImages(
        [tmp_path / "whole.jpg", tmp_path / name, tmp_path / "absent.png"], [0, 0, 0], 64
    )
    message = refusal(images.read, [0, 1, 2], centre_views(3))
    assert message.startswith(f"{tmp_path / name}: not a picture that can be read (")
    numpy.testing.assert_array_equal(
        images.read([0], centre_views(1)).shape, (1, 64, 64, 3)
    )  # and on it goes


def test_what_can_be_read_is_read_and_the_rest_is_named(tmp_path):
    broken_files(tmp_path)
    names = ["whole.jpg", "half.jpg", "absent.jpg", "whole.png", "half.jpg"]
    images = FolderImages([tmp_path / name for name in names], range(5), 64)
    pictures, good, problems = images.read_good(range(5), centre_views(5))
    assert good.tolist() == [True, False, False, True, False]
    numpy.testing.assert_array_equal(pictures, images.read([0, 3], centre_views(2)))
    assert sorted(problems) == [str(tmp_path / name) for name in ("absent.jpg", "half.jpg")]
    assert all(
        problem.startswith(f"{path}: not a picture that can be read (")
        for path, problem in problems.items()
    )
    none, good, _ = images.read_good([1, 2], centre_views(2))
    assert (none.shape, good.any()) == ((0, 64, 64, 3), False)
    every, good, problems = images.read_good([0, 3], centre_views(2))
    assert (len(every), good.all(), problems) == (2, True, {})
    assert images.read([], centre_views(0)).shape == (0, 64, 64, 3)


def test_the_image_size_follows_from_the_first_picture_that_can_be_read(pets):
    save(pets / "train/dog/b.png", (40, 50))
    (pets / "train/cat/c.png").write_bytes(b"")
    (pets / "train/dog/a.PNG").write_bytes(b"")
    assert folder.load(pets).train.image_size == 40
    (pets / "train/dog/b.png").write_bytes(b"")
    assert f"{pets / 'train/cat/c.png'}: not a picture" in refusal(folder.load, pets)


def test_a_folder_that_has_changed_is_listed_anew(pets, monkeypatch):
    monkeypatch.setattr(listing, "SETTLED", 0)
    folder.load(pets)
    save(pets / "train/dog/new.png")
    dataset = folder.load(pets)
    assert [Path(path).name for path in dataset.train.paths] == [
        "c.png",
        "a.PNG",
        "b.png",
        "new.png",
    ]
    assert dataset.train.labels.tolist() == [0, 1, 1, 1]


def test_a_decompression_bomb_is_not_opened(tmp_path, monkeypatch):
    save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    message = refusal(read_one, tmp_path / "a.png", 32)
    assert f"{tmp_path / 'a.png'}: " in message
    assert "DecompressionBomb" in message


@pytest.mark.skipif(
    "MINIALEX_DATA" not in os.environ, reason="MINIALEX_DATA names no folder with cifar10-images"
)
def test_a_real_folder_of_pictures():
    dataset = folder.load(Path(os.environ["MINIALEX_DATA"]) / "cifar10-images")
    assert (
        len(dataset.train),
        len(dataset.test),
        dataset.num_classes,
        dataset.train.image_size,
    ) == (50000, 10000, 10, 32)
    chosen = numpy.arange(0, 50000, 1000)
    x = dataset.train.read(chosen, centre_views(50))
    for picture, i in zip(x, chosen, strict=True):
        with Image.open(dataset.train.paths[i]) as expected:
            numpy.testing.assert_array_equal(picture, numpy.asarray(expected))
