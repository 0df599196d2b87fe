"""python -m benchmarks.initial_weights: `alexnet` with the paper's initial weights and with He's.

For each it prints how much the logits of different pictures differ before training (the standard
deviation over the pictures, averaged over the logits), which is all that training can build on, and
the loss while the net memorises 32 pictures.
"""

import sys
from collections.abc import Sequence

import numpy

from minialex import data, fast, models, optim
from minialex.command import Parser, number, run
from minialex.cores import usable_cores
from minialex.data.augment import centre_views
from minialex.data.statistics import statistics_of
from minialex.layers import SoftmaxCrossEntropy

PICTURES, EVERY = 32, 10

EXAMPLES = """\
  python -m benchmarks.initial_weights                      drawn figures, enlarged
  python -m benchmarks.initial_weights --data-dir PICTURES  with train/CLASS/*.jpg
"""


def main(arguments: Sequence[str]) -> None:
    parser = Parser("initial_weights", "Compares the paper's initial weights with He's.", EXAMPLES)
    parser.prog = "python -m benchmarks.initial_weights"
    parser.add_argument(
        "--data-dir", metavar="DIR", help="an image folder (default: drawn figures)"
    )
    parser.add_argument(
        "--steps", type=number(int, 1), default=40, metavar="N", help="training steps (default: 40)"
    )
    given = parser.parse_args(arguments)
    images = data.load("folder" if given.data_dir else "shapes", given.data_dir, 227).train
    indices = numpy.linspace(0, len(images) - 1, PICTURES).astype(int)
    pictures, labels = images.read(indices, centre_views(PICTURES)), images.labels[indices]
    statistics = statistics_of(images)
    standardize, centred = statistics.standardize(), statistics.centre()
    steps = range(0, given.steps + 1, EVERY)
    columns = "".join(f"{step:>7}" for step in steps)
    print(f"{'weights':<10}{'pixels':<18}{'logits differ by':>16}  loss after{columns}")
    for paper_init, scale, pixels in (
        (True, standardize, "standardised"),
        (True, centred, "0-255 minus mean"),
        (False, standardize, "standardised"),
    ):
        network = models.build("alexnet", rng=numpy.random.default_rng(0), paper_init=paper_init)
        engine, loss = fast.prepare(network, usable_cores()), SoftmaxCrossEntropy()
        optimizer = optim.SGD(network, lr=0.01)
        x = scale(pictures)
        spread = float(engine.forward(x).std(axis=0).mean())
        print(f"{'paper' if paper_init else 'He':<10}{pixels:<18}{spread:>16.4f}{'':<12}", end="")
        for step in range(given.steps + 1):
            value, _ = engine.step(x, labels, loss)
            engine.update(optimizer)
            if step in steps:
                print(f"{float(value):>7.2f}", end="")
                sys.stdout.flush()
        print()


if __name__ == "__main__":
    run(main)
