"""python -m benchmarks.peak_memory CONTENDER: the peak memory of a few steps in their own process.

benchmarks.speed starts one such process for each contender. The whole process counts: Python and
the library, weights, gradients, activations, and the batch: for minialex as bytes, of which it
standardises a part at a time, for the others as the float32 that they take. What building PyTorch's
twin took beyond that (the minialex network whose weights are copied) has been freed by then; it is
not counted where the system can reset the peak (Linux).
"""

import gc
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy

from benchmarks.measure import ALGORITHMS, LEARNING_RATE, WHAT, Minialex, Plain
from benchmarks.peers import MODES, Peer
from minialex import models
from minialex.command import Parser, number, run
from minialex.cores import usable_cores
from minialex.data.augment import Standardize, centre_views
from minialex.data.picture_batch import PictureBatch
from minialex.network import Network

EXAMPLES = """\
  python -m benchmarks.peak_memory minialex --model alexnet-224 --batch-size 128
  python -m benchmarks.peak_memory channels_last --model alexnet --what infer
"""


def main(arguments: Sequence[str]) -> None:
    parser = Parser(
        "peak_memory", "Prints the peak memory, in MB, of two steps of one contender.", EXAMPLES
    )
    parser.prog = "python -m benchmarks.peak_memory"
    parser.add_argument("contender", choices=("minialex", "plain", *MODES))
    parser.add_argument(
        "--model", choices=models.MODELS, default="alexnet", metavar="NAME", help="default: alexnet"
    )
    parser.add_argument(
        "--batch-size", type=number(int, 1), default=32, metavar="N", help="default: 32"
    )
    parser.add_argument(
        "--what",
        choices=WHAT,
        default="train",
        help="a training step or inference (default: train)",
    )
    parser.add_argument(
        "--threads",
        type=number(int, 1),
        default=usable_cores(),
        metavar="N",
        help="default: one per core",
    )
    parser.add_argument(
        "--algorithm", choices=ALGORITHMS, default="auto", help="of minialex's convolutions"
    )
    given = parser.parse_args(arguments)
    network = models.build(given.model, rng=numpy.random.default_rng(0))
    pictures, labels = random_pictures(network, given.batch_size)
    how = (labels, given.threads, LEARNING_RATE)
    if given.contender == "minialex":
        contender = Minialex(network, pictures, *how, algorithm=given.algorithm)
    elif given.contender == "plain":
        contender = Plain(network, pictures.standardized(), *how)
    else:
        contender = Peer(given.contender, network, pictures.standardized(), *how)
    del network, pictures
    reset_peak()
    for _ in range(2):
        getattr(contender, WHAT[given.what])()
    print(f"{peak_mb():.0f}")


def random_pictures(network: Network, batch_size: int) -> tuple[PictureBatch, numpy.ndarray]:
    """A batch as training gets it, of random pixels, and labels (N,)."""
    rng, shape = numpy.random.default_rng(1), (batch_size, *network.input_shape)
    pictures = rng.integers(0, 256, shape, dtype=numpy.uint8)
    classes = list(network.shapes().values())[-1][0]
    standardize = Standardize([127.5] * shape[-1], [73.9] * shape[-1])
    batch = PictureBatch(pictures, standardize, centre_views(batch_size))
    return batch, rng.integers(0, classes, batch_size)


def reset_peak() -> None:
    """Resets the recorded peak to what this process holds now, where the system can do that."""
    gc.collect()
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def peak_mb() -> float:
    """The most memory this process has held, in MB (10⁶ bytes)."""
    try:  # Linux: ru_maxrss would start from what the parent held when it started this process
        status = Path("/proc/self/status").read_text()
        return 1024 * int(status.partition("VmHWM:")[2].split()[0]) / 1e6
    except (OSError, IndexError):
        import resource  # not on Windows

        unit = 1 if sys.platform == "darwin" else 1024
        return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def in_own_process(contender: str, **options) -> tuple[int | None, str]:
    """The peak memory of `contender` in MB, measured in a process of its own, and an empty string.

    Where it cannot be measured, None and one line that says why.
    """
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    command = [sys.executable, "-m", "benchmarks.peak_memory", contender, *flags]
    ended = subprocess.run(
        command, capture_output=True, text=True, cwd=Path(__file__).parent.parent
    )
    if ended.returncode == 0:
        return int(ended.stdout.split()[-1]), ""
    return None, (ended.stderr.strip().splitlines() or [f"ended by signal {-ended.returncode}"])[-1]


if __name__ == "__main__":
    run(main)
