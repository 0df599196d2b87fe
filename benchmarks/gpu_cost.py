"""python -m benchmarks.gpu_cost: the cost of a training step on a GPU, predicted without a GPU.

The step runs on tests/gpu/standin.py, which computes on the CPU and records every kernel: how many
bytes it reads and writes and how many multiplications it does. The floor is the least that such
layers can move: each layer reads each of its inputs once and writes each of its outputs once. The
columns of im2col are built in the forward and again in the backward pass; each time they count as
written once and read once. The pools' winners and LRN's scale count as outputs of the forward pass
and inputs of the backward pass.

A kernel takes the time of its bytes or of its multiplications, whichever is longer, on a card with
the given bandwidth and rate. The predicted time is the sum over all kernels, or the time Python
takes to start them if that is longer. Not included: copying pictures to the card (printed as "up"),
arithmetic other than matrix products, and that small kernels reach neither the bandwidth nor the
rate.
"""

import argparse
import itertools
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy

from benchmarks.floors import floors
from benchmarks.speed_options import sizes, some_of
from minialex import fast, models, optim
from minialex.command import Parser, number, run
from minialex.layers import SoftmaxCrossEntropy
from minialex.network import Network

sys.path.append(str(Path(__file__).parents[1] / "tests" / "gpu"))
import standin

EXAMPLES = """\
  python -m benchmarks.gpu_cost
      alexnet with 128 pictures on an H100
  python -m benchmarks.gpu_cost --models alexnet-cifar --batch-sizes 1,128
  python -m benchmarks.gpu_cost --layers --bandwidth 1.0 --rate 20
      each layer's share, on a smaller card
"""


def main(arguments: Sequence[str]) -> None:
    parser = Parser(
        "gpu_cost", "Predicts the cost of a training step on a GPU, without a GPU.", EXAMPLES
    )
    parser.prog = "python -m benchmarks.gpu_cost"
    some = some_of(models.MODELS)
    parser.add_argument(
        "--models", type=some, default=("alexnet",), metavar="A,B", help="default: alexnet"
    )
    parser.add_argument(
        "--batch-sizes", type=sizes, default=(128,), metavar="N,M", help="default: 128"
    )
    bandwidth, rate = (
        "of the card's memory, TB/s (default: 3.0, an H100's)",
        "float32 TFLOP/s (default: 50, an H100's)",
    )
    parser.add_argument(
        "--bandwidth",
        type=number(float, 0, exclusive=True),
        default=3.0,
        metavar="TB",
        help=bandwidth,
    )
    parser.add_argument(
        "--rate", type=number(float, 0, exclusive=True), default=50.0, metavar="TFLOP", help=rate
    )
    start = "Python's time to start a kernel (default: 5, a guess)"
    parser.add_argument(
        "--start", type=number(float, 0), default=5.0, metavar="MICROSECONDS", help=start
    )
    parser.add_argument("--layers", action="store_true", help="a line for each layer")
    given = parser.parse_args(arguments)
    card = f"{given.bandwidth:g} TB/s and {given.rate:g} TFLOP/s"
    print(f"Training steps on a card with {card}, predicted\n")
    print(HEAD)
    for name, size in itertools.product(given.models, given.batch_sizes):
        step = Step(models.build(name, rng=numpy.random.default_rng(0)), size)
        if given.layers:
            print(f"\n{name}, batch {size}")
            for layer, parts in step.parts.items():
                print(row(layer, parts, given))
        launches, floor = zip(*step.parts.values(), strict=True)
        total = list(itertools.chain(*launches)), sum(floor)
        rate = size / predicted(total[0], given)
        print(
            row(f"{name} ×{size}", total, given),
            f"{rate:>8,.0f} {step.uploaded / 1e6:>5.0f}",
            flush=True,
        )
    print("\nfloor: GB if each input is read once and each output written once")
    print("ratio: GB moved / floor; up: to the card")


FORM = "{:<18} {:>8} {:>8} {:>7} {:>5} {:>6} {:>7}"
HEAD = (
    FORM.format("", "launches", "GB moved", "floor", "ratio", "TFLOP", "ms")
    + f" {'images/s':>8} {'MB up':>5}"
)


def row(name: str, parts: tuple[list, int], given: argparse.Namespace) -> str:
    """The table's line for a layer or a step, given its kernels and its floor in bytes."""
    launches, floor = parts
    moved, flops = (
        sum(each.read + each.written for each in launches),
        sum(each.flops for each in launches),
    )
    ratio = f"{moved / floor:.2f}" if floor else "–"
    milliseconds = f"{1e3 * predicted(launches, given):.3f}"
    figures = (
        f"{moved / 1e9:.3f}",
        f"{floor / 1e9:.3f}",
        ratio,
        f"{flops / 1e12:.3f}",
        milliseconds,
    )
    return FORM.format(name, len(launches), *figures)


def predicted(launches: list, given: argparse.Namespace) -> float:
    """Seconds that the kernels take one after the other while the host starts the next ones."""
    memory, compute = given.bandwidth * 1e12, given.rate * 1e12
    card = sum(max((each.read + each.written) / memory, each.flops / compute) for each in launches)
    return max(card, len(launches) * given.start / 1e6)


class Step:
    """One training step of the network on the stand-in.

    parts: maps "conv1 forward", …, "loss backward", "update" to the kernels launched there and
        their floor in bytes.
    uploaded: bytes copied from the host.
    """

    def __init__(self, network: Network, batch_size: int):
        self.parts = {}
        rng = numpy.random.default_rng(0)
        x = rng.standard_normal((batch_size, *network.input_shape), dtype=numpy.float32)
        labels = rng.integers(0, network.shapes()[list(network.layers)[-1]][0], batch_size)
        engine, loss = fast.prepare(network.to(standin)), SoftmaxCrossEntropy()
        optimizer = optim.SGD(network)
        engine.step(x, labels, loss)  # allocates the memory that later steps reuse
        engine.update(optimizer)
        shape = network.input_shape
        for step, layer in zip(engine.steps, [*engine.split[0], *engine.whole], strict=True):
            before, shape = shape, layer.output_shape(shape)
            first = step is engine.steps[0]
            forward, backward = floors(layer, batch_size, before, shape, first)
            self.watch(layer, "forward", f"{step.name} forward", forward)
            self.watch(layer, "backward", f"{step.name} backward", backward)
        logits = 4 * batch_size * network.shapes()[list(network.layers)[-1]][0]
        self.watch(loss, "forward", "loss forward", logits)
        self.watch(loss, "backward", "loss backward", 2 * logits)
        self.watch(engine, "update", "update", 5 * 4 * network.parameter_count())
        with standin.accounting() as account:
            engine.step(x, labels, loss)
            engine.update(optimizer)
        self.uploaded = account.uploaded
        if account.waits:
            raise RuntimeError(f"the step waited {account.waits} times for the device")
        counted = sum(len(launches) for launches, _ in self.parts.values())
        if counted != len(account.log):
            raise RuntimeError(f"{len(account.log) - counted} kernels belong to no layer")

    def watch(self, thing: object, method: str, name: str, floor: int) -> None:
        """Makes each call of thing.method record its kernels and `floor` under `name`."""
        function = getattr(thing, method)

        def watched(*args, **options):
            before = len(standin.account.log)
            result = function(*args, **options)
            self.parts[name] = standin.account.log[before:], floor
            return result

        setattr(thing, method, watched)


if __name__ == "__main__":
    run(main)
