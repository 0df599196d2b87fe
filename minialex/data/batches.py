"""Batches of pictures, prepared in a background thread while the caller trains on the one before."""

import queue
import threading
from collections.abc import Iterable, Iterator

import numpy

from minialex.data.augment import Standardize, centre_views, cover, random_views, ten_views

# Random numbers for different purposes come from different streams of the one seed. They start at 1 because NumPy
# completes a short seed with zeros: (seed, 0) would be the stream of the plain seed.
ORDER, VIEWS = 1, 2


class Batches:
    """Passes over `images` (see Dataset), batch by batch, standardised and ready for the network.

    Without a seed: in order, at centre views, for testing. With one: shuffled anew every epoch, each picture with its own
    random crop, mirroring and covered square (cutout), where asked for. Batch b of epoch e depends on nothing but
    (seed, e, b), so a run that was killed sees the same pictures when it goes on. ValueError for any of these without a seed.

    With `ten_crop`, for testing, x has the ten views of the batch's first picture, then those of the second, and so on, and a
    batch has a tenth as many pictures, at least one. Pictures in files are decoded for each view.
    """

    def __init__(
        self,
        images,
        batch_size: int,
        standardize: Standardize,
        seed: int | None = None,
        crop: bool = False,
        mirror: bool = False,
        cutout: bool = False,
        ten_crop: bool = False,
    ):
        if seed is None and (crop or mirror or cutout):
            raise ValueError("crop, mirror and cutout are drawn at random and need a seed, got seed=None")
        if seed is not None and ten_crop:
            raise ValueError(f"ten_crop is for testing, in order and without a seed, got seed={seed}")
        self.images = images
        self.ten_crop = ten_crop
        self.batch_size = max(1, batch_size // 10) if ten_crop else batch_size
        self.standardize = standardize
        self.seed = seed
        self.crop = crop
        self.mirror = mirror
        self.cutout = cutout

    def __len__(self) -> int:
        """The number of batches in an epoch, the smaller last one included."""
        return -(-len(self.images) // self.batch_size)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[tuple[numpy.ndarray, numpy.ndarray]]:
        """The epoch's batches from number `start` on: x float32 (n, S, S, C) and labels int64 (n,).

        Close the iterator (or leave it to a `for` loop's end) to stop its thread.
        """
        return prefetch(self._prepare(epoch, start))

    def _prepare(self, epoch, start):
        order = numpy.arange(len(self.images))
        if self.seed is not None:
            numpy.random.default_rng((self.seed, ORDER, epoch)).shuffle(order)
        for b in range(start, len(self)):
            indices = order[b * self.batch_size : (b + 1) * self.batch_size]
            labels = self.images.labels[indices]
            if self.ten_crop:
                indices, views = indices.repeat(10), ten_views(len(indices))
            elif self.seed is None:
                views = centre_views(len(indices))
            else:
                rng = numpy.random.default_rng((self.seed, VIEWS, epoch, b))
                views = random_views(len(indices), rng, self.crop, self.mirror, self.cutout)
            x = self.standardize(self.images.read(indices, views))
            cover(x, views)
            yield x, labels


def prefetch(iterable: Iterable, depth: int = 2) -> Iterator:
    """The items of `iterable`, made in a background thread at most `depth` ahead of the caller.

    An exception there is raised here, after the items before it. Closing this generator, or leaving it by an exception,
    ends the thread as soon as the item in the making is done.
    """
    room = threading.Semaphore(depth)
    ready = queue.SimpleQueue()  # of (item, None), then one (None, exception): StopIteration at the regular end
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
