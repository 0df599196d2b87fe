"""The one place that limits BLAS's threads: requests that overlap in several threads."""

import threading

import pytest
from blas_threads import blas_threads as now
from threadpoolctl import threadpool_limits

from minialex.fast import blas


@pytest.fixture(autouse=True)
def two_threads():
    with threadpool_limits(2, user_api="blas"):
        if now() < 2:
            pytest.skip("BLAS knows of one core only")
        yield


def test_a_limit_holds_within_the_block_and_no_longer():
    with blas.limit(1):
        assert now() == 1
    assert now() == 2


def test_a_limit_is_lifted_when_the_block_ends_in_an_error():
    with pytest.raises(RuntimeError), blas.limit(1):
        raise RuntimeError
    assert now() == 2


def test_of_nested_limits_the_smaller_counts():
    with blas.limit(1):
        with blas.limit(2):
            assert now() == 1
        assert now() == 1
    assert now() == 2


def test_blocks_that_overlap_in_two_threads_put_everything_back():
    """The first to begin is the first to end; whoever restored what it found would leave 1."""
    entered, leave = threading.Event(), threading.Event()

    def first():
        with blas.limit(1):
            entered.set()
            leave.wait(timeout=10)

    thread = threading.Thread(target=first)
    thread.start()
    entered.wait(timeout=10)
    with blas.limit(1):
        leave.set()
        thread.join()
        assert now() == 1
    assert now() == 2


def test_a_limit_set_in_a_second_thread_holds():
    seen = []

    def second():
        with blas.limit(1):
            seen.append(now())

    thread = threading.Thread(target=second)
    thread.start()
    thread.join()
    assert seen == [1]
    assert now() == 2


def test_a_limit_gives_no_more_threads_than_there_were():
    with blas.limit(1_000_000):
        assert now() == 2
