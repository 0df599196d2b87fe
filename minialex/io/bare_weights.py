"""Weights of which their file says nothing: what they are for is judged by their shapes."""

import re
from pathlib import Path

import numpy

from minialex.errors import InputError, refusing
from minialex.io import hugging_face
from minialex.io.doubt import doubt
from minialex.io.identify import assumed_progress, identify
from minialex.io.metadata import is_preparation
from minialex.io.tensor_names import unwrapped
from minialex.io.torch_pickle import Beside
from minialex.io.weight_file import WeightFile

#: What the tensors of alex.pth are called that the package lpips brings.
LPIPS = re.compile(r"lin\d\.model\.1\.weight")

#: The modules whose classes hold tensors and plain data together: nobody misses them.
PLUMBING = {"torch", "copyreg", "copy_reg", "builtins", "__builtin__", "collections"}


def bare_weights(
    path: Path, tensors: dict[str, numpy.ndarray], beside: Beside, model: str | None
) -> WeightFile:
    """Tensors that say nothing of what they are for.

    beside: what else their file holds.
    """
    shard = hugging_face.SHARD.fullmatch(path.name)
    if shard and int(shard[2]) > 1:
        raise InputError(f"{path} is one of {int(shard[2])} files of a network: give its folder")
    if tensors and all(LPIPS.fullmatch(name) for name in tensors):
        what = "weighs the layers of an AlexNet to compare pictures (LPIPS)"
        raise InputError(f"{path} {what}: it does not hold the AlexNet")
    with refusing(path, "holds tensors that fit no model"):
        fit = identify(path, unwrapped(tensors), model)
    progress, model_assumed, pictures_assumed = assumed_progress(fit)
    if path.is_dir():
        names = hugging_face.class_names(path, fit.classes)
        with refusing(path, "has a preprocessor_config.json that cannot be followed"):
            said = hugging_face.preparation(path, fit.channels)
            progress |= said | ({"classes": names} if names else {})
            if not is_preparation(progress):
                raise ValueError(f"it is for other pictures, {said}")
        pictures_assumed = "" if "mean" in said else pictures_assumed
    if beside.classes and len(beside.classes) == fit.classes:
        progress["classes"] = beside.classes
    ignored = {name for name in beside.unknown if name.partition(".")[0] not in PLUMBING}
    like_torchvisions = (fit.model, fit.channels, fit.classes) == ("alexnet-owt", 3, 1000)
    assumed = ", ".join(filter(None, (model_assumed, pictures_assumed)))
    notes = [] if like_torchvisions else [f"{path} does not say what it is for: assumed {assumed}"]
    reason = doubt(fit.tensors)
    if reason:
        notes.append(f"are they trained? {reason}")
    if ignored:
        notes.append(f"{path} also holds objects of {some(ignored)}: only tensors were read")
    return WeightFile(path, fit.tensors, progress, "; ".join(notes) or None)


def some(names: set[str]) -> str:
    """Up to three of the names, and how many others there are."""
    first, others = sorted(names)[:3], len(names) - 3
    return ", ".join(first) + (f" and {others} other classes" if others > 0 else "")
