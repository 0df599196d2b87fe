"""The recording of a CUDA graph."""

import threading
from collections.abc import Callable

import numpy

from minialex.standin.account import Account
from minialex.standin.memory import fill_with_garbage, owner


class Recording:
    """What happens between begin_capture and end_capture of a stream.

    On a device nothing is done then. Here every kernel runs, so that its result has a shape, and is
    undone at the end: what it wrote over is restored, what it made is garbage. The graph does the
    kernels again, on the same memory.
    """

    def __init__(self) -> None:
        self.thread = threading.current_thread()
        self.kernels: list[Callable[[], None]] = []
        self.before: dict[tuple, tuple[numpy.ndarray, numpy.ndarray]] = {}
        self.results: list[numpy.ndarray] = []
        self.account = Account()

    def keep(self, memory: numpy.ndarray) -> None:
        """Keeps what is in the memory, before it is written to for the first time."""
        if not any(owner(memory) is result for result in self.results):
            place = (memory.ctypes.data, memory.shape, memory.strides)
            if place not in self.before:
                self.before[place] = memory, memory.copy()

    def undo(self) -> None:
        for memory, content in reversed(self.before.values()):
            memory[...] = content
        for memory in self.results:
            fill_with_garbage(memory)
        self.before.clear()
