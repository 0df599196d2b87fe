"""CuPy's module cupy.cuda, as far as minialex needs it."""

import contextlib
from typing import Any

from minialex.standin.cuda import nccl, runtime
from minialex.standin.cuda.device import Device, MemoryPool
from minialex.standin.cuda.graphs import Graph, Stream
from minialex.standin.cuda.streams import Event, PinnedMemory, current

__all__ = [
    "Device",
    "Event",
    "Graph",
    "MemoryPool",
    "Stream",
    "alloc_pinned_memory",
    "get_cublas_handle",
    "get_current_stream",
    "get_elapsed_time",
    "is_available",
    "nccl",
    "runtime",
    "using_allocator",
]

alloc_pinned_memory = PinnedMemory
get_current_stream = current


def is_available() -> bool:
    """True: whoever takes the stand-in has a device."""
    return True


def get_elapsed_time(start: Event, stop: Event) -> float:
    """Milliseconds between two events, by the host's clock."""
    return 1e3 * (stop.time - start.time)


def get_cublas_handle() -> int:
    """A handle that means nothing."""
    return 1


def using_allocator(allocator: Any) -> contextlib.AbstractContextManager[None]:
    """Within it nothing is allocated otherwise."""
    return contextlib.nullcontext()
