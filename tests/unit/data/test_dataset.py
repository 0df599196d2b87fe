"""Pictures in memory, and data.load with right and wrong arguments."""

import dataclasses
import itertools

import numpy
import pytest
from data_helpers import random_pictures, views
from PIL import Image

from minialex import data
from minialex.data.augment import centre_views
from minialex.data.dataset import ArrayImages, in_memory
from minialex.errors import InputError
from minialex.presets import PRESETS


def test_read_returns_the_pictures_in_the_order_of_the_indices():
    pictures = random_pictures(6)
    images = ArrayImages(pictures, numpy.arange(6, dtype=numpy.uint8))
    x = images.read([4, 0, 4], centre_views(3))
    numpy.testing.assert_array_equal(x, pictures[[4, 0, 4]])
    assert x.dtype == numpy.uint8
    assert x.flags.c_contiguous
    assert images.labels.dtype == numpy.int64
    assert (len(images), images.image_size, images.channels) == (6, 8, 3)


def test_changing_the_result_does_not_change_the_pictures():
    pictures = random_pictures(3)
    images = ArrayImages(pictures.copy(), [0, 0, 0])
    images.read(range(3), centre_views(3))[:] = 0
    numpy.testing.assert_array_equal(images.read(range(3), centre_views(3)), pictures)


def test_a_mirrored_crop_is_the_mirror_image_of_the_crop():
    images = ArrayImages(random_pictures(1), [0], padding=3)
    plain, mirrored = (images.read([0], views(0.9, 0.1, mirror)) for mirror in (False, True))
    numpy.testing.assert_array_equal(mirrored, plain[:, :, ::-1])
    assert mirrored.flags.c_contiguous


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_are_rotated_before_they_are_cropped(channels):
    """Each channel is rotated by Pillow, with the fill in the empty corners."""
    pictures = random_pictures(3, channels=channels)
    fill = numpy.array([11, 22, 33], numpy.uint8)[:channels]
    images = ArrayImages(pictures, [0, 1, 2], padding=2, fill=fill)
    chosen = views(top=0.0, left=0.9, n=2, angle=8.0)
    chosen.angle[1] = -30
    x = images.read([2, 0], chosen)
    for got, picture, angle in zip(x, (pictures[2], pictures[0]), (8, -30), strict=True):
        for c in range(channels):
            turned = Image.fromarray(picture[..., c]).rotate(
                angle, Image.Resampling.BILINEAR, fillcolor=int(fill[c])
            )
            alone = ArrayImages(
                numpy.asarray(turned)[None, ..., None], [0], padding=2, fill=fill[c]
            )
            numpy.testing.assert_array_equal(
                got[..., c], alone.read([0], views(top=0.0, left=0.9))[0, ..., 0]
            )


def test_all_pictures_in_memory_are_readable():
    images = ArrayImages(random_pictures(3), [0, 1, 2])
    x, good, problems = images.read_good([2, 0], centre_views(2))
    numpy.testing.assert_array_equal(x, images.read([2, 0], centre_views(2)))
    assert (good.tolist(), problems) == ([True, True], {})


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_are_resized_as_by_pillow(channels):
    pictures = random_pictures(2, channels=channels)
    images = ArrayImages(pictures, [0, 1], image_size=13)
    x = images.read([1, 0], centre_views(2))
    assert (images.image_size, images.channels, x.shape) == (13, channels, (2, 13, 13, channels))
    for c in range(channels):
        expected = Image.fromarray(pictures[1, :, :, c]).resize((13, 13), Image.Resampling.BILINEAR)
        numpy.testing.assert_array_equal(x[0, :, :, c], numpy.asarray(expected))


def test_crops_of_resized_pictures_shift_by_pixels_of_the_original():
    pictures = random_pictures(1)
    small, large = (
        ArrayImages(pictures, [0], padding=2),
        ArrayImages(pictures, [0], image_size=16, padding=2),
    )
    shifted = ArrayImages(small.read([0], views(1.0, 0.0)), [0], image_size=16)
    numpy.testing.assert_array_equal(
        large.read([0], views(1.0, 0.0)), shifted.read([0], centre_views(1))
    )


def test_crops_are_filled_with_the_mean_training_colour():
    train = numpy.full((4, 8, 8, 3), (10, 20, 30), numpy.uint8)
    train[:, :4] += 1  # the mean is (10.5, 20.5, 30.5)
    train[0] += 1  # now a little more, which is rounded up
    dataset = in_memory(
        "some", (train, [0, 1, 0, 1]), (random_pictures(2), [0, 1]), ["a", "b", "c"]
    )
    corner = dataset.train.read([0], views(0.0, 0.0))[0, 0, 0]
    assert corner.tolist() == [11, 21, 31]
    assert (dataset.name, dataset.num_classes, dataset.channels) == ("some", 3, 3)
    assert (len(dataset.train), len(dataset.test)) == (4, 2)


@pytest.mark.parametrize(
    ("pictures", "labels", "said"),
    [
        (numpy.zeros((2, 8, 8, 3), numpy.float32), [0, 1], r"uint8 pictures .* got float32 \(2, 8"),
        (
            numpy.zeros((2, 8, 8), numpy.uint8),
            [0, 1],
            r"pictures \(N, S, S, C\), got .*\(2, 8, 8\)",
        ),
        (numpy.zeros((2, 8, 9, 3), numpy.uint8), [0, 1], r"pictures .* got uint8 \(2, 8, 9, 3\)"),
        (numpy.zeros((2, 8, 8, 3), numpy.uint8), [0, 1, 2], "2 labels, one per picture, got 3"),
    ],
)
def test_arrays_of_the_wrong_dtype_or_shape_are_refused(pictures, labels, said):
    with pytest.raises(ValueError, match=said):
        ArrayImages(pictures, labels)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"name": "minst"}, "dataset 'minst' is not one of shapes, mnist, fashion-mnist, kmnist"),
        ({"name": "shapes", "data_dir": "."}, "leave out --data-dir"),
        ({"name": "folder"}, "needs --data-dir"),
        ({"name": "cifar10", "data_dir": "no/such/folder"}, "no folder no/such/folder"),
        ({"name": "shapes", "image_size": 0}, "at least 1 pixel, got 0"),
        ({"name": "shapes", "crop_padding": -1}, "at least 0 pixels, got -1"),
        (
            {"name": "shapes", "crop_padding": 33},
            "at most 32 pixels, the side of the",
        ),
        ({"name": "folder", "data_dir": ".", "crop_padding": 2}, "leave out --crop-padding"),
        ({"name": "cifar10.1", "data_dir": ".", "crop_padding": 2}, "has only test pictures"),
        ({"name": "cifar10.1", "data_dir": ".", "val_share": 0.1}, "has only test pictures"),
        ({"name": "npz"}, "needs --data-dir, a .npz file with x_train"),
    ],
)
def test_wrong_arguments_get_a_message_of_one_line(arguments, said):
    with pytest.raises(InputError) as caught:
        data.load(**arguments)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_load_passes_on_seed_image_size_and_crop_padding(monkeypatch):
    small = data.shapes.load
    drawn = dataclasses.replace(
        data.SOURCES["shapes"],
        load=lambda seed, image_size, padding: small(seed, 20, 10, image_size, padding),
    )
    monkeypatch.setitem(data.SOURCES, "shapes", drawn)
    dataset = data.load("shapes", image_size=20, seed=3)
    assert dataset.train.padding == dataset.test.padding == 4
    moved = data.load("shapes", crop_padding=1)
    assert moved.train.padding == moved.test.padding == 1
    assert dataset.train.image_size == dataset.test.image_size == 20
    numpy.testing.assert_array_equal(dataset.train.images, small(3, 20, 10).train.images)
    assert (dataset.train.images != small(4, 20, 10).train.images).any()


def test_a_share_of_the_training_pictures_takes_the_place_of_the_test_pictures(monkeypatch):
    small = data.shapes.load
    drawn = dataclasses.replace(
        data.SOURCES["shapes"],
        load=lambda seed, image_size, padding: small(seed, 100, 50, image_size, padding),
    )
    monkeypatch.setitem(data.SOURCES, "shapes", drawn)
    whole = data.load("shapes", image_size=16, crop_padding=1)
    dataset = data.load("shapes", image_size=16, crop_padding=1, val_share=0.3)
    place = {picture.tobytes(): i for i, picture in enumerate(whole.train.images)}
    numbers = [
        [place[picture.tobytes()] for picture in part.images]
        for part in (dataset.train, dataset.test)
    ]
    assert sorted(itertools.chain(*numbers)) == list(range(100))
    for part, own in zip((dataset.train, dataset.test), numbers, strict=True):
        assert part.labels.tolist() == whole.train.labels[own].tolist()
        assert (part.image_size, part.padding) == (16, 1)
    assert 28 <= len(dataset.test) <= 32
    assert (dataset.val_share, dataset.source["val_share"]) == (0.3, 0.3)
    assert (dataset.name, dataset.class_names) == ("shapes", whole.class_names)
    again = data.load("shapes", image_size=16, val_share=0.3)
    numpy.testing.assert_array_equal(again.test.images, dataset.test.images)


def test_each_data_set_with_training_pictures_has_a_preset():
    trainable = {name for name, source in data.SOURCES.items() if not source.tests}
    assert PRESETS.keys() == trainable
    assert {source.tests for source in data.SOURCES.values() if source.tests} <= trainable


def test_the_classes_of_the_published_sets_are_known_before_they_are_loaded():
    assert data.classes_of("cifar10-c") == data.classes_of("cifar10")
    assert data.classes_of("svhn") == data.classes_of("qmnist") == list("0123456789")
    assert data.classes_of("folder") is None
