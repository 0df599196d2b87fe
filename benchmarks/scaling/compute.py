"""Times each layer of a net with batches of several sizes, on all ranks at the same time.

    mpirun -n 2 python -m benchmarks.scaling.compute --model alexnet-cifar

Each rank computes by itself and exchanges nothing: on as many ranks as there are cores, one bound
to each, all share the memory's bandwidth as they do in training. Prints JSON, from rank 0: for each
batch size and layer the seconds of forward and of backward in each round, and the seconds of the
update of all parameters; always those of the rank that took longest.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy
from threadpoolctl import threadpool_limits

from benchmarks.layers import time_layers
from benchmarks.measure import LEARNING_RATE, random_batch
from benchmarks.scaling.line import Line
from minialex import fast, models, optim
from minialex.command import run
from minialex.distributed.group import Group
from minialex.distributed.start import connect
from minialex.fast.update import Update


@dataclass(frozen=True)
class Compute:
    """The seconds of a net's layers, forward and backward, over the pictures that go through, and
    of the update of a parameter."""

    forward: Mapping[str, Line]
    backward: Mapping[str, Line]
    update: float

    def seconds(self, pictures: int, parameters: int) -> float:
        """Of a step of the whole net with so many of each."""
        lines = [*self.forward.values(), *self.backward.values()]
        return sum(line(pictures) for line in lines) + self.update * parameters

    @classmethod
    def of(cls, found: Mapping) -> "Compute":
        """What the measurement `found`, as JSON holds it, comes closest to."""
        sizes = found["layers"]
        forward, backward = (
            {
                name: Line.through({int(n): statistics.median(sizes[n][name][way]) for n in sizes})
                for name in next(iter(sizes.values()))
            }
            for way in (0, 1)
        )
        return cls(forward, backward, statistics.median(found["update"]) / found["parameters"])


def main(arguments: Sequence[str]) -> None:
    p = argparse.ArgumentParser(prog="python -m benchmarks.scaling.compute", description=__doc__)
    p.formatter_class = argparse.RawDescriptionHelpFormatter
    p.add_argument("--model", default="alexnet-cifar", choices=models.MODELS)
    p.add_argument("--batch-sizes", type=int, nargs="+", default=[1, 4, 16, 64])
    p.add_argument("--rounds", type=int, default=10)
    given = p.parse_args(arguments)
    ranks = connect()
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[ranks.rank % len(cores)]})
    network = models.build(given.model, rng=numpy.random.default_rng(0))
    engine = fast.prepare(network)
    batches = {size: random_batch(network, size) for size in given.batch_sizes}
    found: dict[int, dict[str, tuple[list[float], list[float]]]] = {size: {} for size in batches}
    for turn in range(-1, given.rounds):  # the first one is not measured
        for size, batch in batches.items():
            ranks.numbers(0)
            with threadpool_limits(1, user_api="blas"):
                own = time_layers(engine, *batch)
            for name, ways in slowest(ranks, own).items():
                kept = found[size].setdefault(name, ([], []))
                for rounds, seconds in zip(kept, ways, strict=True):
                    rounds += [seconds] if turn >= 0 else []
    update = Update(optim.SGD(network, LEARNING_RATE), engine.workers)
    updates = [slowest(ranks, {"update": [timed(ranks, update)]}) for _ in range(given.rounds + 1)]
    if ranks.rank == 0:
        about = {"parameters": network.parameter_count(), "layers": found}
        print(json.dumps({**about, "update": [each["update"][0] for each in updates[1:]]}))


def timed(ranks: Group, update: Update) -> float:
    """The seconds of an update, which all ranks begin together."""
    ranks.numbers(0)
    start = time.perf_counter()
    update()
    return time.perf_counter() - start


def slowest(ranks: Group, own: dict[str, list[float]]) -> dict[str, list[float]]:
    """The seconds of the rank that took longest for everything."""
    return max(ranks.everyones(own), key=lambda seconds: sum(map(sum, seconds.values())))


if __name__ == "__main__":
    run(main)
