"""Loss and accuracy over the epochs of one run, or of several side by side."""

from collections.abc import Iterable
from pathlib import Path

from minialex import charts
from minialex.errors import InputError
from minialex.io.checkpoint import read_history
from minialex.io.metadata import is_number

#: What is drawn of each epoch.
KEYS = ("epoch", "train_loss", "train_accuracy", "test_loss", "test_accuracy")


def default_out(runs: list[Path]) -> Path:
    """Where the PNG goes without --out.

    For one run that is the file that training draws; a comparison of several has its own.
    """
    folder = checkpoint_of(runs[0]).parent
    return folder / ("curves.png" if len(runs) == 1 else "comparison.png")


def checkpoint_of(path: Path) -> Path:
    """The checkpoint, given that or the folder that it is in."""
    return path if path.suffix == ".npz" else path / "checkpoint.npz"


def draw(runs: Iterable[Path]) -> bytes:
    """The PNG, for the folders of runs or checkpoints; InputError as `epochs` says."""
    return charts.curves({name: epochs(path) for name, path in named(runs).items()})


def named(paths: Iterable[Path]) -> dict[str, Path]:
    """The runs by the name of their folder, other checkpoints by that of their file; or by path
    where several have the same name."""
    paths = [path.parent if path.name == "checkpoint.npz" else path for path in paths]
    names = [path.resolve().name.removesuffix(".npz") for path in paths]
    return {
        str(path) if names.count(name) > 1 else name: path
        for name, path in zip(names, paths, strict=True)
    }


def epochs(path: Path) -> list[dict]:
    """A dict for each epoch of the run, or of the network in a checkpoint.

    InputError if there is no checkpoint, if it is damaged, or if no epoch is finished.
    """
    file = checkpoint_of(path)
    history = read_history(file)
    if not history:
        raise InputError(f"{path} has no curves yet: no epoch of it is finished")
    for number, line in enumerate(history, 1):
        missing = [key for key in KEYS if key not in line]
        if missing:
            raise InputError(f"{file}: epoch {number} has no {missing[0]}")
        if not all(is_number(line[key]) for key in KEYS):
            raise InputError(f"{file} is damaged: the numbers of epoch {number} are {line}")
    return history
