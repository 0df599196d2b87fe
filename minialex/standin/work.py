"""What the device is asked to do is noted in three places: the account, the stream that checks for
races, and the graph, if one is recorded."""

from collections.abc import Callable, Iterable

import numpy

from minialex.standin import machine
from minialex.standin.account import Launch
from minialex.standin.cuda import streams
from minialex.standin.memory import span


def launch(
    name: str,
    read: Iterable[numpy.ndarray] = (),
    written: Iterable[numpy.ndarray] = (),
    flops: int = 0,
) -> None:
    """Notes a kernel called `name` that reads and writes these (host) arrays."""
    if not machine.recorded_here():
        streams.current().ask([*map(span, read)], [*map(span, written)])
    machine.account.starts += 1
    machine.account.log.append(
        Launch(name, sum(a.nbytes for a in read), sum(a.nbytes for a in written), flops)
    )


def work(written: list[numpy.ndarray], kernel: Callable[[], None]) -> None:
    """Runs `kernel`, which writes into these host arrays; notes it if a graph is recorded."""
    recording = machine.recorded_here()
    if recording:
        for memory in written:
            recording.keep(memory)
        recording.kernels.append(kernel)
    kernel()


def made(results: list[numpy.ndarray], kernel: Callable[[], list[numpy.ndarray]]) -> None:
    """Notes, if a graph is recorded, that kernel() made these host arrays and returns them anew."""
    recording = machine.recorded_here()
    if not recording:
        return

    def again() -> None:
        for memory, content in zip(results, kernel(), strict=True):
            memory[...] = content

    recording.results += results
    recording.kernels.append(again)
