"""Weights of runs and of other programs: opened, built into a network, begun from.

A .safetensors or .onnx file by minialex says in its metadata, as JSON, all that a run's checkpoint
says. Others' files bring their network with them (io/foreign), or say nothing (bare_weights.py).
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy

from minialex import backend, data, models
from minialex.data.download import cache_folder, fetch, matches
from minialex.errors import InputError, refusing
from minialex.files import check_link
from minialex.io import hugging_face, metadata, safetensors_file, torch_file, torch_layout
from minialex.io.bare_weights import bare_weights
from minialex.io.checkpoint import Checkpoint
from minialex.io.description import rebuild
from minialex.io.foreign import caffe_reader, matconvnet_reader, npy_reader
from minialex.io.foreign.onnx_reader import OnnxFile
from minialex.io.foreign.preparation import ForeignNetwork
from minialex.io.identify import ZeroGenerator
from minialex.io.kind import CAFFE, CHECKPOINT, MATCONVNET, NPY, ONNX, TORCH, kind_of
from minialex.io.metadata import ABOUT, OPTIONS, PROGRESS, described, is_preparation
from minialex.io.torch_pickle import Beside
from minialex.io.weight_file import WeightFile
from minialex.layers import Dropout, Layer
from minialex.network import Network

#: What --weights calls the weights of torchvision's AlexNet. The eight digits in their file's name
#: begin this SHA-256.
TORCHVISION = "torchvision"
URL = "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth"
HASH = "sha256:7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02"

#: What reads the kinds of files that bring their network with them and say nothing of minialex.
FOREIGN = {CAFFE: caffe_reader.read, MATCONVNET: matconvnet_reader.read, NPY: npy_reader.read}

#: A checkpoint in the folder of a run.
CHECKPOINT_NAME = "checkpoint.npz"


def open_weights(weights: Path | str, model: str | None = None) -> Checkpoint | WeightFile:
    """Opens weights: a run's folder, a checkpoint, a file or folder of another program, or
    "torchvision".

    model: which model a file is for, if it does not say so and could be for several.
    InputError if the file is missing, damaged, of another kind, or for another model.
    """
    path = Path(weights)
    if str(weights) == TORCHVISION:
        path = torchvisions_file()
    found = from_path(path, model)
    if isinstance(found, Checkpoint):
        found.require(PROGRESS)
        options = found.progress["options"]
        missing = [name for name in OPTIONS if isinstance(options, dict) and name not in options]
        if missing:
            other = "has other options than this version of the command"
            raise InputError(f"{found.path} {other}: no {missing[0]}")
        metadata.check(found.path, found.progress)
    data.check_source(found.progress["source"], found.path)
    said = found.progress["options"]["model"]
    if said not in (None, *models.MODELS):  # a later version's
        raise InputError(f"{found.path}: model {said!r} is not one of {', '.join(models.MODELS)}")
    if model not in (None, said):
        raise InputError(
            f"{weights} has the weights of {said or models.OWN}, not of --model {model}"
        )
    return found


def torchvisions_file() -> Path:
    """The file with torchvision's weights: the one that torch has downloaded, or minialex."""
    name = Path(URL).name
    user_cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    torchs = Path(os.environ.get("TORCH_HOME") or Path(user_cache) / "torch")
    found = torchs / "hub" / "checkpoints" / name
    if found.is_file() and matches(found, HASH):
        return found
    hint = f"download it elsewhere and use --weights {name}"
    return fetch(URL, name, HASH, cache_folder("weights"), hint)


def from_path(path: Path, model: str | None) -> Checkpoint | WeightFile:
    """What the file or folder holds."""
    if path.is_dir() and hugging_face.is_folder(path) and not (path / CHECKPOINT_NAME).exists():
        tensors, said, beside = hugging_face.read(path)
        if ABOUT in said:
            return WeightFile(path, tensors, described(path, said[ABOUT]))
        return bare_weights(path, tensors, beside, model)
    if path.is_dir():
        return Checkpoint(path / CHECKPOINT_NAME)
    check_link(path)
    if not path.exists():
        raise InputError(f"there is no checkpoint or other file of weights {path}")
    kind = kind_of(path)
    if kind == CHECKPOINT:
        return Checkpoint(path)
    if kind == TORCH:
        return bare_weights(path, *torch_file.read(path), model)
    if kind == ONNX:
        return from_onnx(OnnxFile(path))
    if kind in FOREIGN:
        return from_foreign(path, FOREIGN[kind](path))
    tensors, said = safetensors_file.read(path)
    if ABOUT in said:
        return WeightFile(path, tensors, described(path, said[ABOUT]))
    return bare_weights(path, tensors, Beside(), model)


def from_onnx(file: OnnxFile) -> WeightFile:
    """The weights in an ONNX file, and the network that it describes."""
    about = file.own_metadata()
    if about:
        tensors = {
            name: array
            for name, array in file.constants.items()
            if name.startswith(("features.", "classifier."))
        }
        return WeightFile(file.path, tensors, described(file.path, about))
    return from_foreign(file.path, file.read())


def from_foreign(path: Path, found: ForeignNetwork) -> WeightFile:
    """The weights of a network that came with its file."""
    note = f"{path} does not say how pictures are prepared: assumed {found.assumed}"
    progress = found.progress(path)
    if not is_preparation(progress):
        said = {name: progress[name] for name in ("std", "resize")}
        raise InputError(f"{path} prepares pictures in a way that cannot be: {said}, or its mean")
    tensors = torch_layout.to_torch(found.network)
    return WeightFile(path, tensors, progress, note if found.assumed else None)


def build_network(
    opened: Checkpoint | WeightFile, own_layers: Iterable[type[Layer]] = ()
) -> Network:
    """The network with these weights, on the host.

    own_layers: classes of your own that it may be made of (see description.rebuild). InputError if
    the weights do not fit.
    """
    progress = opened.progress
    *_, side, channels = progress["pictures"]
    classes = len(progress["classes"])
    if progress["options"]["model"] is None:
        if "network" not in progress:
            raise InputError(f"{opened.path} describes no network")
        with refusing(opened.path, "describes a network that cannot be"):
            network = rebuild(progress["network"], own_layers, ZeroGenerator(), opened.path)
            (*_, logits) = network.shapes().values()
        if (network.input_shape, logits) != ((side, side, channels), (classes,)):
            raise InputError(
                f"{opened.path} is damaged: it has {classes} classes and pictures of "
                f"{side}×{side}×{channels}, its network {logits} and {network.input_shape}"
            )
    else:
        network = models.of_run(progress["options"], classes, side, channels, ZeroGenerator())
    for layer in network.layers.values():
        if isinstance(layer, Dropout):
            layer.rng = numpy.random.default_rng()
    opened.restore_weights(network)
    return network


def start_from(
    opened: Checkpoint | WeightFile,
    learner: Network,
    class_names: Sequence[str],
    own_layers: Iterable[type[Layer]] = (),
) -> None:
    """Copies the weights into `learner` for fine-tuning; without the last layer's if they are for
    other classes. InputError, before anything is changed, if they do not fit.
    """
    given, wanted = build_network(opened, own_layers).params, dict(learner.params)
    if not has_classes(opened, class_names):
        wanted = dict(list(wanted.items())[:-2])
    for name, array in wanted.items():
        shape = given[name].shape if name in given else "missing"
        if shape != array.shape:
            wrong = f"{name} is {shape}, expected shape {array.shape}"
            raise InputError(f"{opened.path} does not fit this network: {wrong}")
    for name, array in wanted.items():
        array[...] = backend.to_device(given[name], backend.of(array))


def has_classes(opened: Checkpoint | WeightFile, class_names: Sequence[str]) -> bool:
    """Whether the weights are for exactly these classes."""
    return opened.progress["classes"] == list(class_names)
