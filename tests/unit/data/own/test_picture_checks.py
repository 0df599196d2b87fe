"""What is odd about pictures is named: few of a class, the same twice, single colours."""

import shutil

import pytest
from data_helpers import save_random_picture
from PIL import Image

from minialex.data import shapes
from minialex.data.own import folder, picture_checks


@pytest.fixture
def pets(tmp_path):
    """Two classes with five training pictures and two test pictures each, all different."""
    for k, name in enumerate(["cat", "dog"]):
        for i in range(7):
            split = "train" if i < 5 else "val"
            save_random_picture(tmp_path / split / name / f"{i}.png", (8, 8), seed=10 * k + i)
    return tmp_path


def notes(root):
    return picture_checks.notes(folder.load(root))


def test_good_pictures_need_no_note(pets):
    assert notes(pets) == []
    assert picture_checks.notes(shapes.load(train_size=10, test_size=10)) == []


def test_classes_with_few_pictures_are_named(pets):
    (pets / "train/dog/0.png").unlink()
    for name in "abcdefg":
        save_random_picture(pets / "train" / name / "x.png", seed=ord(name))
    few, untested = notes(pets)
    assert few == ("fewer than 5 training pictures: a (1), b (1), c (1), d (1), dog (4) and 3 more")
    assert untested == "no test picture: a, b, c, d, e and 2 more"


def test_test_pictures_that_are_training_pictures_are_named(pets):
    shutil.copy(pets / "train/dog/1.png", pets / "val/cat/copy.png")
    assert notes(pets) == [
        f"1 test picture is a training picture, too: {pets}/val/cat/copy.png is "
        f"{pets}/train/dog/1.png"
    ]
    shutil.copy(pets / "train/cat/2.png", pets / "val/dog/copy.png")
    assert notes(pets)[0].startswith("2 test pictures are training pictures, too: ")


def test_pictures_of_the_same_size_are_not_the_same(pets):
    for seed, name in enumerate(("train/cat/a.bmp", "val/cat/a.bmp", "val/dog/a.bmp")):
        save_random_picture(pets / name, (64, 64), seed=seed)  # all have 12,342 bytes
    assert notes(pets) == []
    # The same last 4,096 bytes are not enough either.
    content = bytearray((pets / "train/cat/a.bmp").read_bytes())
    content[100] ^= 1
    (pets / "val/dog/a.bmp").write_bytes(content)
    assert notes(pets) == []


def test_work_is_bounded(pets, monkeypatch):
    monkeypatch.setattr(picture_checks, "CONTENTS", 3)
    for i in range(5):
        shutil.copy(pets / "train/dog/1.png", pets / "train/dog" / f"copy{i}.png")
        shutil.copy(pets / "train/dog/1.png", pets / "val/dog" / f"copy{i}.png")
    save_random_picture(pets / "train/cat/large.png", (32, 32))
    shutil.copy(pets / "train/cat/large.png", pets / "val/dog/other.png")
    said = notes(pets)[0]
    assert said.startswith("1 test picture or more is a training picture, too: ")
    assert "val/dog/other.png" in said


@pytest.mark.parametrize("colour", ["black", "white", "#336699"])
def test_pictures_of_a_single_colour_are_named(pets, colour):
    Image.new("RGB", (20, 20), colour).save(pets / "train/cat/0.png")
    Image.new("RGB", (20, 20), colour).save(pets / "train/cat/1.jpg")
    Image.effect_noise((20, 20), 2).save(pets / "train/cat/noise.png")  # nearly one, but not
    assert notes(pets) == [
        "2 of 12 training pictures looked at are of a single colour each, such as "
        f"{pets}/train/cat/0.png"
    ]


def test_files_that_cannot_be_read_are_for_others_to_name(pets):
    (pets / "train/cat/0.png").write_bytes(b"")
    (pets / "val/cat/5.png").write_bytes(b"")
    (pets / "train/dog/gone.png").symlink_to(pets / "nowhere.png")
    assert notes(pets) == [
        f"1 test picture is a training picture, too: {pets}/val/cat/5.png is {pets}/train/cat/0.png"
    ]
