"""Measures what lies between the ranks of an mpirun: messages, and sums around the ring.

    mpirun -n 2 python -m benchmarks.scaling.link
    mpirun --host one,other python -m benchmarks.scaling.link

Ranks 0 and 1 send arrays of several sizes to and fro, one at a time; then all ranks add up
gradients as they do in training, all of them sending and receiving at the same time. Prints JSON,
from rank 0: seconds, with one number for each time that it was measured.
"""

import argparse
import itertools
import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

import numpy

from benchmarks.scaling.line import Line
from benchmarks.scaling.model import Link
from minialex.command import run
from minialex.distributed.gradients import Gradients
from minialex.distributed.group import Group
from minialex.distributed.start import connect
from minialex.distributed.sums import PART_BYTES
from minialex.errors import InputError
from minialex.layers import Linear
from minialex.network import Network

#: Bytes of the messages, and of the part of each rank in what is added up in one piece.
MESSAGES = tuple(8**i for i in range(1, 9))
PARTS = (1 << 10, 1 << 13, 1 << 16, 1 << 19, PART_BYTES)

#: Bytes of two arrays that are too large for a cache, to be added to each other.
LARGE = 1 << 26

#: One measurement repeats what is short until so many bytes are through, but not more often than
#: this.
BYTES, REPEATS = 1 << 24, 200


def main(arguments: Sequence[str]) -> None:
    p = argparse.ArgumentParser(prog="python -m benchmarks.scaling.link", description=__doc__)
    p.formatter_class = argparse.RawDescriptionHelpFormatter
    p.add_argument("--rounds", type=int, default=20)
    given = p.parse_args(arguments)
    ranks = connect()
    if ranks.size < 2:
        raise InputError("a link is between two processes: mpirun -n 2 python -m …")
    found: dict[str, dict[int, list[float]]] = {"messages": {}, "parts": {}, "additions": {}}
    for turn in range(-1, given.rounds):  # the first one is not measured
        for kind, sizes, prepare in (
            ("messages", MESSAGES, message),
            ("parts", PARTS, sum_of_parts),
            ("additions", (LARGE,), addition),
        ):
            for size in sizes:
                seconds = timed(prepare(ranks, size), ranks, size)
                if turn >= 0:
                    found[kind].setdefault(size, []).append(seconds)
    if ranks.rank == 0:
        print(json.dumps({"ranks": ranks.size, **found}))


def timed(once: Callable[[], None], ranks: Group, size: int) -> float:
    """The seconds of a call that has to do with so many bytes, on the slowest rank; the first call
    is not measured."""
    count = max(1, min(REPEATS, BYTES // size))
    once()
    ranks.numbers(0)
    start = time.perf_counter()
    for _ in range(count):
        once()
    return float(ranks.numbers(time.perf_counter() - start).max()) / count


def message(ranks: Group, size: int) -> Callable[[], None]:
    """An array sent from rank 0 to rank 1 or, every other time, back."""
    array, senders = numpy.ones(size, numpy.uint8), itertools.cycle([0, 1])

    def once() -> None:
        sender = next(senders)
        if ranks.rank == sender:
            ranks.comm.Send(array, 1 - sender)
        elif ranks.rank == 1 - sender:
            ranks.comm.Recv(array, sender)

    return once


def sum_of_parts(ranks: Group, size: int) -> Callable[[], None]:
    """The sum of the gradients of a layer, of which each rank adds up so many bytes."""
    layer = Linear(1, size * ranks.size // 8, rng=numpy.random.default_rng(0))
    gradients = Gradients(Network([("fc1", layer)], (1,)), ranks)
    layer.grads = {name: gradients.arrays[f"fc1.{name}"] for name in layer.params}

    def once() -> None:
        gradients.finished("fc1")
        gradients.wait()

    return once


def addition(ranks: Group, size: int) -> Callable[[], None]:
    """An array added to another, on all ranks at the same time."""
    array, other = numpy.zeros((2, size // 4), numpy.float32)

    def once() -> None:
        numpy.add(array, other, out=array)

    return once


def link(found: Mapping) -> Link:
    """The link that the seconds in `found`, as JSON holds them, come closest to.

    Latency is that of a message. Time per byte is that of the sums' rounds, where every rank sends
    and receives at the same time, and adds up what it has received in every other one; what a round
    takes besides is minialex's own. All ranks are on one machine, so their own cores copy what is
    sent, and nothing of it hides.
    """
    (size, seconds), *_ = found["additions"].items()
    addition, rounds = statistics.median(seconds) / int(size), 2 * (found["ranks"] - 1)
    message = line(found["messages"])
    each = line({n: [total / rounds for total in taken] for n, taken in found["parts"].items()})
    own = max(0.0, each.fixed - message.fixed)
    byte = max(0.0, each.each - addition / 2)
    return Link(message.fixed, byte, addition, own, part=PART_BYTES, background=False)


def line(seconds: Mapping[str, Sequence[float]]) -> Line:
    """The line through the medians, over bytes."""
    return Line.through({int(size): statistics.median(each) for size, each in seconds.items()})


if __name__ == "__main__":
    run(main)
