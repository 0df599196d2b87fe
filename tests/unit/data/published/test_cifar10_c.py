"""CIFAR-10-C: read block by block from mapped files."""

import tracemalloc

import cifar10_c_files
import numpy
import pytest
from cifar10_c_files import NAMES
from data_helpers import random_pictures, refusal

from minialex import data
from minialex.data.augment import centre_views
from minialex.data.published import cifar10_c
from minialex.data.published.cifar10_c import Blocks

PICTURES, LABELS = random_pictures(3, 32), numpy.array([4, 0, 9])


@pytest.fixture
def folder(tmp_path):
    return cifar10_c_files.write(tmp_path, PICTURES, LABELS)


def test_nineteen_corruptions_in_five_severities_are_one_set_of_test_pictures(folder):
    test = data.load("cifar10-c", folder).test
    assert len(test) == 19 * 5 * 3
    assert test.images.names[:2] == ("gaussian_noise", "shot_noise")
    pictures = test.read(range(len(test)), centre_views(len(test)))
    expected = [(c, s, 0) for c in range(19) for s in range(5) for _ in range(3)]
    assert pictures[:, 0, 0].tolist() == list(map(list, expected))
    numpy.testing.assert_array_equal(pictures[-1, 1:], PICTURES[2, 1:])
    assert test.labels.tolist() == [4, 0, 9] * 95


def test_any_pictures_are_read_in_any_order(folder):
    test = data.load("cifar10-c", folder).test
    numbers = [200, 3, 284, 0, 3]
    pictures = test.read(numbers, centre_views(5))
    assert pictures[:, 0, 0].tolist() == [[13, 1, 0], [0, 1, 0], [18, 4, 0], [0, 0, 0], [0, 1, 0]]
    numpy.testing.assert_array_equal(pictures[:, 1:], PICTURES[numpy.mod(numbers, 3), 1:])


def test_a_picture_is_called_by_corruption_and_severity(folder):
    blocks = data.load("cifar10-c", folder).test.images
    assert [blocks.name_of(i) for i in (0, 2, 3, 14, 15, 284)] == [
        *("gaussian_noise 1", "gaussian_noise 1", "gaussian_noise 2", "gaussian_noise 5"),
        *("shot_noise 1", "saturate 5"),
    ]


def test_the_folder_of_the_archive_is_found(tmp_path):
    cifar10_c_files.write(tmp_path / "CIFAR-10-C", PICTURES, LABELS)
    assert len(data.load("cifar10-c", tmp_path).test) == 285


def test_the_four_extra_corruptions_may_be_missing(folder):
    for name in cifar10_c.EXTRA:
        (folder / f"{name}.npy").unlink()
    assert data.load("cifar10-c", folder).test.images.names == cifar10_c.CORRUPTIONS
    for name in ("fog", "snow", "frost", "contrast", "pixelate"):
        (folder / f"{name}.npy").unlink()
    said = refusal(cifar10_c.load, folder)
    assert "no snow.npy, frost.npy, fog.npy and 2 more in" in said


def test_files_that_do_not_match_are_refused(folder):
    numpy.save(folder / "fog.npy", numpy.zeros((14, 32, 32, 3), numpy.uint8))
    assert "fog.npy, got" in refusal(cifar10_c.load, folder)
    for name in NAMES:
        numpy.save(folder / f"{name}.npy", numpy.zeros((14, 32, 32, 3), numpy.uint8))
    numpy.save(folder / "labels.npy", numpy.zeros(14, numpy.uint8))
    assert "expected 5 blocks of labels, one per severity, got 14" in refusal(
        cifar10_c.load, folder
    )


def test_reading_takes_the_memory_of_what_is_read(tmp_path):
    """The arrays are as large as the published ones; the files have holes instead of pictures."""
    n = 50_000
    shape = (n, 32, 32, 3)
    arrays = []
    for name in ("first", "second"):
        path = tmp_path / f"{name}.npy"
        numpy.lib.format.open_memmap(path, "w+", numpy.uint8, shape)
        arrays.append(numpy.load(path, mmap_mode="r"))
    tracemalloc.start()
    try:
        blocks = Blocks(["first", "second"], arrays)
        assert blocks[[0, n - 1, n, 2 * n - 1]].shape == (4, 32, 32, 3)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
