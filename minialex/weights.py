"""Weights from elsewhere, and for elsewhere: torchvision's, .pth, .safetensors; python -m
minialex.weights export.

What a .safetensors file of ours says about itself stands in its metadata, as JSON: what makes it as
good as the run it came from. A file of others says nothing; its shapes tell which model it is for,
and the rest is assumed.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy

from minialex import backend, models
from minialex.command import Parser, run
from minialex.data.download import cache_folder, fetch
from minialex.errors import InputError
from minialex.files import atomic_write
from minialex.io import onnx_file, safetensors_file, torch_file, torch_layout
from minialex.io.checkpoint import Checkpoint
from minialex.io.identify import assumed_progress, identify
from minialex.network import Network

EXAMPLES = """\
  python -m minialex.weights export runs/long long.safetensors
      for torch: torchvision's names and layout
  python -m minialex.weights export runs/long long.onnx
      for ONNX Runtime and the like (python -m pip install -e '.[onnx]')
  python -m minialex.weights export torchvision alexnet.onnx
"""

#: What --weights calls the weights of torchvision's AlexNet. The eight digits in their file's name
#: begin this SHA-256.
TORCHVISION = "torchvision"
URL = "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth"
HASH = "sha256:7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02"

#: What to give as weights, for --help.
WEIGHTS_HELP = "a run's folder, a checkpoint.npz, .pth or .safetensors file, or torchvision"

#: The entry of a .safetensors file's metadata that is ours, and its version.
ABOUT, FORMAT = "minialex", "minialex weights 1"

#: The largest side of pictures, in pixels, that is believed.
LARGEST = 1024

#: What must be known of weights for their network to be used, and what of the options.
PROGRESS = ("options", "classes", "pictures", "mean", "std", "epochs", "steps")
OPTIONS = ("model", "lrn", "dataset", "data_dir", "seed", "batch_size", "crop_padding")


class WeightFile:
    """Weights in a file that is no minialex run's.

    tensors    by torch's names, in torch's layout
    progress   what a checkpoint's progress says, as far as it is known: the rest is None. "resize" says that pictures are
               prepared as torchvision does it (data/torchvision_images.py)
    assumed    what the file does not say and is assumed, in a sentence, or None
    """

    def __init__(
        self,
        path: Path,
        tensors: dict[str, numpy.ndarray],
        progress: dict,
        assumed: str | None = None,
    ):
        self.path, self.tensors, self.progress, self.assumed = path, tensors, progress, assumed

    def restore_weights(self, network: Network) -> None:
        """Copies the weights into the network; InputError, before anything is changed, if they do
        not fit."""
        torch_layout.load_into(network, self.tensors, str(self.path))


def find(weights: Path | str, model: str | None = None) -> Checkpoint | WeightFile:
    """The weights that `weights` means: a run's folder, its checkpoint, a .pth or .safetensors
    file, or "torchvision".

    model: which model a file is for that does not say so and could be for several.
    InputError if it is missing, damaged, nothing of these, or for another model.
    """
    path = Path(weights)
    if str(weights) == TORCHVISION:
        hint = f"download it elsewhere and use --weights {Path(URL).name}"
        path = fetch(URL, Path(URL).name, HASH, cache_folder("weights"), hint)
    found = Checkpoint(path / "checkpoint.npz") if path.is_dir() else from_file(path, model)
    if isinstance(found, Checkpoint):
        found.require(PROGRESS)
        for name in OPTIONS:
            if name not in found.progress["options"]:
                raise InputError(
                    f"{found.path} has other options than this version of the command: no {name}"
                )
    said = found.progress["options"]["model"]
    if model not in (None, said):
        raise InputError(f"{weights} has the weights of {said}, not of --model {model}")
    return found


def from_file(path: Path, model: str | None) -> Checkpoint | WeightFile:
    """What the file holds, by how it begins, whatever its name is."""
    if not path.exists():
        raise InputError(f"there is no checkpoint or other file of weights {path}")
    with open(path, "rb") as file:
        start = file.read(256)
    if start[8:9] == b"{":
        tensors, metadata = safetensors_file.read(path)
        if ABOUT in metadata:
            return WeightFile(path, tensors, described(path, metadata[ABOUT]))
    elif start[:1] == b"\x80" or (start[:2] == b"PK" and b"data.pkl" in start):
        tensors = torch_file.read(path)
    else:
        return Checkpoint(path)
    tensors = torch_layout.without_prefix(tensors)
    fit = identify(path, tensors, model)
    progress, assumed = assumed_progress(fit)
    known = (fit.model, fit.channels, fit.classes) == (
        "alexnet-owt",
        3,
        1000,
    )  # torchvision's own, or one like it
    return WeightFile(
        path,
        tensors,
        progress,
        None if known else f"{path} does not say what it is for: assumed {assumed}",
    )


def described(path: Path, text: str) -> dict:
    """The `progress` that our own metadata says; InputError if that is damaged or of another
    version."""
    try:
        progress = json.loads(text)
        chosen, (*_, side, channels) = progress["options"], progress["pictures"]
        whole = (
            progress["format"] == FORMAT
            and set(PROGRESS) <= set(progress)
            and set(OPTIONS) <= set(chosen)
        )
        whole &= (
            chosen["model"] in models.MODELS
            and chosen["lrn"] in (None, *models.LRN)
            and 1 <= side <= LARGEST
        )
        whole &= all(isinstance(name, str) for name in progress["classes"])
        whole &= len(progress["mean"]) == len(progress["std"]) == channels
        whole &= all(abs(float(number)) < 1e6 for number in (*progress["mean"], *progress["std"]))
        whole &= (
            isinstance(progress.get("resize", side), int)
            and side <= progress.get("resize", side) <= 2 * LARGEST
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        whole = False
    if not whole:
        raise InputError(
            f"{path} is by minialex, but what it says about itself is damaged, or not {FORMAT!r}"
        )
    return progress


def network(found: Checkpoint | WeightFile) -> Network:
    """The network with these weights, on the host. InputError if they do not fit what is said of
    them."""
    *_, side, channels = found.progress["pictures"]
    built = models.of_run(found.progress["options"], len(found.progress["classes"]), side, channels)
    found.restore_weights(built)
    return built


def begin(learner: Network, found: Checkpoint | WeightFile, class_names: Sequence[str]) -> None:
    """Copies the weights into `learner`, which goes on learning from them; if they are for other
    classes, all but the last layer's. InputError, before anything is changed, if they do not fit.
    """
    given, wanted = network(found).params, dict(learner.params)
    if not knows(found, class_names):
        wanted = dict(list(wanted.items())[:-2])
    for name, array in wanted.items():
        shape = given[name].shape if name in given else "nothing"
        if shape != array.shape:
            raise InputError(
                f"{found.path} does not fit this network: {name} is {shape} there, {array.shape} here"
            )
    for name, array in wanted.items():
        array[...] = backend.to_device(given[name], backend.of(array))


def knows(found: Checkpoint | WeightFile, class_names: Sequence[str]) -> bool:
    """Whether the weights are for these very classes."""
    return found.progress["classes"] == list(class_names)


def export(weights: Path | str, out: Path, model: str | None = None) -> str:
    """Writes the weights that `weights` means (see `find`) into `out`, a new .safetensors or .onnx
    file; says what it wrote.

    InputError, and nothing is written, if `out` exists already or has another ending.
    """
    if out.suffix not in (".safetensors", ".onnx"):
        raise InputError(f"expected the name of a .safetensors or .onnx file to write, got {out}")
    if out.exists():
        raise InputError(f"{out} exists already: nothing is overwritten")
    if not out.parent.is_dir():
        raise InputError(f"there is no folder {out.parent} to write {out.name} into")
    found = find(weights, model)
    built = network(found)
    height, width, channels = built.input_shape
    pictures = f"float32 (N, {channels}, {height}, {width}), {'red, green, blue' if channels == 3 else 'grey'}; "
    pictures += "pixels from 0 to 255, minus mean, divided by std"
    progress = {
        name: found.progress[name] for name in (*PROGRESS, "resize") if name in found.progress
    }
    progress["options"] = {name: found.progress["options"][name] for name in OPTIONS} | {
        "data_dir": None
    }
    about = {
        "format": FORMAT,
        **progress,
        "input": pictures,
        "modules": torch_layout.modules(built),
    }
    with atomic_write(out) as temporary:
        if out.suffix == ".onnx":
            metadata = {name: json.dumps(value) for name, value in about.items()}
            onnx_file.write(
                temporary,
                built,
                metadata,
                f"{progress['options']['model']} by minialex. Input: {pictures}.",
            )
        else:
            safetensors_file.write(
                temporary, torch_layout.to_torch(built), {ABOUT: json.dumps(about)}
            )
    count = built.parameter_count()
    return f"{out}: {progress['options']['model']}, {count:,} parameters, {out.stat().st_size / 1e6:,.1f} MB"


def parser() -> Parser:
    """The command's options."""
    about = "Writes trained weights into a file for other programs. A .safetensors file can\n"
    about += "also be used with minialex, as the run that it came from."
    p = Parser("weights", about, EXAMPLES, usage="export WEIGHTS OUT [options]")
    p.add_argument("action", choices=["export"], help="the one thing that this command does")
    p.add_argument("weights", metavar="WEIGHTS", help=WEIGHTS_HELP)
    p.add_argument(
        "out", type=Path, metavar="OUT", help="the new file, which ends in .safetensors or .onnx"
    )
    add_model_option(p)
    return p


def add_model_option(group) -> None:
    """Adds to a parser or a group of it the option --model of commands that take weights."""
    about = "what the weights are for, if their file leaves that open"
    group.add_argument("--model", choices=models.MODELS, metavar="NAME", help=about)


def main(arguments: Sequence[str]) -> None:
    """Runs the command with `arguments`."""
    given = parser().parse_args(arguments)
    print(export(given.weights, given.out, given.model))


if __name__ == "__main__":
    run(main)
