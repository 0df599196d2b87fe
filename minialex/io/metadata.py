"""What weights say about themselves, in a run's checkpoint or in the files that minialex exports,
and whether that can be."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy

from minialex import lower_rate, models
from minialex.data.augment import AUGMENTATIONS, TEST_VIEWS
from minialex.errors import DAMAGED, InputError, one_line, refusing
from minialex.io.run_folder import EPOCH_KEYS

#: The entry of a .safetensors file's metadata that is ours, and its version.
ABOUT, FORMAT = "minialex", "minialex weights 1"

#: The largest side of pictures, in pixels, and the largest number of anything that is counted, that
#: are believed. Pictures of up to USUAL pixels may be cut from some of twice that.
LARGEST, MOST, USUAL = 8192, 10**15, 1024

#: How deep lists and objects may lie in each other.
DEEPEST = 20

#: What must be known of weights for their network to be used, and what of the options.
PROGRESS = ("options", "source", "classes", "pictures", "mean", "std", "epochs", "steps")
OPTIONS = ("model", "lrn", "batch_size")


def described(path: Path, text: str) -> dict:
    """The `progress` in minialex's own metadata; InputError if it is damaged or of another
    version."""
    try:
        progress = plain(text)
        if progress["format"] != FORMAT:
            raise ValueError(f"its format is {progress['format']!r}")
        for name in PROGRESS:
            progress[name]
        problem = problem_in(progress)
        if progress["options"]["model"] not in (None, *models.MODELS):
            raise ValueError(f"its model is {progress['options']['model']!r}")
    except DAMAGED as error:
        problem = one_line(error)
    if problem:
        wrong = f"what it says about itself is damaged, or not {FORMAT!r}"
        raise InputError(f"{path} is by minialex, but {wrong}: {problem}")
    return progress


def plain(text: str) -> Any:
    """What the JSON text says. ValueError or RecursionError if it is none, or nested too deep."""
    found = json.loads(text)
    level = [found]
    for _ in range(DEEPEST):
        parts = [part for part in level if isinstance(part, list | dict)]
        level = [each for p in parts for each in (p.values() if isinstance(p, dict) else p)]
    if level:
        raise ValueError(f"it is nested more than {DEEPEST} deep")
    return found


def check(path: Path, progress: dict) -> None:
    """InputError unless what the file says, as far as it does, is of the right kinds and fits
    together. It must have all of PROGRESS; the source is for data.check_source."""
    with refusing(path, "is damaged"):
        problem = problem_in(progress)
    if problem:
        raise InputError(f"{path} is damaged: {problem}")


def problem_in(progress: dict) -> str | None:
    """The first entry that cannot be, in words; None if there is none. One of DAMAGED for some that
    make no sense at all."""
    for name, right in ENTRIES.items():
        if name in progress and not right(progress[name]):
            return f"its {name} {are(name)} {progress[name]!r}"
    if progress["options"]["model"] is None and not progress.get("network"):
        return "it describes no network"
    if not is_preparation(progress):
        said = {name: progress.get(name) for name in ("mean", "std", "resize", "exif")}
        return f"pictures cannot be prepared with {said}"
    source = progress.get("source")
    side = source.get("image_size") if isinstance(source, dict) else None
    if isinstance(side, int) and side != progress["pictures"][-2]:
        return f"its pictures are {progress['pictures']}, and of its data set {side} pixels"
    if (progress["epochs"] is None) != (progress["steps"] is None):
        return f"its epochs are {progress['epochs']}, its steps {progress['steps']}"
    of_script = "history" in progress and "dataset" not in progress["options"]
    if of_script and not progress.get("settings"):
        return "it has no settings"
    if "history" in progress and len(progress["history"]) != progress["epochs"]:
        return f"it has {len(progress['history'])} of {progress['epochs']} epochs"
    if progress.get("correct", 0) > progress.get("seen", 0):
        return f"{progress['correct']} of {progress['seen']} answers are right"
    return None


def are(name: str) -> str:
    """ "are" if the name is of several things, else "is"."""
    return "are" if name.endswith("s") else "is"


def is_count(value: Any, least: int = 0, most: int = MOST) -> bool:
    """Whether it is a whole number from `least` to `most`."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def is_number(value: Any) -> bool:
    """Whether it is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def are_texts(value: Any) -> bool:
    """Whether it is a list of texts."""
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def are_options(options: Any) -> bool:
    """Whether they say what the network is, and how many pictures it takes at a time."""
    return (
        isinstance(options, dict)
        and set(OPTIONS) <= set(options)
        and isinstance(options["model"], str | None)
        and options["lrn"] in (None, *models.LRN)
        and is_count(options["batch_size"], 1)
    )


def are_pictures(pictures: Any) -> bool:
    """Whether it is [height, width, channels], with two numbers of pictures before them or not."""
    if not isinstance(pictures, list) or len(pictures) not in (3, 5):
        return False
    *counts, height, width, channels = pictures
    return (
        all(map(is_count, counts))
        and is_count(height, 1, LARGEST)
        and height == width
        and is_count(channels)
        and channels in (1, 3)
    )


def is_digest(digest: Any) -> bool:
    """Whether it is a hash as identity.digest_of returns it."""
    return isinstance(digest, str) and re.fullmatch("[0-9a-f]{32}", digest) is not None


def is_history(history: Any) -> bool:
    """Whether it is a list of the epochs' lines. One of DAMAGED if a number is missing or wrong."""
    for number, line in enumerate(history, 1):
        if line["epoch"] != number or not all(is_number(line[name]) for name in EPOCH_KEYS):
            return False
    return isinstance(history, list)


def are_settings(settings: Any) -> bool:
    """Whether it is what a Trainer was given; see training.py."""
    if settings is None:
        return True
    kinds = ("optimizer", "schedule", "loss")
    return (
        all(is_described(settings[name]) for name in kinds)
        and is_count(settings["batch_size"], 1)
        and set(settings["augment"]) <= set(AUGMENTATIONS)
        and settings["test_views"] in list(TEST_VIEWS)
        and is_count(settings["seed"])
    )


def is_described(setting: Any) -> bool:
    """Whether it can be a description of an optimiser, a schedule or a loss; see description.py."""
    return setting is None or (
        isinstance(setting, list) and [type(part) for part in setting] == [str, dict]
    )


def is_lighting(lighting: Any) -> bool:
    """Whether it is nothing, or C eigenvalues and eigenvectors (C, C)."""
    if lighting is None:
        return True
    parts = [numpy.array(lighting[name]) for name in ("eigenvalues", "eigenvectors")]
    if any(part.dtype.kind not in "if" or not numpy.isfinite(part).all() for part in parts):
        return False
    values, vectors = parts
    return values.ndim == 1 and vectors.shape == 2 * values.shape


def is_range(pixels: Any) -> bool:
    """Whether it is nothing, or two numbers of which the second is larger."""
    return pixels is None or (
        isinstance(pixels, list)
        and len(pixels) == 2
        and all(map(is_number, pixels))
        and pixels[0] < pixels[1]
    )


#: What each entry of a `progress` must be.
ENTRIES: dict[str, Callable[[Any], bool]] = {
    "options": are_options,
    "settings": are_settings,
    "classes": lambda names: are_texts(names) and len(names) > 0,
    "pictures": are_pictures,
    "digest": lambda digest: digest is None or is_digest(digest),
    "epochs": lambda count: count is None or is_count(count),
    "steps": lambda count: count is None or is_count(count),
    "history": is_history,
    "network": lambda network: isinstance(network, dict | None),
    "skipped": lambda skipped: isinstance(skipped, dict) and are_texts(list(skipped.values())),
    "seen": is_count,
    "correct": is_count,
    "loss_sum": is_number,
    "seconds": is_number,
    "learning_rate": is_number,
    "lowered": lambda lines: are_texts(lines) and len(lines) <= lower_rate.MOST,
    "lighting": is_lighting,
    "pixel_range": is_range,
}


def is_preparation(progress: dict) -> bool:
    """Whether pictures can be prepared as `progress` says."""
    *_, side, channels = progress["pictures"]
    mean, std = (numpy.array(progress[name]) for name in ("mean", "std"))
    if not {mean.dtype.kind, std.dtype.kind} <= set("if"):
        return False
    resize = progress.get("resize", side)
    lengths = [resize] if isinstance(resize, int) else resize
    return (
        mean.shape in ((channels,), (side, side, channels))
        and std.shape == (channels,)
        and bool((abs(mean) < 1e6).all() and (std >= 0).all() and (std < 1e6).all())
        and all(isinstance(length, int) for length in lengths)
        and len(lengths) <= 2
        and side <= min(lengths) <= max(lengths) <= 2 * max(side, USUAL)
        and isinstance(progress.get("exif", True), bool)
    )
