"""The weights that an explorer can show: of a run, those kept while it learned, and its newest."""

import copy
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy

from minialex.errors import DAMAGED, InputError
from minialex.inference import TrainedNetwork
from minialex.io.checkpoint import Checkpoint, read_progress
from minialex.io.run_folder import RunFolder
from minialex.io.weights import CHECKPOINT_NAME, build_network, open_weights
from minialex.layers import Layer

#: What the newest weights are called.
LATEST = "latest"

#: Networks that are kept in memory.
KEPT = 3


@dataclass(frozen=True)
class Moment:
    """Weights at one moment of the training.

    name    what a page calls it: "latest", or the name of a kept file
    epoch   how many epochs had been trained, 1.5 say; None if that is not known
    """

    name: str
    epoch: float | None


class Moments:
    """The weights of a run, a checkpoint or another file, each loaded when it is looked at.

    InputError if the newest cannot be read.
    """

    def __init__(
        self, weights: str, model: str | None = None, own_layers: Iterable[type[Layer]] = ()
    ):
        self.weights, self.model, self.own_layers = weights, model, list(own_layers)
        path = Path(weights)
        self.folder = RunFolder(path) if (path / CHECKPOINT_NAME).exists() else None
        self.file = self.folder.checkpoint if self.folder else path  #: what is written anew
        self.loaded: OrderedDict[tuple, TrainedNetwork] = OrderedDict()
        self.known: dict[tuple, dict[str, Any]] = {}
        self.network(LATEST)

    def moments(self) -> list[Moment]:
        """From the earliest to the newest. The newest is there once, though it has been kept."""
        kept = [Moment(path.stem, epoch_of(self.progress(path))) for path in self.kept()]
        newest = Moment(LATEST, epoch_of(self.network(LATEST).progress))
        if kept and newest.epoch is not None and kept[-1].epoch == newest.epoch:
            kept.pop()
        return [*kept, newest]

    def kept(self) -> list[Path]:
        """The files with the weights of earlier moments, in the order of the training."""
        return list(self.folder.kept_weights().values()) if self.folder else []

    def progress(self, path: Path) -> dict[str, Any]:
        """What a kept file says of the training; nothing if it is damaged."""
        key = (path, stamp(path))
        if key not in self.known:
            try:
                self.known[key] = read_progress(path)
            except InputError:
                self.known[key] = {}
        return self.known[key]

    def path(self, name: str) -> Path | str:
        """The file of a moment. InputError if there is none."""
        if name == LATEST:
            return self.weights
        found = {path.stem: path for path in self.kept()}
        if name not in found:
            raise InputError(f"there are no weights {name!r} any more")
        return found[name]

    def network(self, name: str) -> TrainedNetwork:
        """The network at that moment, on the CPU; the newest is read anew if its file has changed.

        InputError if it cannot be read.
        """
        path = self.path(name)
        file = self.file if name == LATEST else Path(path)
        key = (name, stamp(file))
        if key in self.loaded:
            self.loaded.move_to_end(key)
            return self.loaded[key]
        opened = open_weights(path, self.model)
        network = build_network(opened, self.own_layers)
        assumed = None if isinstance(opened, Checkpoint) else opened.assumed
        trained = TrainedNetwork(
            network, opened.progress, engine=network, path=opened.path, assumed=assumed
        )
        if name == LATEST:
            self.loaded = OrderedDict(
                (other, kept) for other, kept in self.loaded.items() if other[0] != LATEST
            )
        self.loaded[key] = trained
        while len(self.loaded) > KEPT:
            self.loaded.popitem(last=False)
        return trained

    def holds(self, trained: TrainedNetwork) -> bool:
        """Whether the network is one of those kept in memory."""
        return any(trained is each for each in self.loaded.values())

    def latest_change(self) -> float | None:
        """When the newest weights were written, in nanoseconds; None if that is not known."""
        return stamp(self.file)


def stamp(file: Path) -> int | None:
    """When the file, or the newest one in the folder, was changed, in nanoseconds; None if it is
    not there."""
    try:
        files = list(file.iterdir()) if file.is_dir() else [file]
        return max((each.stat().st_mtime_ns for each in files), default=None)
    except OSError:
        return None


def epoch_of(progress: dict[str, Any]) -> float | None:
    """How many epochs had been trained; None if the file does not say."""
    try:
        epochs, steps = progress["epochs"], progress["steps"]
        batch, pictures = progress["options"]["batch_size"], progress["pictures"][0]
        return float(epochs + steps / -(-pictures // batch))
    except DAMAGED:
        return None


def kernels(trained: TrainedNetwork) -> numpy.ndarray | None:
    """The kernels of the first convolution, (O, KH, KW, C); None if there is none."""
    for name, array in trained.network.params.items():
        if name.endswith(".weight") and array.ndim == 4:
            return copy.copy(array)
    return None
