"""Sums that are under way while the caller computes, when one of them fails."""

import time

import numpy
import pytest

from minialex.distributed.sums import RingSums


class BrokenRing:
    """A ring whose first sum fails when somebody looks at it for the second time."""

    def __init__(self):
        self.looks = 0

    def begin(self, x, tag, computed):
        pass

    def advance(self):
        self.looks += 1
        if self.looks == 2:
            raise MemoryError("no memory for a message")
        return self.looks > 2

    def join(self):
        pass


def test_what_goes_wrong_in_the_thread_is_raised_where_the_sums_are_waited_for():
    """The ring would say afterwards that it is complete."""
    x = numpy.ones(8, numpy.float32)
    sums = RingSums(2, x, lambda part: BrokenRing())
    sums.begin(x)
    until = time.monotonic() + 5
    while sums.failure is None and time.monotonic() < until:
        time.sleep(0.001)
    for call in (sums.wait, sums.wait, sums.advance):
        with pytest.raises(MemoryError, match="no memory for a message"):
            call()
