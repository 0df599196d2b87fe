"""The gradients of a network in one array, added up over the ranks while backward is under way."""

import os
import threading
import time
from collections import deque
from collections.abc import Callable

import numpy

from minialex import backend
from minialex.backend import Array
from minialex.distributed.group import ALONE, Group
from minialex.distributed.ring import RingSum
from minialex.network import Network

#: A sum begins as soon as the gradients that are ready have this many bytes: with fewer, waiting
#: for messages takes longer than sending them.
BUCKET_BYTES = 1 << 20

#: A larger bucket is summed in pieces of which each rank adds up so much, while it is in its core's
#: cache; and so many sums are under way at once, to have one to work at while another waits.
PART_BYTES, AT_ONCE = 2 << 20, 2

#: Seconds between two looks at the sums while backward is under way.
PAUSE = 0.0005

#: Lets another process have the core, if one needs it.
let_others = getattr(os, "sched_yield", lambda: time.sleep(0))


class Gradients:
    """A place for each gradient, and its sum over the ranks.

    The last layer's come first in the one contiguous array, as backward reaches them first. It is
    cut into buckets of whole layers, and a bucket is summed over its ranks as soon as backward has
    finished it: in AlexNet the linear layers, 96% of the weights, are on their way before the
    convolutions, 92% of the work, have begun. A thread lets them go on meanwhile.

    network   whose gradients these are, of one dtype
    ranks_of  the ranks that share a layer's gradients; a group of one adds nothing up
    """

    def __init__(self, network: Network, ranks_of: Callable[[str], Group]):
        self.network, self.ranks_of = network, ranks_of
        names = [name for name, layer in network.layers.items() if layer.params]
        params = [(n, k, p) for n in reversed(names) for k, p in network.layers[n].params.items()]
        like = params[0][2]
        self.flat = backend.of(like).zeros(sum(p.size for *_, p in params), like.dtype)
        self.arrays: dict[str, Array] = {}
        self.buckets: dict[str, tuple[Group, slice]] = {}  #: by the layer that completes each
        self.waiting: deque[tuple[Group, slice]] = deque()
        self.sums: list[tuple[RingSum, numpy.ndarray]] = []  #: with the memory that each works in
        self.part = PART_BYTES // like.itemsize
        self.rooms = [numpy.empty(self.part, like.dtype) for _ in range(AT_ONCE)]
        self.lock, self.watched = threading.Lock(), False
        start = end = 0
        for i, (name, key, param) in enumerate(params):
            self.arrays[f"{name}.{key}"] = self.flat[end : end + param.size].reshape(param.shape)
            end += param.size
            following = params[i + 1][0] if i + 1 < len(params) else None
            if following == name:
                continue
            ranks = ranks_of(name)
            others = following is None or ranks_of(following) is not ranks
            if others or (end - start) * like.itemsize >= BUCKET_BYTES:
                self.buckets[name] = ranks, slice(start, end)
                start = end

    def finished(self, name: str) -> None:
        """Takes over the gradients of a layer; begins the sum of a bucket that is complete."""
        layer = self.network.layers[name]
        for key in layer.params:
            place, grad = self.arrays[f"{name}.{key}"], layer.grads[key]
            if not backend.of(place).may_share_memory(place, grad):
                place[...] = grad
            layer.grads[key] = place
        ranks, bucket = self.buckets.get(name, (ALONE, slice(0)))
        if ranks.size > 1:
            with self.lock:
                for start in range(bucket.start, bucket.stop, self.part * ranks.size):
                    end = min(start + self.part * ranks.size, bucket.stop)
                    self.waiting.append((ranks, slice(start, end)))
                if not self.watched:
                    self.watched = True
                    threading.Thread(target=self.watch, name="sums", daemon=True).start()
        self.advance()

    def advance(self) -> bool:
        """Lets the sums go as far as they can without waiting; returns whether all are
        complete."""
        with self.lock:
            for item in list(self.sums):
                if item[0].advance():
                    self.sums.remove(item)
                    self.rooms.append(item[1])
            while self.waiting and self.rooms:
                ranks, piece = self.waiting.popleft()
                room = self.rooms.pop()
                self.sums.append((ranks.sum(self.flat[piece], room), room))
            self.watched = self.watched and bool(self.sums)
            return not self.sums

    def watch(self) -> None:
        """Lets the sums go on while another thread computes, until all are complete."""
        while not self.advance():
            time.sleep(PAUSE)

    def wait(self) -> None:
        """Returns when all sums are complete."""
        while not self.advance():
            let_others()
