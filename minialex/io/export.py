"""Trained weights for other programs: a .safetensors or .onnx file, or a folder as Hugging Face's
libraries read it."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from minialex.data.augment import Standardize
from minialex.errors import InputError
from minialex.files import atomic_folder, atomic_write
from minialex.io import model_card, onnx_file, safetensors_file, torch_layout
from minialex.io.checkpoint import Checkpoint
from minialex.io.description import describe
from minialex.io.hugging_face import WHOLE
from minialex.io.metadata import ABOUT, FORMAT, OPTIONS, PROGRESS
from minialex.io.weight_file import WeightFile
from minialex.io.weights import build_network, open_weights
from minialex.layers import Layer
from minialex.network import Network


def export(
    weights: Path | str,
    out: Path,
    model: str | None = None,
    own_layers: Iterable[type[Layer]] = (),
    uint8: bool = False,
) -> str:
    """Writes weights (see open_weights) to `out`, a new .safetensors or .onnx file or, if it has no
    extension, a folder; returns a line that says what it wrote.

    uint8: an .onnx file takes pixels from 0 to 255, uint8 (N, H, W, C), and standardises them
    itself. InputError, and nothing is written, if `out` exists or has another extension.
    """
    if out.suffix not in (".safetensors", ".onnx", ""):
        expected = "expected the name of a .safetensors or .onnx file to write, or of a folder"
        raise InputError(f"{expected}, got {out}")
    if uint8 and out.suffix != ".onnx":
        raise InputError(f"only .onnx files can take uint8 pictures, not {out}: leave out --uint8")
    if out.exists():
        raise InputError(f"{out} exists already: nothing is overwritten")
    if not out.parent.is_dir():
        raise InputError(f"there is no folder {out.parent} to write {out.name} into")
    opened = open_weights(weights, model)
    network = build_network(opened, own_layers)
    about = {"format": FORMAT, **known(opened, network), "input": pictures(network, uint8)}
    about["modules"] = torch_layout.modules(network)
    called = about["options"]["model"] or "network"
    if out.suffix == ".onnx":
        metadata = {name: json.dumps(value) for name, value in about.items()}
        title = f"{called} by minialex. Input: {about['input']}."
        standardize = Standardize(about["mean"], about["std"]) if uint8 else None
        with atomic_write(out) as temporary:
            onnx_file.write(temporary, network, metadata, title, standardize)
        written = out
    elif out.suffix == ".safetensors":
        write_safetensors(out, network, about)
        written = out
    else:
        written = write_folder(out, called, about, network, opened)
    size = written.stat().st_size
    room = f"{size / 1e6:,.1f} MB" if size >= 1e5 else f"{size / 1e3:,.1f} kB"
    return f"{out}: {called}, {network.parameter_count():,} parameters, {room}"


def known(opened: Checkpoint | WeightFile, network: Network) -> dict[str, Any]:
    """What is known of the weights and concerns others."""
    names = (*PROGRESS, "digest", "resize", "exif", "pixel_range")
    progress = {name: opened.progress[name] for name in names if name in opened.progress}
    progress["options"] = {name: opened.progress["options"][name] for name in OPTIONS}
    if progress["source"]:
        progress["source"] = {**progress["source"], "data_dir": None}
    if progress["options"]["model"] is None:
        progress["network"] = describe(network)
    return progress


def pictures(network: Network, uint8: bool) -> str:
    """What the exported network takes, in words."""
    height, width, channels = network.input_shape
    colours = "red, green, blue" if channels == 3 else "grey"
    if uint8:
        return f"uint8 (N, {height}, {width}, {channels}), {colours}"
    shape = f"float32 (N, {channels}, {height}, {width})"
    return f"{shape}, {colours}; pixels from 0 to 255, minus mean, divided by std"


def write_safetensors(path: Path, network: Network, about: dict[str, Any]) -> None:
    with atomic_write(path) as temporary:
        tensors = torch_layout.to_torch(network)
        safetensors_file.write(temporary, tensors, {ABOUT: json.dumps(about)})


def write_folder(
    out: Path,
    called: str,
    about: dict[str, Any],
    network: Network,
    opened: Checkpoint | WeightFile,
) -> Path:
    """Writes the weights and what describes them to a new folder; returns the weights' file."""
    history = opened.progress.get("history") or [{}]
    with atomic_folder(out) as temporary:
        write_safetensors(temporary / WHOLE[0], network, about)
        for name, content in model_card.files(called, about, network, history[-1]).items():
            with atomic_write(temporary / name) as file:
                file.write_text(content, encoding="utf-8", errors="replace")
    return out / WHOLE[0]
