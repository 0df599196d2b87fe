"""python -m benchmarks.same_accuracy: does a net learn as well with Winograd as with im2col?

Trains CIFAR-10's recipe "quick" with both for several seeds and prints the test accuracies. The two
runs of a seed start from the same weights and see the same batches; only rounding differs.
"""

import statistics
from collections.abc import Sequence
from pathlib import Path

import numpy

from benchmarks.measure import set_algorithm
from minialex import data, options
from minialex.command import Parser, number, run
from minialex.train import trainer_of

ALGORITHMS = ("im2col", "winograd")

EXAMPLES = """\
  python -m benchmarks.same_accuracy                         about ten minutes on two cores
  python -m benchmarks.same_accuracy --epochs 5 --seeds 3
"""


def main(arguments: Sequence[str]) -> None:
    parser = Parser(
        "same_accuracy",
        "Compares test accuracies with im2col and with Winograd convolution.",
        EXAMPLES,
    )
    parser.prog = "python -m benchmarks.same_accuracy"
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="CIFAR-10's files (default: downloaded)",
    )
    parser.add_argument(
        "--epochs", type=number(int, 1), default=2, metavar="N", help="of each run (default: 2)"
    )
    parser.add_argument(
        "--seeds", type=number(int, 2), default=5, metavar="N", help="how many (default: 5)"
    )
    given = parser.parse_args(arguments)
    dataset = data.load("cifar10", given.data_dir, None, 0)
    print(f"{'seed':<6}" + "".join(f"{algorithm:>10}" for algorithm in ALGORITHMS))
    accuracies = []
    for seed in range(given.seeds):
        accuracies.append(
            [trained(algorithm, seed, given.epochs, dataset) for algorithm in ALGORITHMS]
        )
        print(
            f"{seed:<6}" + "".join(f"{accuracy:>10.2%}" for accuracy in accuracies[-1]), flush=True
        )
    columns = list(zip(*accuracies, strict=True))
    print(f"{'mean':<6}" + "".join(f"{statistics.mean(column):>10.2%}" for column in columns))
    spreads = "".join(f"{statistics.stdev(column):>10.2%}" for column in columns)
    print(f"{'spread':<6}{spreads}   (standard deviation over the seeds)")
    differences = [winograd - im2col for im2col, winograd in accuracies]
    error = statistics.stdev(differences) / len(differences) ** 0.5
    print(f"winograd is {statistics.mean(differences):+.2%} from im2col, give or take {error:.2%}")


def trained(algorithm: str, seed: int, epochs: int, dataset: data.Dataset) -> float:
    """The test accuracy of CIFAR-10's recipe "quick" with `algorithm` in its convolutions."""
    arguments = ["--dataset", "cifar10", "--recipe", "quick", "--log-every", str(10**9)]
    arguments += ["--seed", str(seed), "--epochs", str(epochs)]
    trainer = trainer_of(options.read(arguments)[0], dataset, numpy)
    set_algorithm(trainer.engine, algorithm)
    for _ in range(epochs):
        for _ in trainer.train_epoch():
            pass
        trainer.finish_epoch(trainer.evaluate())
    return trainer.history[-1]["test_accuracy"]


if __name__ == "__main__":
    run(main)
