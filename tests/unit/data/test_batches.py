"""Batches: what an epoch consists of, that it can be resumed, damaged files, and a background thread that always ends."""

import contextlib
import threading
import time
from pathlib import Path

import numpy
import pytest
from data_helpers import numbered_images, random_pictures
from PIL import Image

from minialex.data.augment import AUGMENTATIONS, Standardize, random_views
from minialex.data.batches import VIEWS, Batches, prefetch
from minialex.data.dataset import ArrayImages
from minialex.data.folder import FolderImages
from minialex.data.lighting import IMAGENET
from minialex.errors import InputError

RAW = Standardize([0, 0, 0], [1, 1, 1])


@pytest.fixture(autouse=True)
def no_thread_is_left():
    before = set(threading.enumerate())
    yield
    after = {
        thread for thread in threading.enumerate() if not thread.name.startswith("decode")
    }  # they belong to the images
    assert after <= before


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
    numpy.testing.assert_allclose(
        x, (images.images - numpy.array([10.0, 20, 30])) / [2, 4, 8], rtol=1e-6
    )


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
        numpy.testing.assert_array_equal(
            x[:, 4, 4, 0], labels
        )  # the middle, where no crop puts the fill
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


@pytest.mark.parametrize("what", AUGMENTATIONS)
def test_random_views_need_a_seed(what):
    with pytest.raises(ValueError, match=rf"\({what}\) needs a seed"):
        Batches(numbered_images(4), 2, RAW, **dict.fromkeys(AUGMENTATIONS, False) | {what: True})


@pytest.mark.parametrize("what", ["brightness", "colour", "lighting"])
def test_colours_change_before_standardising_as_the_views_say(what):
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


def test_the_colours_of_grey_pictures_are_not_to_be_changed():
    with pytest.raises(InputError, match="the pictures have 1 channel"):
        Batches(numbered_images(4, channels=1), 2, Standardize([0], [1]), seed=0, colour=True)


@pytest.fixture
def damaged(tmp_path):
    """200 pictures of 8×8 in files, of which those numbered 3, 5, 6, 7 and 100 are damaged."""
    for i, picture in enumerate(numbered_images(200).images):
        Image.fromarray(picture).save(tmp_path / f"{i:03}.png")
    for i in (3, 5, 6, 7, 100):
        (tmp_path / f"{i:03}.png").write_bytes(b"no picture")
    return FolderImages([tmp_path / f"{i:03}.png" for i in range(200)], range(200), 8)


def numbers(skipped):
    return sorted(int(Path(path).stem) for path in skipped)


def test_pictures_that_cannot_be_read_are_left_out_with_their_labels(damaged):
    batches = Batches(damaged, 4, RAW)
    got = list(batches.epoch(0))
    assert [labels.tolist() for _, labels in got[:3]] == [[0, 1, 2], [4], [8, 9, 10, 11]]
    assert sum(len(labels) for _, labels in got) == 195
    for x, labels in got:
        assert x.shape == (len(labels), 8, 8, 3)
        numpy.testing.assert_array_equal(x[:, 4, 4, 0], labels)
    assert numbers(batches.skipped) == [3, 5, 6, 7, 100]
    for path, problem in batches.skipped.items():
        assert problem.startswith(f"{path}: not a picture that can be read (")


def test_a_batch_of_which_nothing_can_be_read_is_empty(damaged):
    x, labels = list(Batches(damaged, 1, RAW).epoch(0))[6]
    assert (x.shape, labels.shape) == ((0, 8, 8, 3), (0,))


EVERYTHING = dict(dict.fromkeys(AUGMENTATIONS, True), lighting=IMAGENET)


@pytest.mark.parametrize("start", [0, 5, 24])
def test_a_resumed_epoch_with_damaged_files_is_the_rest_bit_for_bit(damaged, start):
    whole = list(Batches(damaged, 8, RAW, seed=1, **EVERYTHING).epoch(3))
    assert_same_batches(
        Batches(damaged, 8, RAW, seed=1, **EVERYTHING).epoch(3, start), whole[start:]
    )


def test_damaged_files_change_no_other_picture(damaged, tmp_path):
    """What the others show does not depend on which files can be read."""
    with_gaps = list(Batches(damaged, 8, RAW, seed=1, **EVERYTHING).epoch(0))
    for i in (3, 5, 6, 7, 100):
        Image.new("RGB", (8, 8)).save(tmp_path / f"{i:03}.png")
    whole = list(Batches(damaged, 8, RAW, seed=1, **EVERYTHING).epoch(0))
    for (x, labels), (all_x, all_labels) in zip(with_gaps, whole, strict=True):
        kept = ~numpy.isin(all_labels, (3, 5, 6, 7, 100))
        numpy.testing.assert_array_equal(labels, all_labels[kept])
        numpy.testing.assert_array_equal(x, all_x[kept])


def test_only_what_came_with_the_batches_given_out_counts_as_skipped(damaged):
    """Not what the thread has come across already, which would depend on time."""
    batches = Batches(damaged, 4, RAW)
    with contextlib.closing(batches.epoch(0)) as epoch:
        next(epoch)
        time.sleep(0.1)
        assert numbers(batches.skipped) == [3]
        next(epoch)
        assert numbers(batches.skipped) == [3, 5, 6, 7]


def test_ten_views_of_the_pictures_that_can_be_read(damaged):
    got = list(Batches(damaged, 40, RAW, ten_crop=True).epoch(0))
    assert [(len(x), labels.tolist()) for x, labels in got[:2]] == [(30, [0, 1, 2]), (10, [4])]
    whole = list(Batches(FolderImages([damaged.paths[4]], [4], 8), 10, RAW, ten_crop=True).epoch(0))
    numpy.testing.assert_array_equal(got[1][0], whole[0][0])


def test_when_most_pictures_cannot_be_read_it_is_an_error(damaged):
    few = FolderImages([damaged.paths[i] for i in (3, 0, 5, 6)], range(4), 8)
    with pytest.raises(InputError, match=r"3 of 4 pictures cannot be read.*003\.png"):
        list(Batches(few, 2, RAW).epoch(0))
    half = FolderImages(
        [damaged.paths[i] for i in (3, 5, 0, 1)], range(4), 8
    )  # in the first batch all, in the end half
    assert [len(labels) for _, labels in Batches(half, 2, RAW).epoch(0)] == [0, 2]
    assert [len(labels) for _, labels in Batches(few, 1, RAW).epoch(0, start=2)] == [
        0,
        0,
    ]  # too few to tell


def test_a_folder_of_damaged_pictures_ends_early(damaged):
    many = FolderImages(
        [damaged.paths[3]] * 60 + [f"{damaged.paths[3]}-{i}" for i in range(1000)], range(1060), 8
    )
    got = []
    with pytest.raises(InputError, match="more than half"):
        for batch in Batches(many, 10, RAW).epoch(0):
            got.append(batch)
    assert 9 <= len(got) < 20


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


def test_a_failure_to_read_reaches_the_caller():
    class Broken:
        labels = numpy.zeros(10, numpy.int64)

        def __len__(self):
            return 10

        def read_good(self, indices, views):
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
