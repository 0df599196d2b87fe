"""The stages that one worker's pictures pass, a few pictures at a time."""

import itertools
import math
from collections.abc import Callable, Sequence

from minialex import backend
from minialex.backend import Array
from minialex.fast.layer import FastLayer
from minialex.fast.lazy_batch import LazyBatch
from minialex.fast.memory import Memory
from minialex.fast.relu import InPlaceReLU
from minialex.layers import Layer
from minialex.network import nothing_returned

#: CPU: as many pictures at a time as their largest map takes this much. With fewer, convolutions
#: would transform their weights, or fetch transformed ones, too often.
PART_BYTES = 16 << 20

#: CPU, in inference: as many pictures in a round as what the stages hand on takes this much.
ROUND_BYTES = 8 << 20


class Stage:
    """Layers that follow each other: the pictures pass all of them one part after the other.

    So a large map that nobody needs after the next layer, and every gradient within the stage,
    exist for one part at a time. What the layers keep for backward, and y, exist for all pictures.
    """

    def __init__(self, layers: Sequence[Layer], memory: Memory):
        self.layers, self.memory = list(layers), memory
        kinds = [type(layer) for layer in layers]
        #: where the last array is made: the last layer, or the one whose array a ReLU overwrites
        self.end = max(i for i, kind in enumerate(kinds) if kind is not InPlaceReLU)
        self.caches: dict[int, list] = {}  #: of the layers, for the part that starts there
        self.lazy: LazyBatch | None = None  #: what backward makes the first layer's input of again

    def forward(self, x: Array | LazyBatch, train: bool, parts: Sequence[slice]) -> Array:
        """y for the pictures x (N, H, W, C); valid until the next forward.

        Only a stage that begins with a convolution, which keeps its input and nothing else, takes a
        LazyBatch.
        """
        memory, count = self.memory, len(x)
        self.caches.clear()
        self.lazy = x if train and isinstance(x, LazyBatch) else None
        for part in parts:
            with memory.at(part, count):
                y = forward(self.layers[: self.end], self.standardized(x[part]), train)
                memory.lead_to(self, "y")
                y = memory.arrived(forward(self.layers[self.end :], y, train))
            if train:
                self.caches[part.start] = [layer.cache for layer in self.layers]
        return memory.own(self, "y", y, (count, *y.shape[1:]))

    def backward(self, dy: Array, parts: Sequence[slice], adds: bool) -> Array | None:
        """dx from dy, both of these parts' pictures alone; None if nobody needs the first layer's.

        Valid until the next backward. With `adds` the gradients are added to what is there.
        """
        memory, count, first = self.memory, len(dy), parts[0].start
        for part in reversed(parts):
            for layer, cache in zip(self.layers, self.caches[part.start], strict=True):
                layer.cache = cache
                if isinstance(layer, FastLayer):
                    layer.adds = adds or part != parts[-1]
            here = slice(part.start - first, part.stop - first)
            with memory.at(here, count):
                if self.lazy is not None:
                    self.layers[0].cache = self.standardized(self.lazy[part])
                dx = backward(self.layers[1:], dy[here])
                memory.lead_to(self, "dx")
                dx = memory.arrived(backward(self.layers[:1], dx))
        return None if dx is None else memory.own(self, "dx", dx, (count, *dx.shape[1:]))

    def standardized(self, x: Array | LazyBatch) -> Array:
        """A part x of the pictures as the first layer takes it; of a LazyBatch, in the memory that
        the part before had."""
        if not isinstance(x, LazyBatch):
            return x
        weight = self.layers[0].params["weight"]
        return x.standardized(self.memory.own(self, "x", weight, x.shape))

    def largest(self, shape: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
        """How many numbers the largest map of a picture of `shape` has, and the last one's
        shape."""
        shapes = [shape]
        for layer in self.layers:
            shapes.append(layer.output_shape(shapes[-1]))
        return max(map(math.prod, shapes)), shapes[-1]


class Stages:
    """All stages of one worker.

    Backward, and in inference, the pictures pass them in rounds, so that what one stage hands to
    the other exists for one round. A round has at most as many pictures as the largest part of any
    stage, and in inference no more than ROUND_BYTES allow.
    """

    def __init__(self, stages: Sequence[Sequence[Layer]], memory: Memory):
        self.stages, self.memory = [Stage(layers, memory) for layers in stages], memory
        self.rounds: list[list[list[slice]]] = []  #: of forward: each stage's parts, for each round

    def forward(self, x: Array | LazyBatch, train: bool = False) -> Array:
        """y for the pictures x (N, H, W, C); valid until the next forward."""
        how = {}
        if not isinstance(x, LazyBatch):  # which is for float32 on the CPU
            how = dict(itemsize=x.itemsize, at_once=backend.on_gpu(x))
        rounds = self.rounds = self.cut(len(x), x.shape[1:], train=train, **how)
        if not train and len(rounds) > 1:
            for *_, parts in rounds:
                pictures = slice(parts[0].start, parts[-1].stop)
                y = self.forward(x[pictures])
                whole = self.memory.own(self, "y", y, (len(x), *y.shape[1:]))
                whole[pictures] = y
            return whole
        for stage, *of_stage in zip(self.stages, *rounds, strict=True):
            x = stage.forward(x, train, list(itertools.chain(*of_stage)))
        return x

    def backward(self, dy: Array, finished: Callable[[Stage], None] | None = None) -> None:
        """Makes the gradients of the layers' parameters; calls finished(stage) as soon as those of
        a stage are there."""
        for parts_of_stages in reversed(self.rounds):
            adds = parts_of_stages is not self.rounds[-1]
            pictures = slice(parts_of_stages[-1][0].start, parts_of_stages[-1][-1].stop)
            dx = dy[pictures]
            for stage, parts in zip(reversed(self.stages), reversed(parts_of_stages), strict=True):
                dx = stage.backward(dx, parts, adds)
                if finished and parts_of_stages is self.rounds[0]:
                    finished(stage)

    def sizes(self, count: int, shape: tuple[int, ...]) -> list[int]:
        """How many of `count` pictures of `shape` each stage takes at a time, at most."""
        return [
            max(part.stop - part.start for parts in of_stage for part in parts)
            for of_stage in zip(*self.cut(count, shape), strict=True)
        ]

    def cut(
        self,
        count: int,
        shape: tuple[int, ...],
        itemsize: int = 4,
        train: bool = True,
        at_once: bool = False,
    ) -> list[list[list[slice]]]:
        """For each round, the parts into which each stage cuts `count` pictures of `shape`, as even
        as possible; only one of each if they are to pass all `at_once`."""
        if not self.stages:
            return []
        most, handed_on = [], 0
        for stage in self.stages:
            largest, shape = stage.largest(shape)
            most.append(count if at_once else max(1, PART_BYTES // (largest * itemsize)))
            handed_on += math.prod(shape) * itemsize
        a_round = max(most)
        if not (train or at_once):
            a_round = min(a_round, max(1, ROUND_BYTES // handed_on))
        rounds = in_even_parts(slice(0, count), a_round)
        return [[in_even_parts(pictures, each) for each in most] for pictures in rounds]


def in_even_parts(pictures: slice, most: int) -> list[slice]:
    """`pictures` cut into as few slices of at most so many as possible, as even as possible."""
    size = pictures.stop - pictures.start
    count = -(-size // most)
    bounds = [pictures.start + size * i // count for i in range(count + 1)] if count else []
    return [slice(*pair) for pair in itertools.pairwise(bounds)]


def forward(layers: Sequence[Layer], x: Array, train: bool) -> Array:
    """x through the layers, one after the other."""
    for layer in layers:
        x = layer.forward(x, train)
        if x is None:
            raise nothing_returned(layer, "forward")
    return x


def backward(layers: Sequence[Layer], dy: Array) -> Array | None:
    """dy back through the layers, one after the other; None if nobody needs the first one's dx."""
    for layer in reversed(layers):
        dy = layer.backward(dy)
        if dy is None and getattr(layer, "needs_dx", True):
            raise nothing_returned(layer, "backward")
    return dy
