"""Folders as Hugging Face's libraries write them: tensors in one file or several, and a
config.json with the names of the classes."""

import json
import re
from pathlib import Path
from typing import Any

import numpy

from minialex.errors import InputError
from minialex.io import safetensors_file, torch_file
from minialex.io.kind import kind_of
from minialex.io.torch_pickle import Beside

#: Files with all tensors, and lists of the files over which they are spread; the first one is read.
WHOLE = ("model.safetensors", "pytorch_model.bin")
INDEXES = tuple(f"{name}.index.json" for name in WHOLE)

#: The name of a file that holds a part of the tensors.
SHARD = re.compile(r".+-(\d+)-of-(\d+)\.(safetensors|bin|pth|pt)")


def is_folder(path: Path) -> bool:
    """Whether there is such a network in the folder."""
    return any((path / name).is_file() for name in (*WHOLE, *INDEXES))


def read(path: Path) -> tuple[dict[str, numpy.ndarray], dict[str, str], Beside]:
    """The tensors in the folder, the metadata of its .safetensors file, if there is only one, and
    what it holds beside them. InputError if a file is missing or damaged."""
    for name in WHOLE:
        if (path / name).is_file():
            return read_file(path / name)
    index = next(path / name for name in INDEXES if (path / name).is_file())
    found, beside = {}, Beside()
    for name in dict.fromkeys(shards(index)):
        shard = path / Path(name).name
        if not shard.is_file():
            raise InputError(f"{index} names {shard.name}, which is missing")
        tensors, _, others = read_file(shard)
        found |= tensors
        beside.unknown |= others.unknown
    return found, {}, beside


def read_file(path: Path) -> tuple[dict[str, numpy.ndarray], dict[str, str], Beside]:
    """What `read` returns, of a single .safetensors or .bin file."""
    kind_of(path)  # which names what is none of these
    if path.suffix == ".safetensors":
        return *safetensors_file.read(path), Beside()
    tensors, beside = torch_file.read(path)
    return tensors, {}, beside


def shards(index: Path) -> list[str]:
    """The file of each tensor; InputError if the index is damaged."""
    weight_map = read_json(index).get("weight_map")
    if not isinstance(weight_map, dict) or not all(isinstance(n, str) for n in weight_map.values()):
        raise InputError(f"{index} is damaged: it has no weight_map")
    return list(weight_map.values())


def class_names(folder: Path, count: int) -> list[str] | None:
    """The names of the classes that config.json says, if there are `count`; None if it says
    none."""
    config = folder / "config.json"
    if not config.is_file():
        return None
    about = read_json(config)
    by_number = about.get("id2label")
    if isinstance(by_number, dict):
        names = [by_number.get(str(i)) for i in range(count)]
        if len(by_number) == count and all(isinstance(name, str) for name in names):
            return names
    named = about.get("label_names")  # as timm writes it
    if isinstance(named, list) and len(named) == count and all(isinstance(n, str) for n in named):
        return named
    return None


def preparation(folder: Path, channels: int) -> dict[str, Any]:
    """What preprocessor_config.json, by transformers, says that pictures go through, as far as it
    does: a checkpoint's "mean" and "std" of pixels from 0 to 255, and "resize" (see
    data/torchvision_images.py)."""
    config = folder / "preprocessor_config.json"
    about = read_json(config) if config.is_file() else {}
    found: dict[str, Any] = {}
    mean, std = about.get("image_mean"), about.get("image_std")
    factor = about.get("rescale_factor", 1 / 255) if about.get("do_rescale", True) else 1
    if about.get("do_normalize", True) is False:
        mean, std = [0.0] * channels, [1.0] * channels
    if are_numbers(mean, channels) and are_numbers([factor, *as_list(std)], 1 + channels):
        found["mean"], found["std"] = ([n / factor for n in each] for each in (mean, std))
    size = about.get("size") if about.get("do_resize", True) else None
    if isinstance(size, dict):
        sides = [size.get("height"), size.get("width")]
        resize = sides if are_numbers(sides, 2) else size.get("shortest_edge")
        found |= {"resize": resize} if resize else {}
    return found


def as_list(values: Any) -> list:
    """The list, or an empty one for anything else."""
    return values if isinstance(values, list) else []


def are_numbers(values: Any, count: int) -> bool:
    """Whether it is a list of so many numbers."""
    return (
        isinstance(values, list)
        and len(values) == count
        and all(isinstance(value, int | float) for value in values)
    )


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in the file; InputError if there is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InputError(f"{path} is damaged: it is no JSON object")
    return found
