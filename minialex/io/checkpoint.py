"""Checkpoints: all that is needed to resume a run exactly, in one .npz file without pickles."""

import contextlib
import copy
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy

from minialex import backend
from minialex.errors import DAMAGED, InputError, one_line, refusing
from minialex.files import atomic_write, check_link
from minialex.io.metadata import is_count, plain
from minialex.io.npz_file import Npz, checksum
from minialex.io.weight_numbers import wrong_numbers
from minialex.layers import Dropout
from minialex.network import Network
from minialex.optim import Optimizer
from minialex.schedules import Constant

FORMAT = "minialex checkpoint 1"

#: What the formats of later versions are called.
LATER = re.compile(r"minialex checkpoint (?:[2-9]|[1-9]\d{1,5})")


def save_checkpoint(
    path: Path, network: Network, optimizer: Optimizer | None, schedule: Constant, progress: dict
) -> None:
    """Writes the weights, optimiser, schedule, dropout generators and `progress` to `path`.

    progress: anything that JSON can hold. Without an optimizer the file is a half or a third as
    large, and the weights can be used but not resumed. It is replaced atomically: if this is
    interrupted, the old checkpoint stays.
    """
    on_device = {f"weight/{name}": array for name, array in network.params.items()}
    if optimizer:
        on_device |= {f"optimizer/{name}": array for name, array in optimizer.state.items()}
    arrays = {name: backend.to_host(array) for name, array in on_device.items()}
    about = {
        "format": FORMAT,
        "checksum": checksum(arrays),
        "progress": progress,
        "optimizer_steps": optimizer and optimizer.steps,
        "schedule": schedule.state,
        "generators": {
            name: layer.rng.bit_generator.state for name, layer in dropouts(network).items()
        },
    }
    with atomic_write(path) as temporary, open(temporary, "wb") as file:
        numpy.savez(file, about=json.dumps(about), **arrays)


class Checkpoint:
    """An opened checkpoint.

    `progress` is what was saved with it. `restore` copies all the rest back, to resume training;
    `restore_weights` copies only the weights, which is enough for inference.

    InputError if the file is missing, damaged or not a minialex checkpoint.
    """

    def __init__(self, path: Path):
        self.path = path
        with reading(path), Npz(path) as archive:
            self.about = about_in(archive, path)
            self.arrays = archive.arrays()
        del self.arrays["about"]
        # Those of earlier versions have no checksum.
        if self.about.get("checksum", found := checksum(self.arrays)) != found:
            raise InputError(f"{path} is damaged: its arrays are not those that were saved")
        self.progress = self.about["progress"]
        self.state = {
            name: self.about[name] for name in ("optimizer_steps", "schedule", "generators")
        }

    def require(self, names: Sequence[str]) -> None:
        """InputError unless `progress` is a dict with all of `names`."""
        missing = [
            name
            for name in names
            if not isinstance(self.progress, dict) or name not in self.progress
        ]
        if missing:
            raise InputError(f"{self.path} is not a checkpoint of a run: it has no {missing[0]}")

    def require_optimizer(self) -> None:
        """InputError if it was saved without an optimiser."""
        if self.state["optimizer_steps"] is None:
            only = "holds weights only, nothing of the optimiser"
            raise InputError(f"{self.path} {only}: resume the run that has kept it")

    def restore(self, network: Network, optimizer: Optimizer, schedule: Constant) -> None:
        """Copies the saved state into these objects.

        InputError, with nothing changed, if it holds weights only, or if names or shapes do not
        match.
        """
        self.require_optimizer()
        wanted = {f"weight/{name}": array for name, array in network.params.items()}
        wanted |= {f"optimizer/{name}": array for name, array in optimizer.state.items()}
        self.check_fit(wanted, self.arrays)
        generators = self.state["generators"]
        if generators.keys() != dropouts(network).keys():
            saved, expected = (
                ", ".join(names) or "no layer" for names in (generators, dropouts(network))
            )
            raise InputError(
                f"{self.path} does not fit this network: it has dropout in {saved}, "
                f"expected {expected}"
            )
        for name, layer in dropouts(network).items():
            with refusing(f"{self.path}: the random generator of {name}", "is damaged"):
                copy.deepcopy(layer.rng.bit_generator).state = generators[name]
        with refusing(f"{self.path}: its schedule", "is damaged"):
            schedule.check(self.state["schedule"])
        self.copy_into(wanted)
        optimizer.steps = self.state["optimizer_steps"]
        schedule.state.update(self.state["schedule"])
        for name, layer in dropouts(network).items():
            layer.rng.bit_generator.state = generators[name]

    def restore_weights(self, network: Network) -> None:
        """Copies the weights into the network.

        InputError, with nothing changed, if names or shapes do not match.
        """
        wanted = {f"weight/{name}": array for name, array in network.params.items()}
        self.check_fit(wanted, [name for name in self.arrays if name.startswith("weight/")])
        self.copy_into(wanted)

    def check_fit(self, wanted: dict[str, numpy.ndarray], saved: Iterable[str]) -> None:
        """InputError unless the names `saved` are those in `wanted`, and the shapes match."""
        for name, array in wanted.items():
            got = self.arrays[name].shape if name in self.arrays else "missing"
            if got != array.shape:
                raise InputError(
                    f"{self.path} does not fit this network: {name} is {got}, "
                    f"expected shape {array.shape}"
                )
            wrong = wrong_numbers(self.arrays[name], array.dtype)
            if wrong:
                raise InputError(f"{self.path} cannot be used: {name} holds {wrong}")
        for name in saved:
            if name not in wanted:
                raise InputError(
                    f"{self.path} does not fit this network: it has {name}, the network does not"
                )

    def copy_into(self, wanted: dict[str, numpy.ndarray]) -> None:
        """Overwrites each array in `wanted` with the one saved under its name."""
        for name, array in wanted.items():
            array[...] = backend.to_device(self.arrays[name].astype(array.dtype), backend.of(array))


def about_in(archive: Npz, path: Path) -> dict[str, Any]:
    """What an opened checkpoint says of itself; one of DAMAGED if it is none. InputError, which
    names its `path`, for one of a later version."""
    text = archive.array("about")
    if text.shape or text.dtype.kind != "U":
        raise ValueError(f"what it says about itself is an array {text.shape} of {text.dtype}")
    about = plain(text.item())
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        got = about.get("format") if isinstance(about, dict) else about
        if isinstance(got, str) and LATER.fullmatch(got):
            made = f"was made by a later version of minialex, as {got!r}"
            raise InputError(f"{path} {made}: this version reads {FORMAT!r}")
        raise ValueError(f"it has format {got!r}, expected {FORMAT!r}")
    steps, others = about["optimizer_steps"], (about["schedule"], about["generators"])
    whole = steps is None or is_count(steps)
    if not (whole and "progress" in about and all(isinstance(each, dict) for each in others)):
        raise ValueError("what it says about itself is damaged")
    return about


def read_progress(path: Path) -> dict:
    """What was saved as `progress` in the checkpoint at `path`, whose arrays stay unread.

    InputError if the file is missing, damaged or not a minialex checkpoint.
    """
    with reading(path), Npz(path) as archive:
        progress = about_in(archive, path)["progress"]
        if not isinstance(progress, dict):
            raise TypeError("what it says of the training is damaged")
        return progress


def read_history(path: Path) -> list[dict]:
    """A dict for each finished epoch, from the checkpoint at `path`; see read_progress."""
    history = read_progress(path).get("history")
    if not (isinstance(history, list) and all(isinstance(epoch, dict) for epoch in history)):
        raise InputError(f"{path} is not a whole minialex checkpoint: its history is damaged")
    return history


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Whatever goes wrong while the file is read becomes an InputError."""
    check_link(path)
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"there is no checkpoint {path}") from None
    except InputError:
        raise
    except (OSError, *DAMAGED) as error:
        reason = one_line(error) or type(error).__name__
        raise InputError(f"{path} is not a whole minialex checkpoint: {reason}") from None


def dropouts(network: Network) -> dict[str, Dropout]:
    """The dropout layers by name; they are the layers that draw random numbers."""
    return {name: layer for name, layer in network.layers.items() if isinstance(layer, Dropout)}
