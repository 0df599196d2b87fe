"""Preparing items in a background thread while the caller works on the one before."""

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


def prefetch(iterable: Iterable[Item], depth: int = 2) -> Iterator[Item]:
    """The items of `iterable`, made in a background thread at most `depth` ahead of the caller.

    An exception in the thread is raised here, after the items before it. Closing this generator, or
    leaving it by an exception, stops the thread once it has finished the current item.
    """
    room = threading.Semaphore(depth)
    # (item, None) for each item, then (None, exception): StopIteration at the regular end.
    ready = queue.SimpleQueue()
    closed = False

    def work():
        try:
            items = iter(iterable)
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
