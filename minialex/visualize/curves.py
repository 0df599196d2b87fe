"""Loss and accuracy over the epochs of one run, or of several side by side."""

from collections.abc import Iterable
from pathlib import Path

from minialex import charts
from minialex.errors import InputError
from minialex.io.run_folder import RunFolder

#: What is drawn of each epoch.
KEYS = ("epoch", "train_loss", "train_accuracy", "test_loss", "test_accuracy")


def default_out(runs: list[Path]) -> Path:
    """Where the PNG goes without --out.

    For one run that is the file that training draws; a comparison of several has its own.
    """
    return folder_of(runs[0]) / ("curves.png" if len(runs) == 1 else "comparison.png")


def folder_of(path: Path) -> Path:
    """The run's folder, given that or the checkpoint in it."""
    return path.parent if path.name == "checkpoint.npz" else path


def draw(runs: Iterable[Path]) -> bytes:
    """The PNG, for the folders of runs or their checkpoints; InputError as `epochs` says."""
    return charts.curves(
        {name: epochs(folder) for name, folder in named(map(folder_of, runs)).items()}
    )


def named(folders: Iterable[Path]) -> dict[str, Path]:
    """The folders by name, or by path where several have the same name."""
    folders = list(folders)
    names = [folder.resolve().name for folder in folders]
    return {
        str(folder) if names.count(name) > 1 else name: folder
        for name, folder in zip(names, folders, strict=True)
    }


def epochs(folder: Path) -> list[dict]:
    """The lines of the run's metrics, one per epoch.

    InputError if the folder is not a run's or the run has not finished an epoch.
    """
    run = RunFolder(folder)
    if not run.config.exists():
        raise InputError(f"there is no run {folder}: expected the folder of a run")
    history = run.read_metrics()
    if not history:
        raise InputError(f"{folder} has no curves yet: no epoch of it is finished")
    for number, line in enumerate(history, 1):
        missing = [key for key in KEYS if not isinstance(line, dict) or key not in line]
        if missing:
            raise InputError(f"{run.metrics}, line {number}, has no {missing[0]}")
    return history
