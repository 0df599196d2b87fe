"""python -m benchmarks.algorithms: im2col against Winograd, convolution by convolution.

This is the measurement behind the rule in choose.py, by which the engine decides. Each
convolution is timed with both algorithms in turn on one core; the figures are medians. Backward
includes the gradient of the input, which every layer but a net's first one needs.
"""

import statistics
import time
from collections.abc import Sequence

import numpy
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from minialex.command import Parser, number, run
from minialex.fast import choose
from minialex.fast.conv import FastConv2d
from minialex.fast.kept_weight import KeptWeight
from minialex.fast.memory import Memory
from minialex.fast.workers import Workers
from minialex.layers import Conv2d

#: AlexNet's convolutions, then those of small nets: side of the picture, kernel size, input
#: channels, filters, groups and, where it is not 1, stride.
SHAPES = (
    (227, 11, 3, 96, 1, 4),
    (224, 11, 3, 64, 1, 4),
    (224, 11, 1, 96, 1, 4),
    (27, 5, 96, 256, 1),
    (27, 5, 96, 256, 2),
    (13, 3, 256, 384, 1),
    (13, 3, 384, 384, 2),
    (13, 3, 384, 256, 1),
    (16, 3, 48, 96, 1),
    (16, 3, 32, 64, 1),
    (16, 3, 16, 32, 1),
    (8, 3, 128, 128, 1),
    (8, 3, 64, 96, 1),
    (8, 3, 32, 64, 1),
    (32, 3, 32, 32, 1),
    (32, 3, 16, 16, 1),
    (16, 5, 32, 32, 1),
    (32, 5, 3, 48, 1),
    (32, 3, 3, 64, 1),
    (4, 3, 128, 128, 1),
    (32, 5, 3, 48, 1, 2),
    (32, 5, 12, 48, 1, 2),
    (16, 5, 64, 64, 1, 2),
)

EXAMPLES = """\
  python -m benchmarks.algorithms              two minutes on one core
  python -m benchmarks.algorithms --pictures 4 --rounds 3
"""

FORM = "{:<26}{:>6}{:>9}{:>9}{:>6}{:>9}{:>9}{:>6}"


def main(arguments: Sequence[str]) -> None:
    parser = Parser(
        "algorithms", "Times im2col and Winograd convolution for many layer sizes.", EXAMPLES
    )
    parser.prog = "python -m benchmarks.algorithms"
    parser.add_argument(
        "--pictures",
        type=number(int, 1),
        default=32,
        metavar="N",
        help="pictures in a batch (default: 32)",
    )
    parser.add_argument(
        "--rounds",
        type=number(int, 1),
        default=7,
        metavar="N",
        help="how often each is measured (default: 7)",
    )
    given = parser.parse_args(arguments)
    print(FORM.format("", "work", "forward", "", "", "backward", "", ""))
    print(
        FORM.format(
            "convolution", "saved", "im2col", "winograd", "gain", "im2col", "winograd", "gain"
        )
    )
    with threadpool_limits(1, user_api="blas"):
        for shape in SHAPES:
            print(line(given.pictures, given.rounds, *shape), flush=True)
    print("/2: two groups; :4: a stride of 4")
    print(
        "milliseconds; gain: time of im2col / time of Winograd, * where the engine takes Winograd"
    )


def line(
    pictures: int,
    rounds: int,
    side: int,
    kernel: int,
    channels: int,
    filters: int,
    groups: int,
    stride: int = 1,
) -> str:
    """The table's row for a convolution of pictures of side × side × channels."""
    rng = numpy.random.default_rng(0)
    plain = Conv2d(channels, filters, kernel, stride, padding=kernel // 2, groups=groups, rng=rng)
    conv = FastConv2d.of(plain, Memory(), Workers())
    conv.kept = KeptWeight()
    x = rng.standard_normal((pictures, side, side, channels), dtype=numpy.float32)
    dy = rng.standard_normal((pictures, *conv.output_shape(x.shape[1:])), dtype=numpy.float32)
    seconds = {"im2col": [], "winograd": []}
    for _ in tqdm(range(rounds + 1), desc=repr(conv), leave=False, disable=None):
        for conv.algorithm, measured in seconds.items():
            start = time.perf_counter()
            conv.forward(x, train=True)
            middle = time.perf_counter()
            conv.backward(dy)
            measured.append((middle - start, time.perf_counter() - middle))
    medians = {
        name: [statistics.median(both) for both in zip(*pairs[1:], strict=True)]
        for name, pairs in seconds.items()
    }
    conv.algorithm = None
    direct, size = pictures * conv.macs(x.shape[1:]), dy.shape[:3]
    saved = direct / choose.winograd_cost(conv, choose.winograd_tile(conv, size), size)
    figures = []
    for direction, overlapping in enumerate((False, True)):
        im2col, ours = medians["im2col"][direction], medians["winograd"][direction]
        taken = "*" if conv.chosen(dy, overlapping) == "winograd" else " "
        figures += [f"{1e3 * im2col:.2f}", f"{1e3 * ours:.2f}", f"{im2col / ours:.2f}{taken}"]
    name = f"{side}×{side}×{channels} by {kernel}×{kernel}×{filters}"
    name += f" /{groups}" if groups > 1 else ""
    name += f" :{stride}" if stride > 1 else ""
    return FORM.format(name, f"{saved:.2f}", *figures)


if __name__ == "__main__":
    run(main)
