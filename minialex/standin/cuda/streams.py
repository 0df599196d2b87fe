"""The stand-in's streams: when work is done, and whether two streams touch the same memory at once.

A kernel is done when it is asked for. What a GPU does beside its kernels, copies from and to pinned
memory and what NCCL exchanges, is a task of a stream, and done as late as possible: when somebody
waits for it, or when its stream is used again. Until then a copy's place on the host is full of
garbage.

Each stream counts what it is asked for, and keeps what that reads and writes. It knows how far the
others have come by the events that it has waited for, and by what the host has waited for. A stream
that writes where another one reads or writes, or reads where another one writes, without knowing
that this is done, is a race: a RuntimeError at once, however the race would have ended.
"""

import collections
import itertools
import threading
import time
import weakref
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy

from minialex.standin import machine
from minialex.standin.memory import Span

lock = threading.RLock()


class Use(NamedTuple):
    """What the work with this number reads and writes."""

    number: int
    read: list[Span]
    written: list[Span]

    def conflicts(self, read: Iterable[Span], written: Iterable[Span]) -> bool:
        pairs = [*itertools.product(self.written, [*read, *written])]
        pairs += itertools.product(self.read, written)
        return any(one.overlaps(other) for one, other in pairs)


class Task:
    """Work of a stream that is done later, once. Its `pinned` memory is not the host's until the
    host has waited for it."""

    def __init__(self, work: Callable[[], None], pinned: "PinnedMemory | None" = None):
        self.work, self.pinned, self.done = work, pinned, False
        self.turn = threading.Lock()  # another thread waits until it is done
        if pinned is not None:
            pinned.in_flight.append(self)

    def __call__(self) -> None:
        with self.turn:
            if not self.done:
                self.work()
                self.done = True


class PinnedMemory(bytearray):
    """Host memory that the device reads and writes by itself."""

    def __init__(self, size: int):
        super().__init__(size)
        self.in_flight: list[Task] = []  # which the host has not waited for


def pinned_base(host: numpy.ndarray) -> PinnedMemory | None:
    """The pinned memory that the array lies in, if it does."""
    base: Any = host
    while isinstance(base, numpy.ndarray):
        base = base.base
    if isinstance(base, memoryview):
        base = base.obj
    return base if isinstance(base, PinnedMemory) else None


#: How far the host knows each stream to have come, by the streams' numbers.
host: dict[int, int] = {}


def learn(known: dict[int, int], more: dict[int, int]) -> None:
    """Adds to what is known of the streams."""
    for stream, number in more.items():
        known[stream] = max(known.get(stream, 0), number)


numbers = itertools.count()
streams: "weakref.WeakValueDictionary[int, Stream]" = weakref.WeakValueDictionary()
here = threading.local()  # the current stream of each thread


class Stream:
    """Work in order; `ptr` is its number. The default stream's tasks are done at once."""

    def __init__(self, non_blocking: bool = False):
        self.is_default, self.ptr = not non_blocking, next(numbers)
        self.tasks: list[Task] = []  # which the host does not know to be done
        self.asked = 0
        self.known: dict[int, int] = {}
        self.uses: collections.deque[Use] = collections.deque(maxlen=5000)
        with lock:
            streams[self.ptr] = self

    def ask(self, read: list[Span], written: list[Span], task: Task | None = None) -> None:
        """Takes on work, done already if it is no task. RuntimeError if it races with another
        stream's."""
        with lock:
            for other in alive():
                if other is not self:
                    other.check(read, written, self.knows(other))
            self.asked += 1
            self.uses.append(Use(self.asked, read, written))
            if task is None:
                return
            self.tasks.append(task)
            if self.is_default:
                self.do()

    def knows(self, other: "Stream") -> int:
        """Up to which number the other one's work is done before what this one is asked for."""
        return max(self.known.get(other.ptr, 0), host.get(other.ptr, 0))

    def check(self, read: list[Span], written: list[Span], known: int) -> None:
        """RuntimeError if work that reads and writes this could come before what it depends on: of
        this stream's work, that up to number `known` is known to be done."""
        for use in reversed(self.uses):
            if use.number <= known:
                return
            if use.conflicts(read, written):
                raise RuntimeError(
                    "race: memory that another stream may still be working on is used without "
                    "waiting for its event"
                )

    def do(self) -> None:
        """Does all tasks so far. The host does not know that they are done."""
        for task in list(self.tasks):
            task()

    def __enter__(self) -> "Stream":
        self.do()
        self.outer, here.stream = current(), self
        return self

    def __exit__(self, *error: object) -> None:
        here.stream = self.outer

    def record(self, event: "Event | None" = None) -> "Event":
        event = event or Event()
        event.record(self)
        return event

    def wait_event(self, event: "Event") -> None:
        event.complete()
        with lock:
            learn(self.known, event.known)

    def synchronize(self) -> None:
        self.record().synchronize()


class Event:
    """A moment in a stream."""

    def __init__(self, disable_timing: bool = False):
        self.ahead: list[Task] = []
        self.known: dict[int, int] = {}
        self.polled = False

    def record(self, stream: Stream | None = None) -> None:
        stream = stream or current()
        self.time, self.stream, self.polled = time.perf_counter(), stream, False
        with lock:
            self.ahead = list(stream.tasks)
            self.known = {other.ptr: stream.knows(other) for other in alive()}
            self.known[stream.ptr] = stream.asked

    def complete(self) -> None:
        """Does all that was asked of the stream before. The host does not know that it is done."""
        for task in self.ahead:
            task()

    def synchronize(self) -> None:
        """The host waits until the device has come here."""
        machine.wait()
        self.reached()

    @property
    def done(self) -> bool:
        """Whether the device has come here: not yet, when the host asks for the first time."""
        if not self.polled:
            self.polled = True
            return False
        self.reached()
        return True

    def reached(self) -> None:
        """The host knows from now on that all before is done."""
        self.complete()
        with lock:
            learn(host, self.known)
            for task in self.ahead:
                if task in self.stream.tasks:
                    self.stream.tasks.remove(task)
                    if task.pinned is not None:
                        task.pinned.in_flight.remove(task)
            self.ahead = []


def check_for_host(span: Span) -> None:
    """RuntimeError if a stream may still be working where the host is about to read and write."""
    with lock:
        for stream in alive():
            stream.check([span], [span], host.get(stream.ptr, 0))


def alive() -> "list[Stream]":
    """All streams that there are."""
    return list(streams.values())


default = Stream()


def current() -> Stream:
    """The current stream of this thread."""
    return getattr(here, "stream", default)
