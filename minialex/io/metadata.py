"""What minialex says of the weights that it exports: all that a run's checkpoint says."""

import json
from pathlib import Path

import numpy

from minialex import models
from minialex.errors import DAMAGED, InputError

#: The entry of a .safetensors file's metadata that is ours, and its version.
ABOUT, FORMAT = "minialex", "minialex weights 1"

#: The largest side of pictures, in pixels, that is believed.
LARGEST = 1024

#: What must be known of weights for their network to be used, and what of the options.
PROGRESS = ("options", "source", "classes", "pictures", "mean", "std", "epochs", "steps")
OPTIONS = ("model", "lrn", "batch_size")


def described(path: Path, text: str) -> dict:
    """The `progress` in minialex's own metadata; InputError if it is damaged or of another
    version."""
    try:
        progress = json.loads(text)
        chosen, (*_, side, _) = progress["options"], progress["pictures"]
        whole = (
            progress["format"] == FORMAT
            and set(PROGRESS) <= set(progress)
            and set(OPTIONS) <= set(chosen)
        )
        whole &= (
            (
                chosen["model"] in models.MODELS
                or (chosen["model"] is None and "network" in progress)
            )
            and chosen["lrn"] in (None, *models.LRN)
            and 1 <= side <= LARGEST
        )
        sizes = progress["pictures"][-2:]
        whole &= all(isinstance(size, int) for size in sizes) and sizes[1] in (1, 3)
        whole &= isinstance(progress["classes"], list)
        whole &= all(isinstance(name, str) for name in progress["classes"])
        whole &= is_preparation(progress)
    except DAMAGED:
        whole = False
    if not whole:
        raise InputError(
            f"{path} is by minialex, but what it says about itself is damaged, or not {FORMAT!r}"
        )
    return progress


def is_preparation(progress: dict) -> bool:
    """Whether pictures can be prepared as `progress` says."""
    *_, side, channels = progress["pictures"]
    mean, std = (numpy.array(progress[name], float) for name in ("mean", "std"))
    resize = progress.get("resize", side)
    lengths = [resize] if isinstance(resize, int) else resize
    return (
        mean.shape in ((channels,), (side, side, channels))
        and std.shape == (channels,)
        and bool((abs(mean) < 1e6).all() and (std >= 0).all() and (std < 1e6).all())
        and all(isinstance(length, int) for length in lengths)
        and len(lengths) <= 2
        and side <= min(lengths) <= max(lengths) <= 2 * LARGEST
        and isinstance(progress.get("exif", True), bool)
    )
