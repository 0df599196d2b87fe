"""Batches of files of which some are damaged: what is left out, and when that is an error."""

import contextlib
import sys
import time
from pathlib import Path

import numpy
import pytest
from data_helpers import (
    assert_same_batches,
    no_new_threads,
    numbered_images,
    prefetch_threads,
)
from PIL import Image

from minialex.data.augment import AUGMENTATIONS, Standardize
from minialex.data.batches import Batches
from minialex.data.decode import open_picture
from minialex.data.folder_images import FolderImages
from minialex.data.lighting import IMAGENET
from minialex.data.torchvision_images import TorchvisionImages
from minialex.errors import InputError

RAW = Standardize([0, 0, 0], [1, 1, 1])
EVERYTHING = dict(dict.fromkeys(AUGMENTATIONS, True), lighting=IMAGENET)


@pytest.fixture(autouse=True)
def no_thread_is_left():
    with no_new_threads():
        yield


@pytest.fixture
def damaged(tmp_path):
    """200 picture files of 8×8, of which numbers 3, 5, 6, 7 and 100 are damaged."""
    for i, picture in enumerate(numbered_images(200).images):
        Image.fromarray(picture).save(tmp_path / f"{i:03}.png")
    for i in (3, 5, 6, 7, 100):
        (tmp_path / f"{i:03}.png").write_bytes(b"no picture")
    return FolderImages([tmp_path / f"{i:03}.png" for i in range(200)], range(200), 8)


def numbers(skipped):
    return sorted(int(Path(path).stem) for path in skipped)


def test_unreadable_pictures_are_left_out_with_their_labels(damaged):
    batches = Batches(damaged, 4, RAW)
    got = list(batches.epoch(0))
    assert [labels.tolist() for _, labels in got[:3]] == [[0, 1, 2], [4], [8, 9, 10, 11]]
    assert sum(len(labels) for _, labels in got) == 195
    for x, labels in got:
        assert x.shape == (len(labels), 8, 8, 3)
        numpy.testing.assert_array_equal(x[:, 4, 4, 0], labels)
    assert numbers(batches.skipped) == [3, 5, 6, 7, 100]
    for path, problem in batches.skipped.items():
        assert problem.startswith(f"{path}: not a readable picture (")


class Dead(BaseException):
    """What ends a thread, and is no damage of a file."""


@pytest.mark.parametrize("kind", [FolderImages, TorchvisionImages])
def test_a_decoder_that_dies_ends_the_epoch_with_its_error(kind, damaged, monkeypatch):
    def dies(path):
        if "040" in str(path):
            raise Dead
        return open_picture(path)

    monkeypatch.setattr(sys.modules[kind.__module__], "open_picture", dies)
    batches = Batches(kind(damaged.paths, damaged.labels, 8), 8, RAW, seed=1)
    before = len(prefetch_threads())
    with pytest.raises(Dead):
        for _ in batches.epoch(0):
            pass
    assert len(prefetch_threads()) == before


def test_a_batch_without_readable_pictures_is_empty(damaged):
    x, labels = list(Batches(damaged, 1, RAW).epoch(0))[6]
    assert (x.shape, labels.shape) == ((0, 8, 8, 3), (0,))


@pytest.mark.parametrize("start", [0, 5, 24])
def test_a_resumed_epoch_with_damaged_files_equals_the_rest_bit_for_bit(damaged, start):
    whole = list(Batches(damaged, 8, RAW, seed=1, **EVERYTHING).epoch(3))
    assert_same_batches(
        Batches(damaged, 8, RAW, seed=1, **EVERYTHING).epoch(3, start), whole[start:]
    )


def test_damaged_files_do_not_affect_other_pictures(damaged, tmp_path):
    with_gaps = list(Batches(damaged, 8, RAW, seed=1, **EVERYTHING).epoch(0))
    for i in (3, 5, 6, 7, 100):
        Image.new("RGB", (8, 8)).save(tmp_path / f"{i:03}.png")
    whole = list(Batches(damaged, 8, RAW, seed=1, **EVERYTHING).epoch(0))
    for (x, labels), (all_x, all_labels) in zip(with_gaps, whole, strict=True):
        kept = ~numpy.isin(all_labels, (3, 5, 6, 7, 100))
        numpy.testing.assert_array_equal(labels, all_labels[kept])
        numpy.testing.assert_array_equal(x, all_x[kept])


def test_skipped_has_only_pictures_of_batches_already_handed_out(damaged):
    """What the thread has already met in later batches does not count: it depends on timing."""
    batches = Batches(damaged, 4, RAW)
    with contextlib.closing(batches.epoch(0)) as epoch:
        next(epoch)
        time.sleep(0.1)
        assert numbers(batches.skipped) == [3]
        next(epoch)
        assert numbers(batches.skipped) == [3, 5, 6, 7]


def test_ten_crop_leaves_out_unreadable_pictures(damaged):
    got = list(Batches(damaged, 40, RAW, test_views="ten-crop").epoch(0))
    assert [(len(x), labels.tolist()) for x, labels in got[:2]] == [(30, [0, 1, 2]), (10, [4])]
    whole = list(
        Batches(FolderImages([damaged.paths[4]], [4], 8), 10, RAW, test_views="ten-crop").epoch(0)
    )
    numpy.testing.assert_array_equal(got[1][0], whole[0][0])


def test_a_majority_of_unreadable_pictures_is_an_error(damaged):
    few = FolderImages([damaged.paths[i] for i in (3, 0, 5, 6)], range(4), 8)
    with pytest.raises(InputError, match=r"3 of 4 pictures cannot be read.*003\.png"):
        list(Batches(few, 2, RAW).epoch(0))
    # All are damaged in the first batch, half of them in the end.
    half = FolderImages([damaged.paths[i] for i in (3, 5, 0, 1)], range(4), 8)
    assert [len(labels) for _, labels in Batches(half, 2, RAW).epoch(0)] == [0, 2]
    # Too few to tell.
    assert [len(labels) for _, labels in Batches(few, 1, RAW).epoch(0, start=2)] == [0, 0]


def test_an_epoch_of_damaged_pictures_stops_early(damaged):
    many = FolderImages(
        [damaged.paths[3]] * 60 + [f"{damaged.paths[3]}-{i}" for i in range(1000)], range(1060), 8
    )
    got = []
    with pytest.raises(InputError, match="more than half"):
        for batch in Batches(many, 10, RAW).epoch(0):
            got.append(batch)
    assert 9 <= len(got) < 20
