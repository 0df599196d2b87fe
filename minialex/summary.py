"""python -m minialex.summary: a model layer by layer, its shapes as the paper writes them, and what
it costs."""

import textwrap
from collections.abc import Sequence

from minialex import fast, models
from minialex.command import MOST_WORKERS, Parser, number, run, thread_count
from minialex.cores import usable_cores
from minialex.errors import InputError
from minialex.fast import footprint
from minialex.fast.explain import explain
from minialex.fast.gpu import footprint as gpu_footprint
from minialex.fast.memory import GPU_WORKSPACE
from minialex.layer_table import HEADINGS, rows, shape
from minialex.layers import Conv2d, Linear
from minialex.network import Network
from minialex.optim import OPTIMIZERS
from minialex.terminal import styled
from minialex.training import ENGINES

EXAMPLES = """\
  python -m minialex.summary alexnet
  python -m minialex.summary alexnet --lrn off --num-classes 10
  python -m minialex.summary alexnet-d2l --compare lenet
      how many times the parameters and the work
  python -m minialex.summary alexnet --engine fast --batch-size 32
      what the fast engine makes of each layer, and why
"""


def parser() -> Parser:
    """The command's options."""
    about = "Shows a model layer by layer: output shapes (height×width×channels), parameters\n"
    about += "and multiply-adds for one picture going forward; and the memory of training it."
    p = Parser("summary", about, EXAMPLES, usage="MODEL [options]")
    p.add_argument("model", choices=models.MODELS, metavar="MODEL", help=", ".join(models.MODELS))
    p.add_argument(
        "--lrn", choices=models.LRN, help="local response normalisation (default: the model's)"
    )
    p.add_argument(
        "--num-classes",
        type=number(int, 1),
        metavar="N",
        help="how many logits (default: the model's)",
    )
    p.add_argument(
        "--image-size",
        type=number(int, 1),
        metavar="PIXELS",
        help="side of the pictures (default: the model's)",
    )
    p.add_argument(
        "--batch-size",
        type=number(int, 1),
        default=128,
        metavar="N",
        help="pictures in a step (default: 128)",
    )
    p.add_argument(
        "--optimizer",
        choices=OPTIMIZERS,
        default="sgd",
        help="what keeps means beside the weights: sgd one, with its momentum (default), adam two",
    )
    p.add_argument(
        "--compare",
        choices=models.MODELS,
        metavar="MODEL",
        help="another model, to see how many times it goes in",
    )
    p.add_argument(
        "--engine",
        choices=ENGINES,
        default="plain",
        help="fast: also what becomes of each layer (default: plain, the layers alone)",
    )
    about = f"the fast engine's threads, up to {MOST_WORKERS} (default: one a core)"
    p.add_argument("--workers", type=thread_count, metavar="N", help=about)
    return p


def main(arguments: Sequence[str]) -> None:
    """Runs the command with `arguments`."""
    given = parser().parse_args(arguments)
    sizes = {"num_classes": given.num_classes, "image_size": given.image_size}
    sizes = {name: size for name, size in sizes.items() if size is not None}
    if given.lrn and given.model in models.WITHOUT_LRN:
        raise InputError(
            f"--lrn {given.lrn} is for other models: {given.model} has no normalisation"
        )
    network = models.build(given.model, **sizes, **models.LRN.get(given.lrn, {}))
    other = models.build(given.compare, **sizes) if given.compare else None
    print(table(network))
    if given.engine == "fast":
        engine = fast.prepare(network, given.workers or usable_cores())
        print("\n" + engine_table(engine, given.batch_size))
    workers = given.workers or usable_cores()
    print("\n" + memory_table(network, given.batch_size, workers, given.optimizer))
    if other:
        networks = [(given.model, network), (given.compare, other)]
        print("\n" + comparison(networks, given.batch_size, workers, given.optimizer))


def table(network: Network) -> str:
    """The rows in columns, numbers to the right."""
    cells = [HEADINGS, *rows(network)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for row in cells:
        words, numbers = (
            zip(row[:2], widths[:2], strict=True),
            zip(row[2:], widths[2:], strict=True),
        )
        aligned = [cell.ljust(width) for cell, width in words] + [
            cell.rjust(width) for cell, width in numbers
        ]
        lines.append(" ".join(aligned).rstrip())
    return "\n".join([styled(lines[0], "bold"), *lines[1:-1], styled(lines[-1], "bold")])


def engine_table(engine: fast.Engine, batch_size: int) -> str:
    """What the engine made of each layer, in lines of at most 80 columns."""
    threads = min(engine.workers.count, batch_size)
    split = [step.name for step in engine.split_steps]
    heading = f"the fast engine with a batch of {batch_size:,}"
    lines = [styled(heading, "bold")]
    if split and threads > 1:
        lines.append(f"{split[0]} to {split[-1]}: {threads} threads, a share of the batch each")
    for name, kind, how in explain(engine, batch_size):
        start = f"{name:<10} {kind:<22}"
        lines += textwrap.wrap(f"{start} {how}", 80, subsequent_indent=" " * 34)
    return "\n".join(lines)


def memory_table(network: Network, batch_size: int, workers: int, optimizer: str) -> str:
    """What a training step takes: on a CPU, with the fast engine on so many threads, by what it is
    for; on a GPU, at most."""
    amounts = training_amounts(network, batch_size, workers, optimizer)
    total, states = sum(amounts.values()), len(OPTIMIZERS[optimizer].state_names)
    on_gpu = gpu_footprint.training_bytes(network, batch_size, states, GPU_WORKSPACE)
    threads = "1 thread" if workers == 1 else f"{workers} threads"
    step = f"{optimizer} and a batch of {batch_size:,}, in float32, on {threads}"
    heading = f"memory for training with {step}"
    taken = [(what, count) for what, count in amounts.items() if count]
    rows = [*taken, ("total", total), ("on a GPU, at most", on_gpu)]
    lines = [f"{what:<40} {amount(count):>12}" for what, count in rows]
    return "\n".join([styled(heading, "bold"), *lines])


def training_amounts(
    network: Network, batch_size: int, workers: int, optimizer: str
) -> dict[str, int]:
    """The bytes that a training step takes on a CPU, by what they are for."""
    kind = OPTIMIZERS[optimizer]
    return footprint.training_bytes(fast.prepare(network, workers), batch_size, kind)


def amount(count: float) -> str:
    """A number of bytes in a readable unit: 243.9 MB."""
    return f"{count / 1e9:,.2f} GB" if count >= 1e9 else f"{count / 1e6:,.1f} MB"


def comparison(
    networks: list[tuple[str, Network]], batch_size: int, workers: int, optimizer: str
) -> str:
    """What two models cost side by side, and how many times the second one's the first one's is."""
    (name, network), (other_name, other) = networks
    lines = [styled(f"{'':<28} {name:>15} {other_name:>15} {'ratio':>9}", "bold")]
    lines.append(f"{'input':<28} {shape(network.input_shape):>15} {shape(other.input_shape):>15}")
    for (what, cost), (_, other_cost) in zip(costs(network), costs(other), strict=True):
        lines.append(f"{what:<28} {cost:>15,} {other_cost:>15,} {times(cost / other_cost):>9}")
    cost, other_cost = (
        sum(training_amounts(net, batch_size, workers, optimizer).values()) for _, net in networks
    )
    what = f"training a batch of {batch_size:,}"
    lines.append(
        f"{what:<28} {amount(cost):>15} {amount(other_cost):>15} {times(cost / other_cost):>9}"
    )
    return "\n".join(lines)


def costs(network: Network) -> list[tuple[str, int]]:
    """Parameters and multiply-adds, in all and of the layers that have nearly all of them."""
    parameters = {
        name: sum(array.size for array in layer.params.values())
        for name, layer in network.layers.items()
    }
    result = []
    for what, counts in (("parameters", parameters), ("multiply-adds", network.macs())):
        result.append((what, sum(counts.values())))
        for kind, words in ((Conv2d, "  of convolutions"), (Linear, "  of linear layers")):
            result.append(
                (
                    words,
                    sum(
                        counts[name]
                        for name, layer in network.layers.items()
                        if isinstance(layer, kind)
                    ),
                )
            )
    return result


def times(ratio: float) -> str:
    """How many times, to three digits or the whole number."""
    return f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.3g}"


if __name__ == "__main__":
    run(main)
