"""prefetch: order, how far it works ahead, exceptions, and a thread that always ends."""

import threading
import time

import numpy
import pytest
from data_helpers import no_new_threads, prefetch_threads

from minialex.data.prefetch import prefetch


@pytest.fixture(autouse=True)
def no_thread_is_left():
    with no_new_threads():
        yield


def test_all_items_arrive_in_order():
    assert list(prefetch(iter(range(100)))) == list(range(100))
    assert list(prefetch([])) == []


def test_the_thread_works_ahead_of_the_caller_by_at_most_its_depth():
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
        time.sleep(0.002)  # time in which it could go too far
        assert len(made) <= i + 1 + 2
    items.close()


def test_an_exception_reaches_the_caller_after_the_items_before_it():
    def numbers():
        yield 1
        yield 2
        raise OSError("the disk is gone")

    got = []
    with pytest.raises(OSError, match="the disk is gone"):
        for item in prefetch(numbers()):
            got.append(item)
    assert got == [1, 2]


class Dead(BaseException):
    """What ends a thread, and is no Exception."""


class Unreadable:
    """What cannot even be begun."""

    def __iter__(self):
        raise Dead


def dies_while_the_caller_waits():
    yield 1
    time.sleep(0.05)
    raise Dead


def dies_at_once():
    raise Dead
    yield


@pytest.mark.parametrize("items", [Unreadable, dies_at_once, dies_while_the_caller_waits])
def test_a_thread_that_dies_ends_the_caller_with_its_error(items):
    """In a thread of its own: a caller that waits for ever would not fail."""
    met = []

    def caller():
        try:
            list(prefetch(items()))
        except Dead as error:
            met.append(error)

    thread = threading.Thread(target=caller, daemon=True)
    thread.start()
    thread.join(20)
    assert [type(error) for error in met] == [Dead]


def test_a_caller_that_ends_early_does_not_wait_for_an_error():
    died = threading.Event()

    def dies():
        yield 1
        died.set()
        raise Dead

    items = prefetch(dies())
    assert next(items) == 1
    assert died.wait(10)
    items.close()


def endless():
    while True:
        yield numpy.zeros(10)


def test_closing_stops_a_thread_that_waits_for_the_caller():
    items = prefetch(endless())
    next(items)
    time.sleep(0.05)  # now it waits
    assert len(prefetch_threads()) == 1
    items.close()
    assert not prefetch_threads()


def test_closing_waits_for_the_current_item():
    proceed, finished = threading.Event(), []

    def numbers():
        yield 0
        proceed.wait(10)
        finished.append(1)
        yield 1

    items = prefetch(numbers())
    next(items)
    timer = threading.Timer(0.1, proceed.set)
    timer.start()
    items.close()
    assert finished == [1]
    timer.join()


def test_breaking_out_of_a_loop_stops_the_thread():
    for _ in prefetch(endless()):
        assert len(prefetch_threads()) == 1
        break
    assert not prefetch_threads()


def test_an_interrupt_in_the_loop_stops_the_thread():
    def train():
        for _ in prefetch(endless()):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train()
