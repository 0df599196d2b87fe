"""python -m benchmarks.scaling.step: how long a training step takes on the ranks of an mpirun.

Prints JSON, from rank 0: seconds of each measured step, with what it exchanges and, in turn,
without. Each rank has its share of the batch; a step has ended when it has on all ranks.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence

import numpy

from benchmarks.measure import LEARNING_RATE, random_batch
from minialex import fast, models, optim
from minialex.command import run
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
    p.add_argument("--threads", type=int, default=1, help="of each rank")
    p.add_argument("--seconds", type=float, default=5.0, help="how long to measure")
    given = p.parse_args(arguments)
    ranks = connect()
    scheme = Scheme.of(given.parallel, ranks)
    options = dict(lrn_groups=2) if given.model == "alexnet" and given.parallel == "towers" else {}
    network = models.build(given.model, rng=numpy.random.default_rng(0), **options)
    part, loss = Part(network, scheme), SoftmaxCrossEntropy()
    optimizer = part.optimizer(optim.SGD(network, LEARNING_RATE))
    engine = fast.prepare(part.network, given.threads)
    x, labels = random_batch(network, given.batch_size)
    own = scheme.pictures.share(given.batch_size)
    x, labels = x[own], labels[own]
    steps: dict[str, Callable] = {}
    if ranks.size == 1:
        steps["alone"] = fast.TrainingStep(engine, loss, optimizer)
    else:
        steps["together"] = SharedStep(part, engine, loss, optimizer)
        if scheme.linear.size == 1:
            steps["without sums"] = fast.TrainingStep(engine, loss, optimizer)
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for step in (*steps.values(), *steps.values()):
        step(x, labels)
    start = time.perf_counter()
    while not ranks.any(time.perf_counter() - start > given.seconds):
        for name, step in steps.items():
            ranks.numbers(0)
            before = time.perf_counter()
            step(x, labels)
            ranks.numbers(0)
            seconds[name].append(time.perf_counter() - before)
    if ranks.rank == 0:
        print(json.dumps(seconds))


if __name__ == "__main__":
    run(main)
