"""The pictures' way to a GPU: as bytes, while the GPU computes on the batch before."""

import dataclasses
from dataclasses import dataclass
from types import ModuleType
from typing import Any, cast

import numpy

from minialex import backend
from minialex.backend import Array
from minialex.data.augment import Standardize, Views, cutout_corners, cutout_side, offset
from minialex.data.dataset import ArrayImages, Images
from minialex.fast.gpu import kernels

#: Batches on their way: one that the caller works on, and two that `prefetch` has prepared.
SLOTS = 3


@dataclass
class Unfinished:
    """Pictures as they were read, and what is still to be done with them.

    pictures: uint8 (n, S, S, C). places: int32 (n, 5), of each picture the first row and column of
    its crop, whether it is mirrored, and the first row and column of the square that is cut out.
    colours: float32 (n, 2, C), what pixels are multiplied with and what is then subtracted.
    labels: int64 (n,), or fewer where pictures are views of the same one.
    """

    pictures: numpy.ndarray
    places: numpy.ndarray
    colours: numpy.ndarray
    labels: numpy.ndarray


class Upload:
    """Takes batches from a thread that prepares them to the GPU that computes with them.

    `send` copies a batch to pinned memory, from where the GPU fetches it by itself, on a stream of
    its own; `receive` crops, mirrors, recolours and standardises it there, in a single kernel.
    `send` waits only where its thread is SLOTS batches ahead of the GPU, `receive` never.
    """

    def __init__(self, xp: ModuleType, images: Images, most: int, standardize: Standardize):
        self.xp, self.images, self.most = xp, images, most
        self.device, self.stream = xp.cuda.Device(), xp.cuda.Stream(non_blocking=True)
        is_array = isinstance(images, ArrayImages) and images.in_memory
        self.movable: ArrayImages | None = cast(ArrayImages, images) if is_array else None
        fill = numpy.broadcast_to(0 if self.movable is None else self.movable.fill, images.channels)
        self.fill = xp.asarray(fill.astype("uint8"))
        self.standardize, self.std = standardize, xp.asarray(standardize.std)
        relief = numpy.zeros(1, "float32") if standardize.relief is None else standardize.relief
        self.relief = xp.asarray(relief)
        self.stream.wait_event(xp.cuda.get_current_stream().record())
        self.slots: list[Slot] = []
        self.sent = 0
        shape = (most, images.image_size, images.image_size, images.channels)
        self.x = xp.empty(shape, "float32")
        self.labels = xp.empty(most, "int64")

    @property
    def padding(self) -> int:
        """By how many pixels a crop can be moved on the GPU; pictures from files are cropped where
        they are decoded."""
        return 0 if self.movable is None else self.movable.padding

    def read(
        self, indices: numpy.ndarray, views: Views
    ) -> tuple[numpy.ndarray, numpy.ndarray, dict[str, str]]:
        """What Images.read_good returns, but not mirrored and, where there is a `padding`, not
        cropped: the GPU does that."""
        if self.movable is not None:
            pictures = self.movable.unmoved(indices, views)
            return pictures, numpy.ones(len(indices), bool), {}
        upright = dataclasses.replace(views, mirror=numpy.zeros(len(views), bool))
        return self.images.read_good(indices, upright)

    def unfinished(
        self, pictures: numpy.ndarray, views: Views, labels: numpy.ndarray
    ) -> Unfinished:
        """The batch of these pictures, with what turns each into its view."""
        n, side, _, channels = pictures.shape
        places = numpy.empty((n, 5), numpy.int32)
        room = 2 * self.padding
        places[:, 0], places[:, 1] = offset(views.top, room), offset(views.left, room)
        places[:, 2] = views.mirror
        places[:, 3:] = cutout_corners(views, (side, side))
        gain, mean = self.standardize.colours(views)
        colours = numpy.empty((n, 2, channels), numpy.float32)
        colours[:, 0], colours[:, 1] = 1 if gain is None else gain, mean
        return Unfinished(pictures, places, colours, labels)

    def send(self, batch: Unfinished) -> "Slot":
        """Starts the batch's way to the GPU. Not in the thread that calls `receive`."""
        with self.device, self.stream:
            if len(self.slots) < SLOTS:
                self.slots.append(Slot(self.xp, self.most, batch))
            slot = self.slots[self.sent % SLOTS]
            self.sent += 1
            slot.send(self.stream, batch)
        return slot

    def receive(self, slot: "Slot") -> tuple[Array, Array]:
        """The batch x float32 (n, S, S, C) and its labels int64 (n,), valid until the next one."""
        stream = self.xp.cuda.get_current_stream()
        stream.wait_event(slot.copied)
        pictures, places, colours, sent_labels = slot.on_device()
        x, labels = self.x[: len(pictures)], self.labels[: len(sent_labels)]
        if len(x):
            _, height, width, channels = x.shape
            sizes = dict(height=height, width=width, channels=channels, padding=self.padding)
            sizes |= dict(side=cutout_side(height), is_relief=int(self.relief.ndim == 3))
            about = (places, colours, self.std, self.fill, self.relief)
            kernels.view(pictures, *about, x, **sizes)
            labels[...] = sent_labels
        slot.used.record(stream)
        return x, labels


class Slot:
    """Room for one batch, in pinned memory and on the GPU.

    `copied` happens once the batch is on the GPU, `used` once the GPU has looked at it.
    """

    def __init__(self, xp: ModuleType, most: int, like: Unfinished):
        self.copied, self.used = (xp.cuda.Event(disable_timing=True) for _ in range(2))
        self.pairs = [
            pair(xp, (most, *array.shape[1:]), array.dtype) for array in vars(like).values()
        ]
        self.sizes = [0] * len(self.pairs)

    def send(self, stream: Any, batch: Unfinished) -> None:
        """Copies the batch to the GPU once the one before it in this slot is done with."""
        self.copied.synchronize()
        stream.wait_event(self.used)
        arrays = list(vars(batch).values())
        self.sizes = [len(array) for array in arrays]
        for (pinned, device), array in zip(self.pairs, arrays, strict=True):
            if len(array):
                pinned[: len(array)] = array
                device[: len(array)].set(pinned[: len(array)], stream=stream)
        self.copied.record(stream)

    def on_device(self) -> list[Array]:
        """The arrays of the batch, on the GPU."""
        return [device[:size] for (_, device), size in zip(self.pairs, self.sizes, strict=True)]


def pair(xp: ModuleType, shape: tuple[int, ...], dtype: Any) -> tuple[numpy.ndarray, Array]:
    """An array in pinned memory on the host, and one of the same kind on the GPU."""
    return backend.pinned(xp, shape, dtype), xp.empty(shape, dtype)
