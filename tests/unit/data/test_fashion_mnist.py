"""IDX files, good and damaged, and where Fashion-MNIST is found; the real one if installed."""

import gzip
import hashlib

import numpy
import pytest
from data_helpers import random_pictures, refusal, web_server
from fashion_mnist_files import SIZES, contents, idx, write

from minialex.data import fashion_mnist
from minialex.data.augment import centre_views
from minialex.data.statistics import standardize_from


def assert_is_the_small_set(dataset):
    assert (dataset.name, dataset.num_classes, dataset.channels) == ("fashion-mnist", 10, 1)
    for seed, (images, n) in enumerate(
        zip((dataset.train, dataset.test), SIZES.values(), strict=True)
    ):
        numpy.testing.assert_array_equal(images.images, random_pictures(n, 28, 1, seed))
        numpy.testing.assert_array_equal(images.labels, (numpy.arange(n) + seed) % 10)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("subfolder", ["", "fashion-mnist"])
def test_the_files_are_read_compressed_or_not_from_the_folder_or_its_subfolder(
    tmp_path, packed, subfolder
):
    write(tmp_path / subfolder, packed)
    assert_is_the_small_set(fashion_mnist.load(tmp_path))


def test_the_padding_of_crops_is_passed_on(tmp_path):
    dataset = fashion_mnist.load(write(tmp_path), padding=1)
    assert dataset.train.padding == dataset.test.padding == 1


def test_image_size_is_passed_on(tmp_path):
    dataset = fashion_mnist.load(write(tmp_path), image_size=40)
    assert dataset.train.read([0], centre_views(1)).shape == (1, 40, 40, 1)
    assert dataset.test.image_size == 40


def test_missing_files_are_named(tmp_path):
    write(tmp_path, train_labels=None, t10k_images=None)
    said = refusal(fashion_mnist.load, tmp_path)
    assert "train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz" in said
    assert "train-images" not in said
    assert str(tmp_path) in said


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 3, 4), (70000,)])
def test_read_idx_returns_the_array(tmp_path, shape):
    array = numpy.random.default_rng(0).integers(0, 256, shape, dtype=numpy.uint8)
    (tmp_path / "file").write_bytes(idx(array))
    numpy.testing.assert_array_equal(fashion_mnist.read_idx(tmp_path / "file"), array)


GOOD = idx(numpy.arange(6).reshape(2, 3))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "starts with"),
        (b"\0\0\x08", "starts with 00 00 08"),
        (b"PK\3\4" + GOOD[4:], "starts with 50 4b 03 04, expected 00 00 08"),
        (b"\0\0\x0d\2" + GOOD[4:], "starts with 00 00 0d 02"),  # floats
        (GOOD[:9], "expected a header of 12 bytes, got 9 bytes"),
        (b"\0\0\x08\x41" + b"\0\0\0\x01" * 65 + b"\x07", "expected 1 to 3 dimensions, got 65"),
        (GOOD[:-1], "expected 18 bytes for an array of shape (2, 3), got 17"),
        (GOOD + b"\0", "expected 18 bytes for an array of shape (2, 3), got 19"),
        # The product of these sizes is 0 in 64 bits.
        (b"\0\0\x08\3" + b"\x80\0\0\0" * 2 + b"\0\0\0\4", "got 16"),
    ],
)
def test_other_files_are_refused(tmp_path, content, said):
    path = tmp_path / "file"
    path.write_bytes(content)
    message = refusal(fashion_mnist.read_idx, path)
    assert said in message
    assert str(path) in message


@pytest.mark.parametrize(
    "damage",
    [
        lambda packed: packed[:-5],
        lambda packed: packed[:12],
        lambda packed: packed[:10] + b"\xff" + packed[11:],  # no deflate stream
        lambda packed: packed[:-8] + b"\0\0\0\0" + packed[-4:],  # another checksum
        lambda packed: b"<html>",
    ],
)
def test_a_damaged_gz_file_is_refused(tmp_path, damage):
    path = tmp_path / "file.gz"
    path.write_bytes(damage(gzip.compress(GOOD)))
    assert f"{path}: cannot be read" in refusal(fashion_mnist.read_idx, path)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"train_labels": idx(numpy.zeros(11))}, "expected 12 labels"),
        ({"t10k_labels": idx(numpy.zeros(6))}, "expected 5 labels"),
        ({"train_labels": idx(numpy.full(12, 10))}, "expected labels 0 to 9, got 10"),
        (
            {"train_labels": idx(numpy.zeros((12, 1)))},
            "expected labels (N,), got an array of shape (12, 1)",
        ),
        ({"train_images": idx(numpy.zeros((12, 28, 27)))}, "expected square pictures"),
        ({"train_images": idx(numpy.zeros((12, 784)))}, "expected square pictures"),
        (
            {"train_images": idx(numpy.zeros((0, 28, 28))), "train_labels": idx(numpy.zeros(0))},
            "got an array of shape (0, 28, 28)",
        ),
        (
            {"t10k_images": idx(numpy.zeros((5, 20, 20)))},
            "expected pictures of shape (28, 28), like the training pictures, got (20, 20)",
        ),
    ],
)
def test_files_that_do_not_match_are_refused(tmp_path, changed, said):
    message = refusal(fashion_mnist.load, write(tmp_path, **changed))
    assert said in message
    (name, *_) = changed
    assert name.replace("_", "-") in message


def test_without_a_folder_the_files_are_downloaded_once(tmp_path, monkeypatch):
    files = {f"{name}.gz": gzip.compress(content) for name, content in contents().items()}
    monkeypatch.setenv("MINIALEX_CACHE", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(fashion_mnist, "DEBIAN", tmp_path / "absent")
    monkeypatch.setattr(
        fashion_mnist,
        "MD5",
        {name: hashlib.md5(files[f"{name}.gz"]).hexdigest() for name in contents()},
    )
    with web_server(files) as (url, asked):
        monkeypatch.setattr(fashion_mnist, "URL", url)
        assert_is_the_small_set(fashion_mnist.load())
        assert_is_the_small_set(fashion_mnist.load())
    assert sorted(asked) == sorted(f"/{name}" for name in files)


@pytest.mark.skipif(
    not fashion_mnist.DEBIAN.is_dir(),
    reason=f"no {fashion_mnist.DEBIAN} (apt install dataset-fashion-mnist)",
)
def test_the_real_fashion_mnist():
    dataset = fashion_mnist.load()
    assert dataset.train.images.shape == (60000, 28, 28, 1)
    assert dataset.test.images.shape == (10000, 28, 28, 1)
    assert numpy.bincount(dataset.train.labels).tolist() == [6000] * 10
    assert [dataset.class_names[label] for label in dataset.train.labels[:3]] == [
        "Ankle boot",
        "T-shirt/top",
        "T-shirt/top",
    ]
    standardize = standardize_from(dataset.train)
    # These values are published in many places.
    numpy.testing.assert_allclose(standardize.mean / 255, 0.2860, atol=5e-5)
    numpy.testing.assert_allclose(standardize.std / 255, 0.3530, atol=5e-5)
