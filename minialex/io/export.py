"""Trained weights in files for other programs: .safetensors and .onnx."""

import json
from collections.abc import Iterable
from pathlib import Path

from minialex.errors import InputError
from minialex.files import atomic_write
from minialex.io import onnx_file, safetensors_file, torch_layout
from minialex.io.description import describe
from minialex.io.metadata import ABOUT, FORMAT, OPTIONS, PROGRESS
from minialex.io.weights import build_network, open_weights
from minialex.layers import Layer


def export(
    weights: Path | str,
    out: Path,
    model: str | None = None,
    own_layers: Iterable[type[Layer]] = (),
) -> str:
    """Writes weights (see open_weights) to `out`, a new .safetensors or .onnx file; returns a line
    that says what it wrote.

    InputError, and nothing is written, if `out` exists or has another extension.
    """
    if out.suffix not in (".safetensors", ".onnx"):
        raise InputError(f"expected the name of a .safetensors or .onnx file to write, got {out}")
    if out.exists():
        raise InputError(f"{out} exists already: nothing is overwritten")
    if not out.parent.is_dir():
        raise InputError(f"there is no folder {out.parent} to write {out.name} into")
    opened = open_weights(weights, model)
    network = build_network(opened, own_layers)
    height, width, channels = network.input_shape
    colours = "red, green, blue" if channels == 3 else "grey"
    pictures = f"float32 (N, {channels}, {height}, {width}), {colours}; "
    pictures += "pixels from 0 to 255, minus mean, divided by std"
    names = (*PROGRESS, "resize", "pixel_range")
    progress = {name: opened.progress[name] for name in names if name in opened.progress}
    options = {name: opened.progress["options"][name] for name in OPTIONS}
    progress["options"] = options
    if progress["source"]:
        progress["source"] = {**progress["source"], "data_dir": None}
    if options["model"] is None:
        progress["network"] = describe(network)
    about = {"format": FORMAT, **progress, "input": pictures}
    about["modules"] = torch_layout.modules(network)
    called = options["model"] or "network"
    with atomic_write(out) as temporary:
        if out.suffix == ".onnx":
            metadata = {name: json.dumps(value) for name, value in about.items()}
            title = f"{called} by minialex. Input: {pictures}."
            onnx_file.write(temporary, network, metadata, title)
        else:
            tensors = torch_layout.to_torch(network)
            safetensors_file.write(temporary, tensors, {ABOUT: json.dumps(about)})
    size = out.stat().st_size
    room = f"{size / 1e6:,.1f} MB" if size >= 1e5 else f"{size / 1e3:,.1f} kB"
    return f"{out}: {called}, {network.parameter_count():,} parameters, {room}"
