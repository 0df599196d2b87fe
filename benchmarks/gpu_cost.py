"""python -m benchmarks.gpu_cost: the cost of a training step on a GPU, predicted without a GPU.

The step runs on minialex.standin, which computes on the CPU and records every kernel: how many
bytes it reads and writes and how many multiplications it does. The floor is the least that such
layers can move: each layer reads each of its inputs once and writes each of its outputs once. The
columns of im2col are built in the forward and again in the backward pass; each time they count as
written once and read once. The pools' winners and LRN's scale count as outputs of the forward pass
and inputs of the backward pass.

A kernel takes the time of its bytes or of its multiplications, whichever is longer, on a card with
the given bandwidth and rate, and at least a certain time. A step is replayed as a CUDA graph, so
Python starts only a few things. The predicted time is the sum over all kernels, or the time Python
takes to start those things if that is longer. Not included: the pictures' way to the card, which
they make while the card computes, arithmetic other than matrix products, and that kernels of some
size reach neither the bandwidth nor the rate.
"""

import argparse
import itertools
from collections.abc import Sequence

import numpy

from benchmarks.floors import floors
from benchmarks.speed_options import sizes, some_of
from minialex import fast, models, optim, standin
from minialex.command import Parser, number, run
from minialex.fast.gpu.replay import BEFORE
from minialex.layers import SoftmaxCrossEntropy
from minialex.network import Network

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
    least = "of the shortest kernel in a graph (default: 2, a guess)"
    parser.add_argument(
        "--shortest", type=number(float, 0), default=2.0, metavar="MICROSECONDS", help=least
    )
    start = "Python's time to start something (default: 10, a guess)"
    parser.add_argument(
        "--start", type=number(float, 0), default=10.0, metavar="MICROSECONDS", help=start
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
        seconds = max(on_card(total[0], given), step.starts * given.start / 1e6)
        rate = f"{size / seconds:>8,.0f} {step.starts:>6}"
        print(row(f"{name} ×{size}", total, given), rate, flush=True)
    print("\nfloor: MB if each input is read once and each output written once")
    print("ratio: MB moved / floor; starts: what Python starts, of all those kernels")


FORM = "{:<18} {:>7} {:>8} {:>7} {:>5} {:>6} {:>7}"
HEAD = (
    FORM.format("", "kernels", "MB moved", "floor", "ratio", "GFLOP", "ms")
    + f" {'images/s':>8} {'starts':>6}"
)


def row(name: str, parts: tuple[list, int], given: argparse.Namespace) -> str:
    """The table's line for a layer or a step, given its kernels and its floor in bytes."""
    launches, floor = parts
    moved, flops = (
        sum(each.read + each.written for each in launches),
        sum(each.flops for each in launches),
    )
    ratio = f"{moved / floor:.2f}" if floor else "–"
    milliseconds = f"{1e3 * on_card(launches, given):.3f}"
    figures = (
        f"{moved / 1e6:,.1f}",
        f"{floor / 1e6:,.1f}",
        ratio,
        f"{flops / 1e9:.1f}",
        milliseconds,
    )
    return FORM.format(name, len(launches), *figures)


def on_card(launches: list, given: argparse.Namespace) -> float:
    """Seconds that the kernels take one after the other."""
    memory, compute, shortest = given.bandwidth * 1e12, given.rate * 1e12, given.shortest / 1e6
    return sum(
        max((each.read + each.written) / memory, each.flops / compute, shortest)
        for each in launches
    )


class Step:
    """One training step of the network on the stand-in.

    parts: maps "conv1 forward", …, "loss backward", "update" and "rest" to the kernels launched
        there and their floor in bytes.
    starts: how many things Python starts once the step is recorded.
    """

    def __init__(self, network: Network, batch_size: int):
        self.parts: dict[str, tuple[list, int]] = {}
        self.counted: set[int] = set()
        rng = numpy.random.default_rng(0)
        x = rng.standard_normal((batch_size, *network.input_shape), dtype=numpy.float32)
        labels = rng.integers(0, network.shapes()[list(network.layers)[-1]][0], batch_size)
        engine, loss = fast.prepare(network.to(standin)), SoftmaxCrossEntropy()
        training_step = fast.TrainingStep(engine, loss, optim.SGD(network))
        for _ in range(BEFORE + 2):  # two pictures: what is started does not depend on the batch
            with standin.accounting() as account:
                training_step(x[:2], labels[:2])
        self.starts = account.starts
        if account.waits:
            raise RuntimeError(f"the step waited {account.waits} times for the device")
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
        self.watch(training_step.update, "run", "update", 5 * 4 * network.parameter_count())
        with standin.accounting() as account:
            training_step.work(standin.asarray(x), standin.asarray(labels))
        rest = [each for i, each in enumerate(account.log) if i not in self.counted]
        self.parts["rest"] = rest, 0

    def watch(self, thing: object, method: str, name: str, floor: int) -> None:
        """Makes each call of thing.method record its kernels and `floor` under `name`."""
        function = getattr(thing, method)

        def watched(*args, **options):
            log = standin.machine.account.log
            before = len(log)
            result = function(*args, **options)
            self.parts[name] = log[before:], floor
            self.counted |= set(range(before, len(log)))
            return result

        setattr(thing, method, watched)


if __name__ == "__main__":
    run(main)
