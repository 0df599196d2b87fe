"""Batches of pictures, prepared in a background thread while the caller trains on the one before."""

import contextlib
import queue
import threading
from collections.abc import Iterable, Iterator

import numpy

from minialex.data.augment import Standardize, centre_views, cover, random_views, ten_views
from minialex.data.lighting import Lighting
from minialex.data.skipped import ENOUGH, check_most_were_good
from minialex.errors import InputError

# Random numbers for different purposes come from different streams of the one seed. They start at 1 because NumPy
# completes a short seed with zeros: (seed, 0) would be the stream of the plain seed.
ORDER, VIEWS = 1, 2


class Batches:
    """Passes over `images` (see Dataset), batch by batch, standardised and ready for the network.

    Without a seed: in order, at centre views, for testing. With one: shuffled anew every epoch, each picture with a random
    view of its own, drawn as `augment` says (the arguments of random_views; those not given are off). Batch b of epoch e
    depends on nothing but (seed, e, b) and the files, so a run that was killed sees the same pictures when it goes on.
    ValueError for `augment` without a seed.

    With `ten_crop`, for testing, x has the ten views of the batch's first picture, then those of the second, and so on, and a
    batch has a tenth as many pictures, at least one.

    Pictures that cannot be read are skipped: their batch is smaller by so many, or empty. `skipped`, {file: what is wrong
    with it}, has those of the batches given out so far. InputError if in an epoch they become more than half. `numbers` says
    which of the images are in the batch that was given out last.
    """

    def __init__(
        self,
        images,
        batch_size: int,
        standardize: Standardize,
        seed: int | None = None,
        ten_crop: bool = False,
        **augment: bool | Lighting | None,
    ):
        drawn = [name for name, chosen in augment.items() if chosen]
        if seed is None and drawn:
            raise ValueError(
                f"what is drawn at random ({', '.join(drawn)}) needs a seed, got seed=None"
            )
        if augment.get("colour") and images.channels != 3:
            raise InputError(
                f"colour changes red, green and blue; the pictures have {images.channels} channel"
            )
        if seed is not None and ten_crop:
            raise ValueError(
                f"ten_crop is for testing, in order and without a seed, got seed={seed}"
            )
        self.images = images
        self.ten_crop = ten_crop
        self.batch_size = max(1, batch_size // 10) if ten_crop else batch_size
        self.standardize = standardize
        self.seed = seed
        self.augment = {"crop": False, "mirror": False, **augment}
        self.skipped, self.numbers = {}, None

    def __len__(self) -> int:
        """The number of batches in an epoch, the smaller last one included."""
        return -(-len(self.images) // self.batch_size)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[tuple[numpy.ndarray, numpy.ndarray]]:
        """The epoch's batches from number `start` on: x float32 (n, S, S, C) and labels int64 (n,).

        Close the iterator (or leave it to a `for` loop's end) to stop its thread.
        """
        tried, problems = 0, {}
        with contextlib.closing(prefetch(self._prepare(epoch, start))) as prepared:
            for x, self.numbers, size, problem in prepared:
                tried += size
                problems |= problem
                self.skipped |= problem
                if tried >= ENOUGH:
                    check_most_were_good(problems, tried)
                yield x, self.images.labels[self.numbers]
        if start == 0:
            check_most_were_good(problems, tried)

    def _prepare(self, epoch, start):
        order = numpy.arange(len(self.images))
        if self.seed is not None:
            numpy.random.default_rng((self.seed, ORDER, epoch)).shuffle(order)
        for b in range(start, len(self)):
            numbers = indices = order[b * self.batch_size : (b + 1) * self.batch_size]
            size = len(numbers)
            if self.ten_crop:
                indices, views = numbers.repeat(10), ten_views(size)
            elif self.seed is None:
                views = centre_views(size)
            else:
                views = random_views(
                    size, numpy.random.default_rng((self.seed, VIEWS, epoch, b)), **self.augment
                )
            pictures, good, problems = self.images.read_good(indices, views)
            if problems:
                views, numbers = views[good], numbers[good.reshape(size, -1).all(axis=1)]
            x = self.standardize(pictures, views)
            cover(x, views)
            yield x, numbers, size, problems


def prefetch(iterable: Iterable, depth: int = 2) -> Iterator:
    """The items of `iterable`, made in a background thread at most `depth` ahead of the caller.

    An exception there is raised here, after the items before it. Closing this generator, or leaving it by an exception,
    ends the thread as soon as the item in the making is done.
    """
    room = threading.Semaphore(depth)
    ready = (
        queue.SimpleQueue()
    )  # of (item, None), then one (None, exception): StopIteration at the regular end
    closed = False

    def work():
        items = iter(iterable)
        try:
            while room.acquire() and not closed:
                ready.put((next(items), None))
        except BaseException as error:
            ready.put((None, error))

    thread = threading.Thread(target=work, name="prefetch", daemon=True)
    thread.start()
    try:
        while True:
            item, error = ready.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            room.release()
            yield item
    finally:
        closed = True
        room.release()
        thread.join()
