"""Batches: what an epoch consists of, that it can be resumed, and a background thread that always ends."""

import threading
import time

import numpy
import pytest
from data_helpers import numbered_images, random_pictures

from minialex.data.augment import Standardize
from minialex.data.batches import Batches, prefetch
from minialex.data.dataset import ArrayImages

RAW = Standardize([0, 0, 0], [1, 1, 1])


@pytest.fixture(autouse=True)
def no_thread_is_left():
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def random_batches(n=50, batch_size=8, seed=5):
    return Batches(numbered_images(n), batch_size, RAW, seed=seed, crop=True, mirror=True)


def assert_same_batches(some, others):
    some, others = list(some), list(others)
    assert len(some) == len(others)
    for (x, labels), (other_x, other_labels) in zip(some, others, strict=True):
        numpy.testing.assert_array_equal(x, other_x)
        numpy.testing.assert_array_equal(labels, other_labels)


def test_without_a_seed_pictures_come_in_order_as_they_are():
    images = numbered_images(10)
    batches = Batches(images, 4, Standardize([10, 20, 30], [2, 4, 8]))
    got = list(batches.epoch(0))
    assert len(batches) == len(got) == 3
    assert [labels.tolist() for _, labels in got] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    x = numpy.concatenate([x for x, _ in got])
    assert x.dtype == numpy.float32
    assert got[0][1].dtype == numpy.int64
    numpy.testing.assert_allclose(x, (images.images - numpy.array([10.0, 20, 30])) / [2, 4, 8], rtol=1e-6)


def test_ten_crop_gives_ten_views_of_each_picture_in_order():
    images = ArrayImages(random_pictures(5), numpy.arange(5), padding=2)
    got = list(Batches(images, 25, RAW, ten_crop=True).epoch(0))
    assert [labels.tolist() for _, labels in got] == [[0, 1], [2, 3], [4]]
    assert [len(x) for x, _ in got] == [20, 20, 10]
    x = got[1][0].reshape(2, 10, *images.images.shape[1:])
    for picture, views in zip(images.images[2:4], x, strict=True):
        numpy.testing.assert_array_equal(views[4], picture)
        numpy.testing.assert_array_equal(views[9], picture[:, ::-1])
        numpy.testing.assert_array_equal(views[0, 2:, 2:], picture[:-2, :-2])
        numpy.testing.assert_array_equal(views[3, :-2, :-2], picture[2:, 2:])


def test_ten_crop_is_not_for_training():
    with pytest.raises(ValueError, match=r"ten_crop .*seed=5"):
        Batches(numbered_images(3), 2, RAW, seed=5, ten_crop=True)


def test_an_epoch_that_divides_evenly_has_no_empty_batch():
    batches = Batches(numbered_images(8), 4, RAW)
    assert len(batches) == len(list(batches.epoch(0))) == 2


def test_an_epoch_shows_each_picture_once_with_its_label():
    got = list(random_batches().epoch(0))
    assert [len(labels) for _, labels in got] == [8, 8, 8, 8, 8, 8, 2]
    for x, labels in got:
        numpy.testing.assert_array_equal(x[:, 4, 4, 0], labels)  # the middle, where no crop puts the fill
    assert sorted(numpy.concatenate([labels for _, labels in got])) == list(range(50))


def test_epochs_and_seeds_have_orders_of_their_own():
    orders = [
        numpy.concatenate([labels for _, labels in random_batches(seed=seed).epoch(epoch)]).tolist()
        for seed in (5, 6)
        for epoch in (0, 1)
    ]
    assert len({tuple(order) for order in [*orders, range(50)]}) == 5


def test_pictures_are_cropped_and_mirrored_anew_in_every_batch_and_epoch():
    same = ArrayImages(numpy.repeat(random_pictures(1), 50, axis=0), numpy.zeros(50), padding=2)
    batches = Batches(same, 8, RAW, seed=5, crop=True, mirror=True)
    x = numpy.concatenate([x for epoch in (0, 1) for x, _ in batches.epoch(epoch)])
    # 50 views; 100 draws from them show about 43 different ones if they are independent, 25 if an epoch repeats another.
    assert len(numpy.unique(x.reshape(100, -1), axis=0)) > 33


def test_only_what_was_asked_for_is_random():
    same = ArrayImages(numpy.repeat(random_pictures(1), 50, axis=0), numpy.zeros(50), padding=2)
    for options, different in (({}, 1), ({"mirror": True}, 2)):
        x = numpy.concatenate([x for x, _ in Batches(same, 8, RAW, seed=5, **options).epoch(0)])
        assert len(numpy.unique(x.reshape(50, -1), axis=0)) == different


@pytest.mark.parametrize("start", [0, 1, 3, 6, 7])
def test_an_epoch_resumed_is_the_rest_of_the_epoch_bit_for_bit(start):
    whole = list(random_batches().epoch(2))
    assert_same_batches(random_batches().epoch(2, start), whole[start:])


def test_going_through_other_epochs_first_changes_nothing():
    batches = random_batches()
    list(batches.epoch(0))
    assert_same_batches(batches.epoch(1), random_batches().epoch(1))


@pytest.mark.parametrize("what", ["crop", "mirror", "cutout"])
def test_random_views_need_a_seed(what):
    with pytest.raises(ValueError, match="seed"):
        Batches(numbered_images(4), 2, RAW, **{what: True})


def test_cutout_covers_another_part_of_each_picture_with_the_mean():
    white = ArrayImages(numpy.full((50, 8, 8, 3), 255, numpy.uint8), numpy.zeros(50))
    mean = Standardize([55, 55, 55], [100, 100, 100])
    x = numpy.concatenate([x for x, _ in Batches(white, 8, mean, seed=5, cutout=True).epoch(0)])
    assert set(numpy.unique(x)) == {0, 2}
    covered = (x == 0).all(axis=-1).sum(axis=(1, 2))
    assert set(covered) == {1, 2, 4}  # in a corner, at an edge, inside
    assert len(numpy.unique(x.reshape(50, -1), axis=0)) > 25


def test_prefetch_passes_everything_on_in_order():
    assert list(prefetch(iter(range(100)))) == list(range(100))
    assert list(prefetch([])) == []


def test_prefetch_works_ahead_of_the_caller_but_not_further_than_its_depth():
    made = []
    second_made = threading.Event()

    def numbers():
        for i in range(100):
            made.append(i)
            if i == 1:
                second_made.set()
            yield i

    items = prefetch(numbers(), depth=2)
    for i in range(20):
        assert next(items) == i
        assert second_made.wait(10), "nothing is made while the caller is busy"
        time.sleep(0.002)  # for one that would go too far
        assert len(made) <= i + 1 + 2
    items.close()


def test_an_exception_in_the_thread_reaches_the_caller_after_the_items_before_it():
    def numbers():
        yield 1
        yield 2
        raise OSError("the disk is gone")

    got = []
    with pytest.raises(OSError, match="the disk is gone"):
        for item in prefetch(numbers()):
            got.append(item)
    assert got == [1, 2]


def test_an_unreadable_picture_reaches_the_caller():
    class Broken:
        labels = numpy.zeros(10, numpy.int64)

        def __len__(self):
            return 10

        def read(self, indices, views):
            raise ValueError("picture 3 is broken")

    with pytest.raises(ValueError, match="picture 3 is broken"):
        list(Batches(Broken(), 4, RAW).epoch(0))


def endless():
    while True:
        yield numpy.zeros(10)


def prefetching():
    """The threads that prepare items now."""
    return [thread for thread in threading.enumerate() if thread.name == "prefetch"]


def test_closing_stops_a_thread_that_waits_for_the_caller():
    items = prefetch(endless())
    next(items)
    time.sleep(0.05)  # by now it waits
    assert len(prefetching()) == 1
    items.close()
    assert not prefetching()


def test_closing_waits_for_the_item_in_the_making():
    go_on, finished = threading.Event(), []

    def numbers():
        yield 0
        go_on.wait(10)
        finished.append(1)
        yield 1

    items = prefetch(numbers())
    next(items)
    timer = threading.Timer(0.1, go_on.set)
    timer.start()
    items.close()
    assert finished == [1]
    timer.join()


def test_leaving_a_loop_stops_the_thread():
    for _ in prefetch(endless()):
        assert len(prefetching()) == 1
        break
    assert not prefetching()


def test_an_interrupt_in_the_loop_stops_the_thread():
    def train():
        for _ in prefetch(endless()):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train()


def test_an_epoch_never_begun_starts_no_thread():
    epoch = random_batches().epoch(0)
    assert not prefetching()
    epoch.close()
    assert not prefetching()
