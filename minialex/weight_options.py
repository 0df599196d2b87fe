"""The options that commands with a trained network share, and what they mean."""

import argparse
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

from minialex import models
from minialex.command import add_common_options, number
from minialex.errors import InputError, one_line
from minialex.inference import TrainedNetwork, load
from minialex.io import hugging_face
from minialex.io.weights import CHECKPOINT_NAME
from minialex.layers import Layer

#: What to give as weights, for --help.
WEIGHTS_HELP = (
    "a run, its checkpoint, torchvision, or a file of others: .pth, .safetensors, .onnx, "
    ".caffemodel, .mat, .npy, a Hugging Face folder (docs/weights.md)"
)


def add_weight_options(group) -> None:
    """Adds --model and --own-layers to a parser or a group of it."""
    about = "what the weights are for, if their file leaves that open"
    group.add_argument("--model", choices=models.MODELS, metavar="NAME", help=about)
    add_own_layers_option(group)


def add_own_layers_option(group) -> None:
    """Adds --own-layers to a parser or a group of it."""
    about = "a Python file, which is imported, with layers of your own; may be repeated"
    group.add_argument(
        "--own-layers", type=Path, action="append", metavar="FILE", default=[], help=about
    )


def add_trained_options(group) -> None:
    """Adds the other options that every command with a trained network has."""
    about = "pictures at a time (default: as in training)"
    group.add_argument("--batch-size", type=number(int, 1), metavar="N", help=about)
    about = "turn pictures as their EXIF notes say, or not (default: as in training)"
    group.add_argument("--exif", choices=("turn", "ignore"), help=about)
    add_common_options(group)


def own_layers(files: Sequence[Path]) -> list[type[Layer]]:
    """The layer classes that the Python files define; they are imported, so what is below
    `if __name__ == "__main__"` is not run. They may import what lies beside them.

    InputError if a file is missing, cannot be run or defines none.
    """
    found = []
    for file in files:
        if not file.exists():
            raise InputError(f"there is no file {file} (--own-layers)")
        folder = str(file.resolve().parent)
        if folder not in sys.path:
            sys.path.append(folder)  # at the end: no file there takes a library's place
        name = f"own_layers_{file.stem}"  # not file.stem, which may be the name of a library
        spec = importlib.util.spec_from_file_location(name, file)
        if spec is None or spec.loader is None or not file.is_file():
            raise InputError(f"--own-layers expects Python files, got {file}")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            raise InputError(f"{file} cannot be run: {type(error).__name__}: {error}") from error
        classes = [kind for kind in vars(module).values() if is_own_layer(kind, name)]
        if not classes:
            raise InputError(f"{file} defines no layer, a class derived from minialex.Layer")
        found += classes
    return found


def is_own_layer(kind, module: str) -> bool:
    """Whether `kind` is a layer class that the module called `module` defines."""
    return isinstance(kind, type) and issubclass(kind, Layer) and kind.__module__ == module


def default_out(weights: str, name: str, end: str) -> Path:
    """Where the picture or page NAME of these weights goes: to the run's folder as NAME.png, say.
    If they are not a run's newest, it is also called after them, NAME-step-00000007.png; if they
    are not minialex's, it goes to the current folder, as NAME-net.pth.png."""
    path = Path(weights)
    if (path / CHECKPOINT_NAME).exists() or (path.is_dir() and not hugging_face.is_folder(path)):
        return path / f"{name}{end}"
    if path.suffix == ".npz":
        of = "" if path.name == CHECKPOINT_NAME else f"-{path.stem}"
        return path.parent / f"{name}{of}{end}"
    if path.name in hugging_face.WHOLE:  # all are called so; their folder tells them apart
        path = path.parent
    return Path(f"{name}-{path.resolve().name}{end}")


def trained_of(given: argparse.Namespace) -> TrainedNetwork:
    """What --weights, --model, --own-layers, --backend and --workers mean.

    Assumptions go to stderr.
    """
    trained = load(
        given.weights,
        backend_name=given.backend or "auto",
        workers=given.workers,
        model=given.model,
        layers=own_layers(given.own_layers),
        exif={"turn": True, "ignore": False}.get(vars(given).get("exif")),
    )
    if trained.assumed:
        print(f"note: {one_line(trained.assumed)}", file=sys.stderr)
    return trained
