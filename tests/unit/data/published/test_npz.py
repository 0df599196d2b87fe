"""Pictures and labels in somebody's .npz file, under the names that such files have."""

import io
import os
import struct
import zipfile

import numpy
import pytest
from data_helpers import needs_pipes, random_pictures, refusal

from minialex import available_memory, data
from minialex.data.published import npz

X, TEST = random_pictures(40, 8, 1, 0)[..., 0], random_pictures(6, 8, 1, 1)[..., 0]
Y, TEST_Y = numpy.arange(40, dtype="u1") % 4, numpy.arange(6, dtype="u1") % 4


@pytest.fixture
def save(tmp_path):
    """save(**arrays): the path of a .npz file with them."""

    def write(**arrays):
        numpy.savez(tmp_path / "some.npz", **arrays)
        return tmp_path / "some.npz"

    return write


@pytest.mark.parametrize(
    ("names", "test_names"),
    [
        (("x_train", "y_train"), ("x_test", "y_test")),  # Keras
        (("X_train", "y_train"), ("X_test", "y_test")),
        (("train_images", "train_labels"), ("test_images", "test_labels")),  # MedMNIST
        (("train_images", "train_labels"), ("val_images", "val_labels")),
        (("x_train", "y_train"), ("x_val", "y_val")),
    ],
)
def test_training_and_test_pictures_are_taken_as_they_are(save, names, test_names):
    path = save(**dict(zip((*names, *test_names), (X, Y, TEST, TEST_Y), strict=True)))
    dataset = data.load("npz", path)
    numpy.testing.assert_array_equal(dataset.train.images[..., 0], X)
    numpy.testing.assert_array_equal(dataset.test.images[..., 0], TEST)
    assert dataset.train.labels.tolist() == Y.tolist()
    assert dataset.test.labels.tolist() == TEST_Y.tolist()
    assert (dataset.name, dataset.class_names) == ("npz", ["0", "1", "2", "3"])


def test_of_medmnist_s_three_parts_the_test_part_tests(save):
    """Its labels are (N, 1)."""
    parts = {"train": (X, Y), "val": (X[:3], Y[:3]), "test": (TEST, TEST_Y)}
    arrays = {f"{name}_images": x for name, (x, _) in parts.items()}
    arrays |= {f"{name}_labels": y[:, None] for name, (_, y) in parts.items()}
    dataset = data.load("npz", save(**arrays))
    numpy.testing.assert_array_equal(dataset.test.images[..., 0], TEST)
    assert dataset.train.labels.tolist() == Y.tolist()


@pytest.mark.parametrize(
    "names",
    [
        *(("x", "y"), ("X", "y"), ("images", "labels"), ("arr_0", "arr_1")),
        *(("x_train", "y_train"), ("train_images", "train_labels")),
    ],
)
def test_without_test_pictures_a_tenth_of_each_class_is_held_out(save, names):
    path = save(**dict(zip(names, (X, Y), strict=True)))
    dataset = data.load("npz", path, seed=1)
    assert numpy.bincount(dataset.test.labels).tolist() == [1, 1, 1, 1]
    assert numpy.bincount(dataset.train.labels).tolist() == [9, 9, 9, 9]
    place = {picture.tobytes(): i for i, picture in enumerate(X)}
    held = [place[picture.tobytes()] for picture in dataset.test.images]
    kept = [place[picture.tobytes()] for picture in dataset.train.images]
    assert sorted(held + kept) == list(range(40))
    assert [Y[i] for i in held] == dataset.test.labels.tolist()
    again, other = (data.load("npz", path, seed=seed).test.images for seed in (1, 2))
    numpy.testing.assert_array_equal(again, dataset.test.images)
    assert (other != again).any()


def test_a_share_takes_the_place_of_the_test_pictures(save):
    path = save(x_train=X, y_train=Y, x_test=X[:3] // 2, y_test=Y[:3])
    dataset = data.load("npz", path, val_share=0.2)
    assert (len(dataset.train), len(dataset.test), dataset.val_share) == (32, 8, 0.2)
    known = {picture.tobytes() for picture in X}
    assert known >= {picture.tobytes() for picture in dataset.test.images}


def test_pictures_of_other_numbers_are_scaled_as_the_training_pictures(save):
    path = save(x_train=X / 255 - 0.5, y_train=Y, x_test=TEST / 255 - 0.5, y_test=TEST_Y)
    dataset = data.load("npz", path)
    low, high = (X / 255 - 0.5).min(), (X / 255 - 0.5).max()
    assert dataset.pixel_range == (low, high)
    numpy.testing.assert_allclose(dataset.train.images[..., 0], X, atol=1)


def test_labels_may_be_names_and_classes_may_have_some(save):
    names = numpy.array(["cat", "dog", "cat", "emu"])
    dataset = data.load("npz", save(x=X[:8], y=numpy.tile(names, 2)))
    assert dataset.class_names == ["cat", "dog", "emu"]
    words = ["a", "b", "c", "d"]
    assert data.load("npz", save(x=X, y=Y, class_names=words)).class_names == words


def test_size_and_padding_are_passed_on(save):
    dataset = data.load("npz", save(x=X, y=Y), image_size=12, crop_padding=1)
    assert (dataset.test.image_size, dataset.train.padding) == (12, 1)


@pytest.mark.parametrize(
    "arrays",
    [
        dict(x=TEST, y=TEST_Y),
        dict(x_test=TEST, y_test=TEST_Y),
        dict(x_train=X, y_train=Y, x_test=TEST, y_test=TEST_Y[:, None]),
        dict(x=TEST, y=numpy.array(["a", "b", "c", "d", "a", "b"])),
        dict(x=TEST, y=[3, 1, 0, 2, 3, 1], class_names=["c", "b", "d", "a"]),
    ],
)
def test_a_network_that_has_not_seen_the_file_is_tested_on_all_or_on_its_test_part(save, arrays):
    dataset = npz.load_to_test(save(**arrays), ["a", "b", "c", "d", "e"], 12)
    assert dataset.train is None
    numpy.testing.assert_array_equal(dataset.test.images[..., 0], TEST)
    assert dataset.test.labels.tolist() == [0, 1, 2, 3, 0, 1]
    assert dataset.test.image_size == 12


def test_its_pixels_are_scaled_as_those_of_training_were(save):
    path = save(x=TEST / 510, y=TEST_Y)
    pixels = npz.load_to_test(path, list("abcd"), 8, (0.0, 1.0)).test.images[..., 0]
    numpy.testing.assert_allclose(pixels, TEST / 2, atol=1)
    for classes, said in (("abc", "expected labels from 0 to 2"), ("abcd", "pixels from 0 to 255")):
        assert said in refusal(npz.load_to_test, path, list(classes), 8)
    assert "not one of the classes" in refusal(
        npz.load_to_test, save(x=TEST, y=["a"] * 5 + ["z"]), list("abc"), 8
    )


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        (
            dict(a=X, b=Y),
            "expected arrays x_train, y_train, x_test and y_test, or x and y, got a, b",
        ),
        (dict(x=X), "got x"),
        (dict(x=X, y=numpy.array([{}] * 40)), "objects that are pickles, which are never loaded"),
        (dict(x=X[:5], y=Y), "expected 5 labels, one per picture, got 40"),
        (dict(x=X[:, :7], y=Y), "expected square pictures (N, S, S, C) with C = 1 or 3"),
        (dict(x=X, y=numpy.eye(4)[Y]), "expected labels (N,), got (40, 4)"),
        (dict(x=X, y=Y, class_names=["a"]), "expected labels from 0 to 0, got 0 to 3"),
        (dict(x=X[:2], y=Y[:2]), "expected a class with two pictures at least"),
        (dict(x_train=X, y_train=Y, x_test=TEST, y_test=TEST_Y + 1), "expected labels from 0 to 3"),
    ],
)
def test_other_arrays_are_refused(save, arrays, said):
    path = save(**arrays)
    message = refusal(npz.load, path)
    assert said in message and str(path) in message


@pytest.mark.parametrize("content", [b"", b"<html>", b"PK\3\4" + bytes(100), b"\x93NUMPY\1\0v\0"])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "some.npz"
    path.write_bytes(content)
    assert f"{path}: not a readable .npz file" in refusal(npz.load, path)


def test_a_truncated_file_is_refused(save):
    path = save(x=X, y=Y)
    path.write_bytes(path.read_bytes()[:-30])
    assert f"{path}: not a readable .npz file" in refusal(npz.load, path)


def npy(shape, kind="|u1", content=bytes(64)):
    """A .npy file whose header says so."""
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header = header.ljust(117) + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + content


def pack(path, **members):
    """An archive of these members and labels, compressed."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_npy", ".npy"), content)
        if "y_npy" not in members:
            small = io.BytesIO()
            numpy.save(small, Y)
            archive.writestr("y.npy", small.getvalue())
    return path


def test_an_array_that_claims_more_than_memory_holds_is_refused(tmp_path):
    path = pack(tmp_path / "some.npz", x_npy=npy((10**15, 8, 8)))
    assert str(path) in refusal(npz.load, path)


def test_what_unpacks_to_more_than_the_memory_is_refused(tmp_path, monkeypatch):
    bomb = npy((40, 500, 500), content=bytes(10_000_000))
    path = pack(tmp_path / "some.npz", x_npy=bomb)
    assert path.stat().st_size < 20_000
    monkeypatch.setattr(available_memory, "available_memory", lambda: 5_000_000)
    said = "more than fits in memory (it announces 10 MB, more than the 5 MB of memory that are"
    assert said in refusal(npz.load, path)


@pytest.mark.parametrize(
    "members",
    [
        dict(x=b"no array"),
        dict(x_npy=b"no array"),
        dict(x_npy=npy((40, 2, 2), content=bytes(160)), class_names_npy=b"cat"),
        dict(y_npy=npy((1 << 40,), "<U0"), x_npy=npy((1 << 40, 2, 2), "|V0")),
        dict(x_npy=npy(()), y_npy=npy(())),
    ],
)
@pytest.mark.parametrize("read", [npz.load, lambda path: npz.load_to_test(path, ["cat"], 8)])
def test_members_that_are_no_pictures_or_labels_are_refused(tmp_path, members, read):
    path = pack(tmp_path / "some.npz", **members)
    assert str(path) in refusal(read, path)


@needs_pipes
def test_a_folder_or_a_missing_file_is_said(tmp_path):
    assert f"got the folder {tmp_path}" in refusal(npz.load, tmp_path)
    assert f"got no file {tmp_path / 'no.npz'}" in refusal(npz.load, tmp_path / "no.npz")
    os.mkfifo(tmp_path / "x.npz")
    assert f"got the pipe or device {tmp_path / 'x.npz'}" in refusal(npz.load, tmp_path / "x.npz")
