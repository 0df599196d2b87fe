"""Folders of pictures: which classes and files are found, and layouts that are refused."""

import os
import shutil
from pathlib import Path

import numpy
import pytest
from data_helpers import needs_pipes, refusal, save_random_picture
from PIL import Image

from minialex import data
from minialex.data import imagenet_classes
from minialex.data.augment import centre_views
from minialex.data.own import folder, listing


@pytest.fixture
def pets(tmp_path):
    """Two classes, three training pictures and one test picture."""
    for seed, name in enumerate(
        ["train/dog/b.png", "train/dog/a.PNG", "train/cat/c.png", "val/dog/d.png"]
    ):
        save_random_picture(tmp_path / name, seed=seed)
    return tmp_path


def labels_of(root, class_names):
    """{file: class number} from labelled_files."""
    none, (paths, labels) = folder.labelled_files(root, class_names)
    assert none is None
    return dict(zip((Path(path).name for path in paths), labels.tolist(), strict=True))


def test_known_classes_are_found_by_their_names(pets):
    assert labels_of(pets / "train", ["emu", "dog", "ant", "cat"]) == {
        "c.png": 3,
        "a.PNG": 1,
        "b.png": 1,
    }
    assert labels_of(pets / "train", ["dog", "cat"]) == {"c.png": 1, "a.PNG": 0, "b.png": 0}


def test_as_many_folders_as_classes_match_in_alphabetical_order(pets):
    assert labels_of(pets / "train", ["class 0", "class 1"]) == {"c.png": 0, "a.PNG": 1, "b.png": 1}
    for names in (["class 0", "class 1", "class 2"], ["class 0", "dog"]):
        said = refusal(folder.labelled_files, pets / "train", names)
        assert f"{pets / 'train'} has a class 'cat', which is none of the network's" in said
        assert f"expected names such as {names[0]!r}" in said


def test_imagenet_classes_are_found_by_their_ids(tmp_path):
    for name in ("n12768682_buckeye/c.png", "n01440764/a.png", "n01443537_goldfish/b.png"):
        save_random_picture(tmp_path / name)
    names = imagenet_classes.names()
    found = {file: names[k] for file, k in labels_of(tmp_path, names).items()}
    assert found == {"a.png": "tench", "b.png": "goldfish", "c.png": "buckeye"}
    save_random_picture(tmp_path / "great white shark" / "d.png")  # also by their names
    assert labels_of(tmp_path, names)["d.png"] == names.index("great white shark")
    save_random_picture(tmp_path / "n99999999" / "d.png")
    said = refusal(folder.labelled_files, tmp_path, names)
    assert "a class 'n99999999', which is none of the network's: expected names such as " in said
    assert said.endswith("'n01440764'")


def test_class_folders_without_pictures_are_refused(tmp_path):
    (tmp_path / "cat").mkdir()
    assert "no picture (.jpg" in refusal(folder.labelled_files, tmp_path, ["cat", "dog"])


def test_classes_are_the_folders_in_alphabetical_order(pets):
    dataset = folder.load(pets)
    assert (dataset.name, dataset.class_names, dataset.channels) == ("folder", ["cat", "dog"], 3)
    assert [Path(path).name for path in dataset.train.paths] == ["c.png", "a.PNG", "b.png"]
    assert dataset.train.labels.tolist() == [0, 1, 1]
    assert dataset.test.labels.tolist() == [1]
    assert dataset.train.labels.dtype == dataset.test.labels.dtype == numpy.int64


def test_the_pictures_of_a_class_are_in_alphabetical_order(tmp_path):
    names = [f"{i}.png" for i in range(30)]
    for name in names:
        save_random_picture(tmp_path / "train/cat" / name)
        save_random_picture(tmp_path / "val/cat" / name)
    save_random_picture(tmp_path / "train/dog/1.png")
    dataset = folder.load(tmp_path)
    for images in (dataset.train, dataset.test):
        assert [Path(path).name for path in images.paths[:30]] == sorted(names)


def test_hidden_files_and_other_files_are_left_out(pets):
    for name in (".x.png", "._a.png", ".deeper/x.png"):
        save_random_picture(pets / "train/cat" / name)
    save_random_picture(pets / "train/.cache/x.png")
    (pets / "train/cat/notes.txt").write_text("not a picture")
    (pets / "train/readme.md").write_text("not a class")
    dataset = folder.load(pets)
    assert len(dataset.train) == 3
    assert dataset.num_classes == 2
    assert dataset.notes == [
        "3 training pictures of 2 classes in train/, 1 test picture in val/",
        "2 files left out: 1 .md, 1 .txt",
    ]


def test_pictures_in_deeper_folders_are_found(pets):
    save_random_picture(pets / "train/cat/2019/may/x.png")
    dataset = folder.load(pets)
    assert Path(dataset.train.paths[0]) == pets / "train/cat/2019/may/x.png"
    assert dataset.train.labels.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("extension", [*listing.EXTENSIONS, ".JPEG", ".TIFF"])
def test_many_file_formats_are_found_and_read(pets, extension):
    save_random_picture(pets / "train/cat" / f"a{extension}")
    dataset = folder.load(pets)
    assert len(dataset.train) == 4
    assert dataset.train.read(range(4), centre_views(4)).shape == (4, 32, 32, 3)


def test_where_pillow_cannot_read_avif_it_is_left_out_and_told(pets, monkeypatch):
    without = tuple(kind for kind in listing.EXTENSIONS if kind != ".avif")
    monkeypatch.setattr(listing, "EXTENSIONS", without)
    (pets / "train/cat/x.AVIF").touch()
    assert folder.load(pets).notes[1] == (
        "1 file left out: 1 .avif, which Pillow 11.3 and later read"
    )


def test_the_test_pictures_may_be_in_test_instead_of_val(pets):
    (pets / "val").rename(pets / "test")
    assert len(folder.load(pets).test) == 1


@pytest.mark.parametrize(
    ("gone", "made", "said"),
    [
        ("train", None, "no pictures to train on in"),
        ("train/cat", "train/cat", "no picture"),
        ("val/dog", "val/dog", "no picture"),
        ("train/dog", "train/bird", "no picture"),
    ],
)
def test_missing_folders_and_pictures_are_named(pets, gone, made, said):
    shutil.rmtree(pets / gone)
    if made:
        (pets / made).mkdir()
    message = refusal(folder.load, pets)
    assert said in message
    assert str(pets) in message


def test_errors_explain_the_layout(tmp_path):
    layout = f"expected {tmp_path}/train/CLASS/*.jpg and {tmp_path}/val/CLASS/*.jpg, or "
    assert f"no class folder and no picture in {tmp_path}: {layout}" in refusal(
        folder.load, tmp_path
    )
    (tmp_path / "pets.tar.gz").touch()
    (tmp_path / "b.GZ").touch()
    assert f"no picture in {tmp_path}, only files: 2 .gz: {layout}" in refusal(
        folder.load, tmp_path
    )
    assert refusal(folder.load, tmp_path / "b.GZ") == (
        f"{tmp_path}/b.GZ: unpack it, and name the folder"
    )
    save_random_picture(tmp_path / "a.png")
    assert "1 picture in" in (said := refusal(folder.load, tmp_path))
    assert "no class folders, and no file with ImageNet's labels" in said


@pytest.mark.parametrize(
    ("size", "expected"), [((32, 32), 32), ((90, 64), 64), ((65, 65), 224), ((500, 300), 224)]
)
def test_the_default_image_size_is_that_of_the_first_picture_or_224(pets, size, expected):
    save_random_picture(pets / "train/cat/a.png", size)
    dataset = folder.load(pets)
    assert dataset.train.image_size == dataset.test.image_size == expected
    assert folder.load(pets, image_size=48).train.image_size == 48


def test_unreadable_pictures_do_not_count_for_the_default_image_size(pets):
    save_random_picture(pets / "train/dog/b.png", (40, 50))
    (pets / "train/cat/c.png").write_bytes(b"")
    (pets / "train/dog/a.PNG").write_bytes(b"")
    assert folder.load(pets).train.image_size == 40
    (pets / "train/dog/b.png").write_bytes(b"")
    assert f"{pets / 'train/cat/c.png'}: not a readable picture" in refusal(folder.load, pets)


def test_a_changed_folder_is_listed_again(pets, monkeypatch):
    monkeypatch.setattr(listing, "SETTLED", 0)
    folder.load(pets)
    save_random_picture(pets / "train/dog/new.png")
    dataset = folder.load(pets)
    assert [Path(path).name for path in dataset.train.paths] == [
        "c.png",
        "a.PNG",
        "b.png",
        "new.png",
    ]
    assert dataset.train.labels.tolist() == [0, 1, 1, 1]


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


@needs_pipes
@pytest.mark.parametrize("name", ["x.csv", "x.tar", "x.parquet", "x.jsonl", "x"])
def test_a_pipe_is_not_waited_for(tmp_path, name):
    os.mkfifo(tmp_path / name)
    said = f"{tmp_path / name} is a pipe or a device, expected a folder or a file"
    assert refusal(data.load, "folder", tmp_path / name) == said
