"""Steps replayed on a GPU: recorded once as a CUDA graph, and then started as a whole.

Starting a kernel takes Python longer than most kernels of a small net take to run. A CUDA graph
holds all kernels of a step with their arguments, and one call starts it.
"""

import contextlib
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy

from minialex import backend
from minialex.backend import Array
from minialex.fast.gpu import cublas

#: How often a function is called with arrays of the same shapes before it is recorded: its kernels
#: are then compiled, and its memory is there.
BEFORE = 2

#: How many recordings are kept of one function, each for other shapes; and how often one of them
#: is recorded again before that is given up.
MOST, TIMES = 8, 3


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
        self.times: Counter[tuple] = Counter()  #: how often each was recorded
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
        in_vain = self.times[key] == TIMES  # something changes again and again
        if self.calls[key] <= BEFORE or in_vain or self.problem:
            return own(self.function(*(backend.to_device(x, xp) for x in inputs)))
        return self.recorded(key, [xp.array(x) for x in inputs], lasting)

    def recorded(self, key: tuple, inputs: list[Array], lasting: list) -> tuple[Array, ...]:
        """Calls the function, and then records a call, which runs nothing.

        The first call leaves its temporaries to a pool that nobody else uses, and the second finds
        them there: while it is recorded, no memory has to be found, and none of what it works in is
        ever given to others.
        """
        xp = backend.of(inputs[0])
        with apart(xp) as (stream, pool):
            answer = own(self.function(*inputs))
            try:
                graph, results = captured(stream, lambda: self.function(*inputs))
            except Exception as error:  # CuPy raises many kinds
                self.problem = error
                reason = " ".join(str(error).split())
                problem = "this step cannot be replayed as a CUDA graph"
                print(f"note: {problem}: {reason}", file=sys.stderr)
                return answer
        self.times[key] += 1
        self.recordings.pop(key, None)
        if len(self.recordings) == MOST:
            del self.recordings[next(iter(self.recordings))]
        held = [pool, cublas.of(xp), *self.memory()]
        self.recordings[key] = Recording(graph, inputs, results, held, lasting)
        return answer


@contextlib.contextmanager
def apart(xp: ModuleType) -> Iterator[tuple[Any, Any]]:
    """A stream and a pool of memory, used by all that is within it, after all that came before and
    before all that comes after."""
    cuda = xp.cuda
    usual, stream = cuda.get_current_stream(), cuda.Stream(non_blocking=True)
    xp.get_default_memory_pool().free_all_blocks()  # the new pool cannot take what lies idle there
    pool = cuda.MemoryPool()
    stream.wait_event(usual.record())
    try:
        with cuda.using_allocator(pool.malloc), stream:
            yield stream, pool
    finally:
        usual.wait_event(stream.record())


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
    if backend.on_gpu(x):
        fixed[...] = x
    else:
        fixed.set(numpy.ascontiguousarray(x))


def is_same(one: Any, other: Any) -> bool:
    """Whether the two are one object, or equal numbers."""
    return one is other or (isinstance(one, int | float) and one == other)
