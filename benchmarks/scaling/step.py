"""Times a training step on the ranks of an mpirun, against one process, in turn.

The first rank is a process of its own, with as many threads as there are other ranks; those take
the same steps together, bound to a core each if there are enough. Whoever does not have the turn
sleeps. Prints JSON, from rank 0: the seconds of each step of

alone         the one process
together      the other ranks, each with its share of the batch
without sums  the same without adding up gradients, in the scheme "data"
unbound       the same as together, but each rank may use all cores, in the scheme "data"
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence

import numpy

from benchmarks.measure import LEARNING_RATE, PAUSE, random_batch
from benchmarks.scaling import imagined
from minialex import fast, models, optim
from minialex.command import run
from minialex.distributed.group import ALONE, Group
from minialex.distributed.part import Part
from minialex.distributed.scheme import SCHEMES, Scheme
from minialex.distributed.start import connect
from minialex.distributed.step import SharedStep
from minialex.layers import SoftmaxCrossEntropy


def main(arguments: Sequence[str]) -> None:
    p = argparse.ArgumentParser(prog="python -m benchmarks.scaling.step", description=__doc__)
    p.add_argument("--model", default="alexnet-cifar", choices=models.MODELS)
    p.add_argument("--batch-size", type=int, default=128, help="of all ranks together")
    p.add_argument("--parallel", choices=SCHEMES, default="data")
    p.add_argument("--rounds", type=int, default=20)
    given = p.parse_args(arguments)
    everybody = connect()
    first = everybody.rank == 0
    count = everybody.size - 1
    ranks = everybody.split(int(not first))
    steps = steps_of(given, None if first else ranks, count if first else 1)
    found: dict[str, list[float]] = {}
    for turn in range(-2, given.rounds):  # the first two are not measured
        for name in ("alone", "together", "without sums", "unbound"):
            wait(everybody)
            time.sleep(PAUSE)
            seconds = timed(steps[name], ranks) if name in steps else 0.0
            slowest = float(everybody.numbers(seconds).max())
            if turn >= 0 and slowest:
                found.setdefault(name, []).append(slowest)
    if first:
        print(json.dumps(found))


def steps_of(given: argparse.Namespace, ranks: Group | None, threads: int) -> dict[str, Callable]:
    """What this process can do when it has the turn; without `ranks`, alone."""
    scheme = Scheme.of(given.parallel, ranks or ALONE)
    network = imagined.network(given.model, given.parallel, numpy.random.default_rng(0))
    part, loss = Part(network, scheme), SoftmaxCrossEntropy()
    optimizer = part.optimizer(optim.SGD(network, LEARNING_RATE))
    engine = fast.prepare(part.network, threads)
    x, labels = random_batch(network, given.batch_size)
    own = scheme.pictures.share(given.batch_size)
    x, labels = x[own], labels[own]
    alone = fast.TrainingStep(engine, loss, optimizer)
    if ranks is None or ranks.size == 1:
        return {"together" if ranks else "alone": lambda: alone(x, labels)}
    shared = SharedStep(part, engine, loss, optimizer)
    cores = sorted(os.sched_getaffinity(0))
    own_core = cores[ranks.rank : ranks.rank + 1] if ranks.size <= len(cores) else cores
    steps = {"together": bound(own_core, lambda: shared(x, labels))}
    if given.parallel == "data":
        steps["without sums"] = bound(own_core, lambda: alone(x, labels))
        if own_core != cores:
            steps["unbound"] = bound(cores, lambda: shared(x, labels))
    return steps


def bound(cores: Sequence[int], step: Callable) -> Callable:
    """The step on these cores."""

    def on_cores() -> None:
        os.sched_setaffinity(0, cores)
        step()

    return on_cores


def timed(step: Callable, ranks: Group) -> float:
    """The seconds of a step, from when all of the ranks begin."""
    ranks.numbers(0)
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def wait(ranks: Group) -> None:
    """Until all of the ranks are here; asleep, where MPI's own waiting takes a whole core."""
    request = ranks.comm.Ibarrier()
    while not request.Test():
        time.sleep(0.002)


if __name__ == "__main__":
    run(main)
