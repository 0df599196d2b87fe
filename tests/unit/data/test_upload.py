"""Batches on a device: what the CPU's batches are, sent as bytes, and never waited for."""

import itertools

import numpy
import pytest
from data_helpers import no_new_threads, picture_folder, random_pictures

from minialex import backend, standin
from minialex.data.augment import Standardize
from minialex.data.batches import Batches
from minialex.data.dataset import ArrayImages
from minialex.data.lighting import IMAGENET
from minialex.data.own import folder

PREPARE = Standardize([100, 120, 90.5], [60, 55, 70.25])

#: What pictures can be given, and how far the GPU may round differently: a colour's gain is a
#: product and a difference, which a GPU may round once for both.
VARIATIONS = {
    "nothing": ({}, 0),
    "crop": ({"crop": True}, 0),
    "crop and mirror": ({"crop": True, "mirror": True}, 0),
    "cutout": ({"cutout": True}, 0),
    "rotation": ({"rotation": True, "crop": True, "mirror": True}, 0),
    "brightness": ({"brightness": True, "mirror": True}, 1e-6),
    "colour": ({"colour": True}, 1e-6),
    "lighting": ({"lighting": IMAGENET, "crop": True}, 0),
    "all": (
        {
            **dict.fromkeys(("crop", "mirror", "cutout", "rotation", "brightness"), True),
            "colour": True,
            "lighting": IMAGENET,
        },
        1e-6,
    ),
}


@pytest.fixture(autouse=True)
def no_thread_is_left():
    with no_new_threads():
        yield


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """40 pictures of 16×16 in files."""
    return folder.load(picture_folder(tmp_path_factory.mktemp("files")), 16).train


def in_memory(n=23, channels=3, image_size=None):
    pictures = random_pictures(n, 8, channels)
    return ArrayImages(
        pictures, numpy.arange(n) % 7, image_size, padding=2, fill=[9, 8, 7][:channels]
    )


def listed(batches, epoch=0, start=0):
    """Copies of the batches of an epoch, on the host."""
    return [
        (backend.to_host(x).copy(), backend.to_host(labels).copy(), batches.numbers.tolist())
        for x, labels in batches.epoch(epoch, start)
    ]


def assert_same(got, expected, bound=0):
    assert len(got) == len(expected)
    for (x, labels, numbers), (wanted, labels_wanted, numbers_wanted) in zip(
        got, expected, strict=True
    ):
        assert (x.dtype, x.shape, labels.dtype) == (wanted.dtype, wanted.shape, numpy.int64)
        numpy.testing.assert_allclose(x, wanted, rtol=0, atol=4 * bound)
        numpy.testing.assert_array_equal(labels, labels_wanted)
        assert numbers == numbers_wanted


@pytest.mark.parametrize("augment, bound", VARIATIONS.values(), ids=VARIATIONS)
@pytest.mark.parametrize("source", ["in memory", "resized", "files"])
def test_the_batches_of_the_cpu(source, augment, bound, device, files):
    """More batches than there is room for, of which the last is smaller."""
    images = {"in memory": in_memory(), "resized": in_memory(image_size=12), "files": files}[source]
    on_device = Batches(images, 5, PREPARE, seed=3, xp=device, **augment)
    on_host = Batches(images, 5, PREPARE, seed=3, **augment)
    for epoch in range(2):
        assert_same(listed(on_device, epoch), listed(on_host, epoch), bound)


def test_grey_pictures(device):
    prepare = Standardize([100], [60])
    batches = [
        Batches(in_memory(channels=1), 6, prepare, 1, xp=xp, crop=True, cutout=True)
        for xp in (device, numpy)
    ]
    assert_same(*map(listed, batches))


def test_a_mean_picture(device):
    mean = numpy.random.default_rng(0).uniform(0, 255, (8, 8, 3))
    prepare = Standardize(mean, [60, 55, 70.25])
    views = dict(crop=True, mirror=True, cutout=True)
    batches = [Batches(in_memory(), 6, prepare, 1, xp=xp, **views) for xp in (device, numpy)]
    assert_same(*map(listed, batches))


@pytest.mark.parametrize("source", ["in memory", "files"])
def test_ten_views(source, device, files):
    images = in_memory() if source == "in memory" else files
    batches = [Batches(images, 30, PREPARE, test_views="ten-crop", xp=xp) for xp in (device, numpy)]
    assert_same(*map(listed, batches))


def test_an_epoch_from_its_middle_and_one_that_was_left(device):
    batches = Batches(in_memory(), 2, PREPARE, seed=1, xp=device, crop=True)
    expected = Batches(in_memory(), 2, PREPARE, seed=1, crop=True)
    for leave_after in (1, 4):
        left = batches.epoch(0)
        list(itertools.islice(left, leave_after))
        left.close()
    assert_same(listed(batches, 1, start=5), listed(expected, 1, start=5))


def test_unreadable_pictures_are_left_out_and_batches_may_be_empty(device, tmp_path):
    root = picture_folder(tmp_path)
    paths = sorted((root / "train").rglob("*.png"))
    for path in paths[:9]:
        path.write_bytes(b"no picture")
    images = folder.load(root, 16).train
    batches = [Batches(images, 3, PREPARE, xp=xp) for xp in (device, numpy)]
    got, expected = map(listed, batches)
    assert_same(got, expected)
    assert [len(labels) for _, labels, _ in expected[:4]] == [0, 0, 0, 3]
    assert batches[0].skipped == batches[1].skipped


def test_pictures_travel_as_bytes_and_nobody_waits(compiler):
    images = in_memory()
    batches = Batches(images, 5, PREPARE, seed=3, xp=standin, crop=True, mirror=True)
    with standin.accounting() as account:
        for _ in batches.epoch(0):
            pass
    pixels, about, labels = 8 * 8 * 3, 5 * 4 + 2 * 3 * 4, 8
    assert account.uploaded == 23 * (pixels + about + labels)
    assert account.waits == 0
    assert account.kernels == {"minialex_view": 5, "copy": 5}
