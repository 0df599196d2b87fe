"""CIFAR-10.1: a set to test with, in NumPy's files."""

import hashlib

import numpy
import pytest
from data_helpers import random_pictures, refusal, web_server

from minialex import data
from minialex.data.published import cifar10_1, cifar_classes


def write(folder, version="v6", n=3, **changed):
    """Writes n pictures and labels; changed: other `images` or `labels`."""
    folder.mkdir(parents=True, exist_ok=True)
    images, labels = random_pictures(n, 32, 3, n), numpy.arange(n, dtype=numpy.int32)
    numpy.save(folder / f"cifar10.1_{version}_data.npy", changed.get("images", images))
    numpy.save(folder / f"cifar10.1_{version}_labels.npy", changed.get("labels", labels))
    return folder


@pytest.mark.parametrize("folder", ["", "datasets", "cifar10.1"])
def test_there_are_test_pictures_only(tmp_path, folder):
    write(tmp_path / folder)
    dataset = data.load("cifar10.1", tmp_path)
    assert dataset.train is None
    numpy.testing.assert_array_equal(dataset.test.images, random_pictures(3, 32, 3, 3))
    assert dataset.test.labels.tolist() == [0, 1, 2]
    assert dataset.class_names == list(cifar_classes.CIFAR10)
    assert (dataset.channels, dataset.num_classes) == (3, 10)


def test_version_6_comes_before_version_4(tmp_path):
    write(tmp_path, "v4", 5)
    assert len(data.load("cifar10.1", tmp_path).test) == 5
    write(tmp_path / "datasets", "v6", 2)
    assert len(data.load("cifar10.1", tmp_path).test) == 2


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (dict(images=random_pictures(3, 31)), "expected pictures uint8 (N, 32, 32, 3), got uint8"),
        (dict(images=numpy.zeros((3, 32, 32, 3))), "got float64 (3, 32, 32, 3)"),
        (dict(labels=numpy.zeros(4, int)), "expected 3 labels"),
        (dict(labels=numpy.zeros(3)), "expected 3 labels"),
        (dict(labels=numpy.array([0, 1, 10])), "expected labels 0 to 9, got 10"),
        (dict(labels=numpy.array([0, 1, -1])), "expected labels 0 to 9, got -1"),
        (dict(labels=numpy.array([None] * 3)), "objects that are pickles, which are never loaded"),
    ],
)
def test_other_arrays_are_refused(tmp_path, changed, said):
    assert said in refusal(cifar10_1.load, write(tmp_path, **changed))


@pytest.mark.parametrize("damage", [lambda whole: whole[:-1], lambda whole: b"<html>"])
def test_damaged_files_are_refused(tmp_path, damage):
    path = write(tmp_path) / "cifar10.1_v6_data.npy"
    path.write_bytes(damage(path.read_bytes()))
    assert f"{path}: not a readable .npy file" in refusal(cifar10_1.load, tmp_path)


def test_missing_files_are_named(tmp_path):
    write(tmp_path)
    (tmp_path / "cifar10.1_v6_labels.npy").unlink()
    assert f"in {tmp_path}" in refusal(cifar10_1.load, tmp_path)


def test_without_a_folder_the_files_are_downloaded(tmp_path, monkeypatch):
    monkeypatch.setenv("MINIALEX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    served = {path.name: path.read_bytes() for path in write(tmp_path / "web").iterdir()}
    hashes = {name: f"md5:{hashlib.md5(served[name]).hexdigest()}" for name in cifar10_1.FILES}
    monkeypatch.setattr(cifar10_1, "FILES", hashes)
    with web_server(served) as (url, asked):
        monkeypatch.setattr(cifar10_1, "URL", url + "{}")
        for _ in range(2):
            assert len(cifar10_1.load().test) == 3
    assert sorted(asked) == sorted(f"/{name}" for name in served)
