"""Batches: the contents and order of an epoch, resuming, and augmentation."""

import numpy
import pytest
from data_helpers import (
    assert_same_batches,
    no_new_threads,
    numbered_images,
    prefetch_threads,
    random_pictures,
)

from minialex.data.augment import AUGMENTATIONS, Standardize, random_views
from minialex.data.batches import VIEWS, Batches
from minialex.data.dataset import ArrayImages
from minialex.data.lighting import IMAGENET
from minialex.errors import InputError

RAW = Standardize([0, 0, 0], [1, 1, 1])


@pytest.fixture(autouse=True)
def no_thread_is_left():
    with no_new_threads():
        yield


def random_batches(n=50, batch_size=8, seed=5):
    return Batches(numbered_images(n), batch_size, RAW, seed=seed, crop=True, mirror=True)


def test_without_a_seed_pictures_come_in_order_and_unaugmented():
    images = numbered_images(10)
    batches = Batches(images, 4, Standardize([10, 20, 30], [2, 4, 8]))
    got = list(batches.epoch(0))
    assert len(batches) == len(got) == 3
    assert [labels.tolist() for _, labels in got] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    x = numpy.concatenate([x for x, _ in got])
    assert x.dtype == numpy.float32
    assert got[0][1].dtype == numpy.int64
    numpy.testing.assert_allclose(
        x, (images.images - numpy.array([10.0, 20, 30])) / [2, 4, 8], rtol=1e-6
    )


def test_ten_crop_gives_ten_views_of_each_picture_in_order():
    images = ArrayImages(random_pictures(5), numpy.arange(5), padding=2)
    got = list(Batches(images, 25, RAW, test_views="ten-crop").epoch(0))
    assert [labels.tolist() for _, labels in got] == [[0, 1], [2, 3], [4]]
    assert [len(x) for x, _ in got] == [20, 20, 10]
    x = got[1][0].reshape(2, 10, *images.images.shape[1:])
    for picture, views in zip(images.images[2:4], x, strict=True):
        numpy.testing.assert_array_equal(views[4], picture)
        numpy.testing.assert_array_equal(views[9], picture[:, ::-1])
        numpy.testing.assert_array_equal(views[0, 2:, 2:], picture[:-2, :-2])
        numpy.testing.assert_array_equal(views[3, :-2, :-2], picture[2:, 2:])


def test_a_picture_and_its_mirror_image_follow_each_other():
    images = ArrayImages(random_pictures(3), numpy.arange(3))
    (x, labels), (rest, _) = Batches(images, 5, RAW, test_views="mirror").epoch(0)
    assert (labels.tolist(), len(rest)) == ([0, 1], 2)
    numpy.testing.assert_array_equal(x[::2], images.images[:2])
    numpy.testing.assert_array_equal(x[1::2], images.images[:2, :, ::-1])


def test_views_for_testing_are_not_for_training_and_have_names():
    with pytest.raises(ValueError, match=r"ten-crop .*seed=5"):
        Batches(numbered_images(3), 2, RAW, seed=5, test_views="ten-crop")
    with pytest.raises(ValueError, match="centre, mirror, ten-crop, got 'five'"):
        Batches(numbered_images(3), 2, RAW, test_views="five")


def test_an_epoch_that_divides_evenly_has_no_empty_batch():
    batches = Batches(numbered_images(8), 4, RAW)
    assert len(batches) == len(list(batches.epoch(0))) == 2


def test_an_epoch_shows_each_picture_once_with_its_label():
    got = list(random_batches().epoch(0))
    assert [len(labels) for _, labels in got] == [8, 8, 8, 8, 8, 8, 2]
    for x, labels in got:
        # The centre pixel, which no crop can fill.
        numpy.testing.assert_array_equal(x[:, 4, 4, 0], labels)
    assert sorted(numpy.concatenate([labels for _, labels in got])) == list(range(50))


def test_the_order_depends_on_epoch_and_seed():
    orders = [
        numpy.concatenate([labels for _, labels in random_batches(seed=seed).epoch(epoch)]).tolist()
        for seed in (5, 6)
        for epoch in (0, 1)
    ]
    assert len({tuple(order) for order in [*orders, range(50)]}) == 5


def test_every_batch_and_epoch_has_new_crops_and_mirrors():
    same = ArrayImages(numpy.repeat(random_pictures(1), 50, axis=0), numpy.zeros(50), padding=2)
    batches = Batches(same, 8, RAW, seed=5, crop=True, mirror=True)
    x = numpy.concatenate([x for epoch in (0, 1) for x, _ in batches.epoch(epoch)])
    # 100 draws from 50 possible views: about 43 distinct ones if the draws are independent, 32 if
    # the second epoch repeats the first.
    assert len(numpy.unique(x.reshape(100, -1), axis=0)) > 33


def test_only_the_chosen_augmentations_are_random():
    same = ArrayImages(numpy.repeat(random_pictures(1), 50, axis=0), numpy.zeros(50), padding=2)
    for options, different in (({}, 1), ({"mirror": True}, 2)):
        x = numpy.concatenate([x for x, _ in Batches(same, 8, RAW, seed=5, **options).epoch(0)])
        assert len(numpy.unique(x.reshape(50, -1), axis=0)) == different


@pytest.mark.parametrize("start", [0, 1, 3, 6, 7])
def test_a_resumed_epoch_equals_the_rest_of_the_epoch_bit_for_bit(start):
    whole = list(random_batches().epoch(2))
    assert_same_batches(random_batches().epoch(2, start), whole[start:])


def test_earlier_epochs_do_not_affect_an_epoch():
    batches = random_batches()
    list(batches.epoch(0))
    assert_same_batches(batches.epoch(1), random_batches().epoch(1))


@pytest.mark.parametrize("what", AUGMENTATIONS)
def test_random_views_need_a_seed(what):
    with pytest.raises(ValueError, match=rf"random views \({what}\) need a seed, got seed=None"):
        Batches(numbered_images(4), 2, RAW, **dict.fromkeys(AUGMENTATIONS, False) | {what: True})


@pytest.mark.parametrize("what", ["brightness", "colour", "lighting"])
def test_colours_change_before_standardisation(what):
    images, scale = numbered_images(10), Standardize([10, 20, 30], [2, 4, 8])
    chosen = {what: IMAGENET if what == "lighting" else True}
    (x, labels), *_ = Batches(images, 4, scale, seed=5, **chosen).epoch(1)
    drawn = random_views(
        4, numpy.random.default_rng((5, VIEWS, 1, 0)), crop=False, mirror=False, **chosen
    )
    changed = images.images[labels] * (1 if drawn.gain is None else drawn.gain[:, None, None])
    changed = changed + (0 if drawn.shift is None else drawn.shift[:, None, None])
    numpy.testing.assert_allclose(x, (changed - [10, 20, 30]) / [2, 4, 8], rtol=1e-5, atol=1e-4)
    assert numpy.abs(x - scale(images.images[labels])).max() > 0.1


def test_grey_pictures_have_no_colour_to_augment():
    with pytest.raises(InputError, match=r"needs pictures with 3 channels .*, got 1$"):
        Batches(numbered_images(4, channels=1), 2, Standardize([0], [1]), seed=0, colour=True)


def test_cutout_replaces_a_different_part_of_each_picture_by_the_mean():
    white = ArrayImages(numpy.full((50, 8, 8, 3), 255, numpy.uint8), numpy.zeros(50))
    mean = Standardize([55, 55, 55], [100, 100, 100])
    x = numpy.concatenate([x for x, _ in Batches(white, 8, mean, seed=5, cutout=True).epoch(0)])
    assert set(numpy.unique(x)) == {0, 2}
    blanked = (x == 0).all(axis=-1).sum(axis=(1, 2))
    assert set(blanked) == {1, 2, 4}  # in a corner, at an edge, inside
    assert len(numpy.unique(x.reshape(50, -1), axis=0)) > 25


def test_an_error_while_reading_reaches_the_caller():
    class Broken:
        labels = numpy.zeros(10, numpy.int64)

        def __len__(self):
            return 10

        def read_good(self, indices, views):
            raise ValueError("picture 3 is broken")

    with pytest.raises(ValueError, match="picture 3 is broken"):
        list(Batches(Broken(), 4, RAW).epoch(0))


def test_an_epoch_that_is_never_started_has_no_thread():
    epoch = random_batches().epoch(0)
    assert not prefetch_threads()
    epoch.close()
    assert not prefetch_threads()
