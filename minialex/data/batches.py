"""Batches of pictures, prepared in a background thread while the caller trains on the last one."""

import contextlib
from collections.abc import Iterator
from types import ModuleType

import numpy

from minialex.data.augment import (
    TEST_VIEWS,
    Standardize,
    fixed_views,
    random_views,
)
from minialex.data.dataset import Images
from minialex.data.lighting import Lighting
from minialex.data.picture_batch import PictureBatch
from minialex.data.prefetch import prefetch
from minialex.data.skipped import ENOUGH, check_most_are_readable
from minialex.data.upload import Upload
from minialex.data.whereabouts import Whereabouts
from minialex.errors import InputError

# Each purpose has its own stream of random numbers from the one seed. They are numbered from 1
# because NumPy pads short seeds with zeros: (seed, 0) would be the same stream as seed alone.
ORDER, VIEWS = 1, 2


class Batches:
    """Passes over `images` in standardised batches, ready for the network.

    seed: None is for testing: the pictures come in order, at fixed views. With a seed, for
        training, they are shuffled every epoch and each gets a random view. Batch b of epoch e
        depends only on (seed, e, b) and the files, so that a resumed run sees the same pictures.
    test_views: one of TEST_VIEWS. A picture is replaced by its views, one after the other; of v
        views each, a batch has batch_size // v pictures, but at least one.
    augment: the arguments of random_views; those not given are off. They need a seed.
    Raises ValueError for `augment` without a seed or other test_views with one, and InputError for
    `colour` if the pictures do not have three channels.

    Unreadable pictures are skipped: their batch is smaller, or even empty. If they are more than
    half of the pictures in an epoch, that is an InputError, and so is a folder of pictures that is
    gone: those are not damaged.

    as_bytes: whether the batches are PictureBatches, for a fast engine on the CPU.

    share: (k, n) for the k-th of n equal parts of each batch, where n ranks work on it together. A
        part may be empty. The views of a picture are the same whatever n is.

    xp: where the batches are wanted. Pictures travel to a GPU as bytes, while it computes on the
        batch before, and are cropped, mirrored and standardised there.

    skipped: {file: reason} of the pictures skipped in the batches handed out so far.
    numbers: int64 (n,), the indices into `images` of the last batch handed out.
    """

    def __init__(
        self,
        images: Images,
        batch_size: int,
        standardize: Standardize,
        seed: int | None = None,
        test_views: str = "centre",
        xp: ModuleType = numpy,
        share: tuple[int, int] = (0, 1),
        as_bytes: bool = False,
        **augment: bool | Lighting | None,
    ):
        random = [name for name, chosen in augment.items() if chosen]
        if seed is None and random:
            raise ValueError(f"random views ({', '.join(random)}) need a seed, got seed=None")
        if augment.get("colour") and images.channels != 3:
            raise InputError(
                "augmentation 'colour' needs pictures with 3 channels (red, green, blue), "
                f"got {images.channels}"
            )
        if test_views not in TEST_VIEWS:
            raise ValueError(f"test_views is one of {', '.join(TEST_VIEWS)}, got {test_views!r}")
        if seed is not None and test_views != "centre":
            raise ValueError(
                f"{test_views} is for testing, in order and without a seed, got seed={seed}"
            )
        self.images = images
        self.test_views, self.views = test_views, TEST_VIEWS[test_views]
        self.batch_size = max(1, batch_size // self.views)
        self.standardize = standardize
        self.seed, self.share, self.as_bytes = seed, share, as_bytes
        self.augment = {"crop": False, "mirror": False, **augment}
        self.skipped, self.numbers = {}, None
        self.whereabouts = Whereabouts.of(images)
        self.upload = None
        if xp is not numpy:
            self.upload = Upload(xp, images, self.at_a_time, standardize)

    def __len__(self) -> int:
        """The number of batches in an epoch, including a smaller last one."""
        return -(-len(self.images) // self.batch_size)

    @property
    def at_a_time(self) -> int:
        """How many views a batch has at most."""
        return self.views * min(self.batch_size, len(self.images))

    def epoch(
        self, epoch: int, start: int = 0
    ) -> Iterator[tuple[numpy.ndarray | PictureBatch, numpy.ndarray]]:
        """The epoch's batches from number `start` on: x float32 (n, S, S, C), or a PictureBatch,
        and labels int64 (n,). On a GPU both are valid until the next batch.

        With v views of each picture, x is (v n, S, S, C): those of the first picture, then those of
        the second, … Close the iterator to stop its thread; a `for` loop that runs to its end does.
        """
        tried, problems = 0, {}
        with contextlib.closing(prefetch(self._prepare(epoch, start))) as prepared:
            for batch, self.numbers, size, problem in prepared:
                tried += size
                problems |= problem
                self.skipped |= problem
                if tried >= ENOUGH:
                    check_most_are_readable(problems, tried)
                yield self.upload.receive(batch) if self.upload else batch
        if start == 0:
            check_most_are_readable(problems, tried)

    def _prepare(self, epoch, start):
        order = numpy.arange(len(self.images))
        if self.seed is not None:
            numpy.random.default_rng((self.seed, ORDER, epoch)).shuffle(order)
        for b in range(start, len(self)):
            everyones = order[b * self.batch_size : (b + 1) * self.batch_size]
            part, parts = self.share
            own = slice(len(everyones) * part // parts, len(everyones) * (part + 1) // parts)
            numbers = indices = everyones[own]
            size = len(numbers)
            if self.seed is None:
                indices, views = numbers.repeat(self.views), fixed_views(self.test_views, size)
            else:
                rng = numpy.random.default_rng((self.seed, VIEWS, epoch, b))
                views = random_views(len(everyones), rng, **self.augment)[own]
            read = self.upload.read if self.upload else self.images.read_good
            pictures, good, problems = read(indices, views)
            if problems:
                if self.whereabouts:
                    self.whereabouts.check_there()
                views, numbers = views[good], numbers[good.reshape(size, -1).all(axis=1)]
            batch = self._finished(pictures, views, self.images.labels[numbers])
            yield batch, numbers, size, problems

    def _finished(self, pictures, views, labels):
        """(x, labels); or the slot in which they are on their way to a GPU."""
        if self.upload:
            return self.upload.send(self.upload.unfinished(pictures, views, labels))
        x = PictureBatch(pictures, self.standardize, views)
        return x if self.as_bytes else x.standardized(), labels
