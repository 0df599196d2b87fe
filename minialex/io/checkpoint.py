"""Checkpoints: everything a run needs to go on exactly where it stopped, in one .npz file without pickles."""

import json
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy

from minialex import backend
from minialex.errors import InputError
from minialex.files import written_whole
from minialex.layers import Dropout
from minialex.network import Network
from minialex.optim import Constant, Optimizer

FORMAT = "minialex checkpoint 1"


def save_checkpoint(
    path: Path, network: Network, optimizer: Optimizer, schedule: Constant, progress: dict
) -> None:
    """Writes weights, optimiser and schedule state, dropout generators and `progress` (what JSON can hold) to `path`.

    Whatever happens meanwhile, there is a whole checkpoint afterwards, the old or the new.
    """
    arrays = {f"weight/{name}": array for name, array in network.params.items()}
    arrays |= {f"optimizer/{name}": array for name, array in optimizer.state.items()}
    about = {
        "format": FORMAT,
        "progress": progress,
        "optimizer_steps": optimizer.steps,
        "schedule": schedule.state,
        "generators": {
            name: layer.rng.bit_generator.state for name, layer in dropouts(network).items()
        },
    }
    with written_whole(path) as temporary, open(temporary, "wb") as file:
        numpy.savez(
            file,
            about=json.dumps(about),
            **{name: backend.to_host(array) for name, array in arrays.items()},
        )


class Checkpoint:
    """An opened checkpoint. `progress` is what was saved with it; `restore` puts the rest where it belongs.

    `restore_weights` takes the weights alone, which is all that a network needs to answer.

    InputError if the file is missing, damaged or no minialex checkpoint.
    """

    def __init__(self, path: Path):
        self.path = path
        try:
            with numpy.load(path, allow_pickle=False) as archive:
                self.arrays = {name: archive[name] for name in archive.files}
            self.about = json.loads(str(self.arrays.pop("about")))
            self.progress = self.about["progress"]
            self.state = {
                name: self.about[name] for name in ("optimizer_steps", "schedule", "generators")
            }
        except FileNotFoundError:
            raise InputError(f"there is no checkpoint {path}") from None
        except (
            OSError,
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            EOFError,
            zipfile.BadZipFile,
        ) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(f"{path} is not a whole minialex checkpoint: {reason}") from None
        if self.about.get("format") != FORMAT:
            raise InputError(
                f"{path} has format {self.about.get('format')!r}, this minialex reads {FORMAT!r}"
            )

    def require(self, names: Sequence[str]) -> None:
        """InputError unless `progress` is a dict that holds all of `names`."""
        missing = [
            name
            for name in names
            if not isinstance(self.progress, dict) or name not in self.progress
        ]
        if missing:
            raise InputError(f"{self.path} is not a checkpoint of a run: it has no {missing[0]}")

    def restore(self, network: Network, optimizer: Optimizer, schedule: Constant) -> None:
        """Copies everything into the objects given; InputError, before anything is changed, if a shape does not match."""
        wanted = {f"weight/{name}": array for name, array in network.params.items()}
        wanted |= {f"optimizer/{name}": array for name, array in optimizer.state.items()}
        self.check_fit(wanted, self.arrays)
        generators = self.state["generators"]
        if generators.keys() != dropouts(network).keys():
            raise InputError(
                f"{self.path} does not fit this network: it has dropout in {', '.join(generators) or 'no layer'}"
            )
        self.copy_into(wanted)
        optimizer.steps = self.state["optimizer_steps"]
        schedule.state.update(self.state["schedule"])
        for name, layer in dropouts(network).items():
            layer.rng.bit_generator.state = generators[name]

    def restore_weights(self, network: Network) -> None:
        """Copies the weights into the network; InputError, before anything is changed, if a shape does not match."""
        wanted = {f"weight/{name}": array for name, array in network.params.items()}
        self.check_fit(wanted, [name for name in self.arrays if name.startswith("weight/")])
        self.copy_into(wanted)

    def check_fit(self, wanted: dict, saved: Iterable[str]) -> None:
        """InputError unless the names `saved` are those `wanted`, and all arrays have the shapes of those here."""
        for name, array in wanted.items():
            got = self.arrays[name].shape if name in self.arrays else "nothing"
            if got != array.shape:
                raise InputError(
                    f"{self.path} does not fit this network: {name} is {got} there, {array.shape} here"
                )
        for name in saved:
            if name not in wanted:
                raise InputError(
                    f"{self.path} does not fit this network: it has {name}, the network has not"
                )

    def copy_into(self, wanted: dict) -> None:
        """Overwrites each array of `wanted` with the one saved under its name."""
        for name, array in wanted.items():
            array[...] = backend.to_device(self.arrays[name].astype(array.dtype), backend.of(array))


def dropouts(network: Network) -> dict[str, Dropout]:
    """The layers that draw random numbers, by name."""
    return {name: layer for name, layer in network.layers.items() if isinstance(layer, Dropout)}
