"""SVHN's MATLAB files, written by SciPy: good, damaged, and without SciPy."""

import sys

import numpy
import pytest
from data_helpers import random_pictures, refusal
from scipy import io

from minialex.data.published import svhn

X = random_pictures(4, 32, 3)
Y = [10, 1, 9, 10]


def write(folder, compressed=True, **changed):
    """Writes both files, with `changed` in the test file; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, more in (("train", {}), ("test", changed)):
        stored = {"X": X.transpose(1, 2, 3, 0), "y": numpy.array(Y, "u1")[:, None]} | more
        stored = {name: array for name, array in stored.items() if array is not None}
        io.savemat(folder / f"{part}_32x32.mat", stored, do_compression=compressed)
    return folder


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("folder", ["", "svhn", "SVHN"])
def test_pictures_are_put_in_order_and_10_is_the_digit_0(tmp_path, folder, compressed):
    write(tmp_path / folder, compressed)
    dataset = svhn.load(tmp_path)
    for images in (dataset.train, dataset.test):
        numpy.testing.assert_array_equal(images.images, X)
        assert images.labels.tolist() == [0, 1, 9, 0]
    assert (dataset.name, dataset.class_names) == ("svhn", list("0123456789"))


def test_labels_may_be_floating_point(tmp_path):
    """As MATLAB stores numbers of which nobody says how."""
    write(tmp_path, y=numpy.array(Y, float)[:, None])
    assert svhn.load(tmp_path).test.labels.tolist() == [0, 1, 9, 0]


def test_missing_files_are_named(tmp_path):
    write(tmp_path)
    (tmp_path / "test_32x32.mat").unlink()
    said = refusal(svhn.load, tmp_path)
    assert f"no test_32x32.mat in {tmp_path}" in said and "train" not in said


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"y": None}, "expected X (32, 32, 3, N) and y (N, 1), got X (32, 32, 3, 4)"),
        ({"X": None, "y": None, "digitStruct": 1}, "got digitStruct (1, 1)"),
        ({"X": X}, "got X (4, 32, 32, 3), y (4, 1)"),
        ({"y": numpy.ones((3, 1), "u1")}, "y (3, 1)"),
        ({"X": X.transpose(1, 2, 3, 0) / 255}, "expected X of bytes and y of numbers, got float64"),
        ({"y": numpy.array([[0], [1], [2], [3]], "u1")}, "expected labels 1 to 10, got 0"),
        ({"y": numpy.array([[11], [1], [2], [3]], "u1")}, "expected labels 1 to 10, got 11"),
    ],
)
def test_other_files_are_refused(tmp_path, changed, said):
    message = refusal(svhn.load, write(tmp_path, **changed))
    assert said in message
    assert str(tmp_path / "test_32x32.mat") in message


@pytest.mark.parametrize(
    "change", [lambda whole: whole[: len(whole) // 2], lambda whole: b"<html>"]
)
def test_damaged_files_are_refused(tmp_path, change):
    path = write(tmp_path) / "train_32x32.mat"
    path.write_bytes(change(path.read_bytes()))
    assert f"{path}: not a file of SVHN's pictures" in refusal(svhn.load, tmp_path)


def test_no_scipy_is_needed(tmp_path, monkeypatch):
    write(tmp_path)
    monkeypatch.setitem(sys.modules, "scipy", None)
    assert svhn.load(tmp_path).test.labels.tolist() == [0, 1, 9, 0]


@pytest.mark.parametrize("label", [numpy.nan, numpy.inf, 1.5, -1.0])
def test_labels_that_are_no_digits_are_refused(tmp_path, label):
    path = write(tmp_path, y=numpy.array([[label], [1], [2], [3]]))
    assert f"expected labels 1 to 10, got {label:g}" in refusal(svhn.load, path)
