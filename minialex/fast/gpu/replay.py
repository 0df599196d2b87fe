"""Steps replayed on a GPU: recorded once as a CUDA graph, and then started as a whole.

Starting a kernel takes Python longer than most kernels of a small net take to run. A CUDA graph
holds all kernels of a step with their arguments, and one call starts it.
"""

import contextlib
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy

from minialex import backend
from minialex.backend import Array
from minialex.fast.gpu import cublas

#: How often a function is called with arrays of the same shapes before it is recorded: its kernels
#: are then compiled, and its memory is there.
BEFORE = 2

#: How many recordings are kept of one function, each for other shapes.
MOST = 8


@dataclass
class Recording:
    """A recorded call, and everything that its kernels read and write."""

    graph: Any
    inputs: list[Array]
    results: tuple[Array, ...]
    held: list  #: what else must not be freed while the graph is there
    valid_for: list


class Replayed:
    """Calls `function` with device arrays, and replays what it did before where it can.

    function    takes and returns arrays. It must do the same work every time: start the same
                kernels on the same memory, with nothing decided by numbers on the device or drawn
                on the host. What changes from call to call lies in arrays.
    lasting     what it depends on besides its arguments: arrays first, then any settings. If one of
                them has been replaced by another object, it is recorded again.
    memory      further arrays that it works in; they are kept while the recording is.
    """

    def __init__(
        self,
        function: Callable[..., tuple[Array, ...]],
        lasting: Callable[[], Iterable[Any]],
        memory: Callable[[], Iterable[Any]],
    ):
        self.function, self.lasting, self.memory = function, lasting, memory
        self.calls: Counter[tuple] = Counter()
        self.recordings: dict[tuple, Recording] = {}
        self.problem: Exception | None = None  #: why nothing is recorded here

    def __call__(self, *inputs: Array) -> tuple[Array, ...]:
        """What function(*inputs) returns, in arrays of the caller's own; inputs may lie on the
        host."""
        lasting = list(self.lasting())
        key = tuple((x.shape, str(x.dtype)) for x in inputs)
        recording = self.recordings.get(key)
        if recording and all(map(is_same, recording.valid_for, lasting)):
            for fixed, x in zip(recording.inputs, inputs, strict=True):
                write(fixed, x)
            recording.graph.launch()
            return own(recording.results)
        xp = backend.of(lasting[0])
        self.calls[key] += 1
        if self.calls[key] <= BEFORE or self.problem:
            return own(self.function(*(backend.to_device(x, xp) for x in inputs)))
        return self.recorded(key, [xp.array(x) for x in inputs], lasting)

    def recorded(self, key: tuple, inputs: list[Array], lasting: list) -> tuple[Array, ...]:
        """Calls the function, and then records a call, which runs nothing.

        In between the two no memory is asked for that is not there already: both take their
        temporaries from the same pool, which nobody else uses.
        """
        cuda = backend.of(inputs[0]).cuda
        before, stream = cuda.get_current_stream(), cuda.Stream(non_blocking=True)
        pool = cuda.MemoryPool()
        stream.wait_event(before.record())
        with cuda.using_allocator(pool.malloc), stream:
            answer = own(self.function(*inputs))
            try:
                graph, results = captured(stream, lambda: self.function(*inputs))
            except Exception as error:  # CuPy raises many kinds
                self.problem = error
                reason = " ".join(str(error).split())
                print(
                    f"note: this step cannot be replayed as a CUDA graph: {reason}", file=sys.stderr
                )
            else:
                if len(self.recordings) == MOST:
                    del self.recordings[next(iter(self.recordings))]
                held = [pool, cublas.of(backend.of(inputs[0])), *self.memory()]
                self.recordings[key] = Recording(graph, inputs, results, held, lasting)
        before.wait_event(stream.record())
        return answer


def captured(stream: Any, function: Callable[[], tuple[Array, ...]]) -> tuple[Any, tuple]:
    """The graph of the work that the function gives to the stream, which is not done, and what the
    function returns."""
    stream.begin_capture()
    try:
        results = function()
    except BaseException:
        with contextlib.suppress(Exception):  # it fails if what went wrong has ended it
            stream.end_capture()
        raise
    return stream.end_capture(), results


def own(results: tuple[Array, ...]) -> tuple[Array, ...]:
    """Copies, which the next call does not write over."""
    return tuple(result.copy() for result in results)


def write(fixed: Array, x: Array) -> None:
    """Copies x, on the host or on the device, into `fixed`."""
    if backend.of(x) is numpy:
        fixed.set(numpy.ascontiguousarray(x))
    else:
        fixed[...] = x


def is_same(one: Any, other: Any) -> bool:
    """Whether the two are one object."""
    return one is other
