"""Sums over the ranks that are under way while the caller computes."""

import contextlib
import itertools
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from minialex import backend
from minialex.backend import Array
from minialex.distributed.ring import Ring

#: An array is summed in pieces of which each rank adds up so much, while it is in its core's cache;
#: and so many sums are under way at once, to have one to work at while another waits.
PART_BYTES, AT_ONCE = 2 << 20, 2

#: Seconds between two looks at the sums while the caller computes.
PAUSE = 0.0005

#: Lets another process have the core, if one needs it.
let_others = getattr(os, "sched_yield", lambda: time.sleep(0))


class Sums(Protocol):
    """Adds up arrays over the ranks, in place."""

    def begin(self, x: Array) -> None:
        """Adds up the contiguous array x, as it is now, or as the GPU is to compute it: it must be
        left alone from here on."""

    def advance(self) -> bool:
        """Lets the sums go as far as they can without waiting; returns whether the host has nothing
        more to do for them."""

    def wait(self) -> None:
        """Returns when all sums are complete, or when the GPU will complete them before anything
        that it is asked for from now on."""


class RingSums:
    """Sums by MPI, in pieces, each in one of a few rings.

    A thread lets them go on while another one computes on the host. On a GPU nobody needs it: the
    host has asked for all of backward, and waits, before the GPU has done much of it.

    size  how many ranks there are
    like  an array as large as the largest, or as all of them
    ring  a new ring for parts of so many numbers
    """

    def __init__(self, size: int, like: Array, ring: Callable[[int], Ring]):
        part = max(1, min(PART_BYTES // like.itemsize, -(-like.size // size)))
        self.piece = part * size
        self.idle = [ring(part) for _ in range(AT_ONCE)]
        self.busy: list[Ring] = []
        self.waiting: deque[tuple[Array, int, Any]] = deque()
        self.tags = itertools.count(1)
        self.xp, self.on_gpu = backend.of(like), backend.on_gpu(like)
        self.lock = threading.Lock()
        self.failure: BaseException | None = None
        self.under_way = threading.Event()  #: sums that the thread is to let go on
        if not self.on_gpu:
            weakref.finalize(self, self.under_way.set)
            about = (weakref.ref(self), self.under_way)
            threading.Thread(target=watch, args=about, name="sums", daemon=True).start()

    def begin(self, x: Array) -> None:
        x, computed = x.reshape(-1), backend.record(self.xp)
        with self.lock:
            for start in range(0, x.size, self.piece):
                piece = x[start : start + self.piece]
                self.waiting.append((piece, next(self.tags), computed))
        self.under_way.set()
        self.advance()

    def advance(self) -> bool:
        with self.lock:
            if self.failure:
                raise self.failure
            try:
                self.go_on()
            except BaseException as error:
                self.failure = error
                raise
            if not self.busy:
                self.under_way.clear()
            return not self.busy

    def go_on(self) -> None:
        """Advances the rings, and gives the idle ones what is waiting."""
        for ring in list(self.busy):
            if ring.advance():
                self.busy.remove(ring)
                self.idle.append(ring)
        while self.waiting and self.idle:
            ring = self.idle.pop()
            ring.begin(*self.waiting.popleft())
            self.busy.append(ring)

    def wait(self) -> None:
        self.under_way.clear()  # the thread would only be in the way
        while not self.advance():
            let_others()
        for ring in self.idle:
            ring.join()
        self.tags = itertools.count(1)


def watch(sums: "weakref.ref[RingSums]", under_way: threading.Event) -> None:
    """Lets sums go on while another thread computes, for as long as somebody has them. What goes
    wrong here, the other thread raises."""
    while under_way.wait():
        time.sleep(PAUSE)
        found = sums()
        if found is None or found.failure:
            return
        if under_way.is_set():
            with contextlib.suppress(BaseException):
                found.advance()
        del found
