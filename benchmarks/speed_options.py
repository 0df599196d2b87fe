"""The options of benchmarks.speed."""

import argparse
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.measure import ALGORITHMS, WHAT
from benchmarks.peers import MODES
from minialex import backend, models
from minialex.command import Parser, number
from minialex.cores import usable_cores
from minialex.errors import InputError

MODELS = ("alexnet", "alexnet-224", "alexnet-owt", "alexnet-cifar", "alexnet-d2l")

EXAMPLES = """\
  python -m benchmarks.speed
      everything: the better part of an hour on two cores
  python -m benchmarks.speed --models alexnet-cifar --batch-sizes 32 --modes eager
      half a minute
  python -m benchmarks.speed --models alexnet-224 --what train --algorithm im2col
  python -m benchmarks.speed --backend cupy --batch-sizes 128
      on an NVIDIA GPU, by its own clock, against PyTorch for CUDA
  python -m benchmarks.speed --layers alexnet --batch-sizes 128
      where the time goes, layer by layer; needs no PyTorch
"""


def options(arguments: Sequence[str]) -> argparse.Namespace:
    """The options given. The process ends if one is invalid."""
    parser = Parser(
        "speed", "Measures minialex against PyTorch (pip install -e '.[bench]').", EXAMPLES
    )
    parser.prog = "python -m benchmarks.speed"
    option = parser.add_argument
    option(
        "--models",
        type=some_of(models.MODELS),
        default=MODELS,
        metavar="A,B",
        help=f"default: {','.join(MODELS)}",
    )
    option(
        "--batch-sizes", type=sizes, default=(1, 32, 128), metavar="N,M", help="default: 1,32,128"
    )
    option(
        "--what",
        type=some_of(WHAT),
        default=tuple(WHAT),
        metavar="A,B",
        help="default: train,infer",
    )
    option(
        "--modes",
        type=some_of(MODES),
        default=MODES,
        metavar="A,B",
        help=f"PyTorch's; default: {','.join(MODES)}",
    )
    option(
        "--backend",
        choices=("numpy", "cupy"),
        default="numpy",
        help="cupy: both on an NVIDIA GPU (default: numpy)",
    )
    option(
        "--algorithm",
        choices=ALGORITHMS,
        default="auto",
        help="of minialex's convolutions (default: auto)",
    )
    option(
        "--threads",
        type=number(int, 1),
        default=usable_cores(),
        metavar="N",
        help="threads of each contender (default: one per core)",
    )
    option(
        "--rounds",
        type=number(int, 1),
        default=5,
        metavar="N",
        help="how often each is measured, in turn (default: 5)",
    )
    option(
        "--seconds",
        type=number(float, 0),
        default=0.5,
        metavar="S",
        help="the least time of one measurement (default: 0.5)",
    )
    option("--plain", action="store_true", help="also the layers as they are read")
    option("--no-memory", action="store_true", help="leave out the peak memory")
    option(
        "--layers",
        choices=models.MODELS,
        metavar="MODEL",
        help="time each layer of this model instead",
    )
    option("--out", type=Path, metavar="DIR", help="for the results (default: a new one in runs/)")
    given = parser.parse_args(arguments)
    given.xp = backend.get(given.backend)
    return given


def some_of(names: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    """An argparse type: some of `names`, separated by commas; repeated ones count once."""

    def parse(text: str) -> tuple[str, ...]:
        chosen = tuple(dict.fromkeys(text.split(",")))
        if not set(chosen) <= set(names):
            raise argparse.ArgumentTypeError(f"expected any of {','.join(names)}, got {text!r}")
        return chosen

    return parse


def sizes(text: str) -> tuple[int, ...]:
    """An argparse type: whole numbers of at least 1, separated by commas."""
    return tuple(map(number(int, 1), dict.fromkeys(text.split(","))))


def new_folder(path: Path | None, name: str) -> Path:
    """Creates the folder `path`, by default the first free one of runs/NAME, runs/NAME-2, ….

    InputError if `path` is a file or a folder that is not empty.
    """
    if path is None:
        names = (
            Path("runs") / f"{name}{suffix}"
            for suffix in itertools.chain([""], (f"-{i}" for i in itertools.count(2)))
        )
        path = next(name for name in names if not name.exists())
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise InputError(
            f"--out {path} exists already and is not an empty folder: choose another name, "
            "nothing is overwritten"
        )
    path.mkdir(parents=True, exist_ok=True)
    return path
