"""What a file of weights is, judged by how it begins and not by its name; and of a file that is
none, what it is instead."""

import zipfile
from pathlib import Path

from minialex.errors import DAMAGED, InputError
from minialex.files import check_readable
from minialex.io import torch_tar

#: Kinds of files that can be read.
CHECKPOINT, SAFETENSORS, TORCH, ONNX = "checkpoint", "safetensors", "torch", "ONNX"
CAFFE, MATCONVNET, NPY = "Caffe", "MatConvNet", "npy"

#: What follows the version in an ONNX file: the tags of the fields producer_name and graph.
PRODUCER_OR_GRAPH = (b"\x12", b"\x3a")

#: What follows the name in a Caffe file: the tags of the fields layers, input and layer.
LAYERS_OR_INPUT = (b"\x12", b"\x1a", b"\xa2")

#: How many bytes tell.
ENOUGH = 512

#: How other files begin, and what they are.
OTHERS = {
    b"version https://git-lfs": "a Git LFS pointer instead of the file: run git lfs pull",
    b"\x89HDF": "HDF5, as Keras writes it: save the weights there as .safetensors",
    b"MATLAB 7.3": "a .mat file of version 7.3: save it in MATLAB with -v7",
    b"GGUF": "GGUF, which holds language models",
    b"\x1f\x8b": "compressed with gzip: unpack it",
    b"\xfd7zXZ": "compressed with xz: unpack it",
    b"7z\xbc\xaf": "a 7z archive: unpack it",
    b"Rar!": "a RAR archive: unpack it",
    b"%PDF": "a PDF",
    b"\xff\xd8\xff": "a picture, not weights",
    b"\x89PNG": "a picture, not weights",
}


def kind_of(path: Path) -> str:
    """One of the kinds above. InputError, which says what the file is, if it is none of them."""
    check_readable(path)
    with open(path, "rb") as file:
        start = file.read(ENOUGH)
    if start[8:9] == b"{":
        return SAFETENSORS
    if start[:1] == b"\x80" or torch_tar.is_tar(start):
        return TORCH
    if start[:1] == b"\x08" and (path.suffix == ".onnx" or start[2:3] in PRODUCER_OR_GRAPH):
        return ONNX
    if start[:1] == b"\x0a" and (path.suffix == ".caffemodel" or is_caffe(start)):
        return CAFFE
    if start.startswith(b"MATLAB 5.0 MAT-file"):
        return MATCONVNET
    if start.startswith(b"\x93NUMPY"):
        return NPY
    if start[:2] == b"PK":
        return kind_of_archive(path, start)
    raise InputError(f"{path} {other_kind(start)}")


def is_caffe(start: bytes) -> bool:
    """Whether this begins as one of Caffe's nets: with its name, a short text, and what follows."""
    behind = 2 + int.from_bytes(start[1:2], "little")
    return start[2:behind].isascii() and start[behind : behind + 1] in LAYERS_OR_INPUT


def kind_of_archive(path: Path, start: bytes) -> str:
    """The kind of a zip archive."""
    if b"data.pkl" in start[:256]:
        return TORCH
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, *DAMAGED):
        names = []
    if not names or any(name.endswith(".npy") for name in names):
        return CHECKPOINT
    if any(name.endswith("/data.pkl") for name in names):
        return TORCH
    more = f" and {len(names) - 1} more files" if len(names) > 1 else ""
    raise InputError(f"{path} is a zip archive with {names[0]}{more}: unpack it")


def other_kind(start: bytes) -> str:
    """What a file is that begins so, after its name."""
    if not start:
        return "is empty: a download or copy that failed?"
    text = start.lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html", b"<?xml", b"<head")):
        return "is a web page, not weights: was it the page about the file that was downloaded?"
    for beginning, what in OTHERS.items():
        if start.startswith(beginning):
            return f"is {what}"
    expected = "a checkpoint (.npz), .pth, .safetensors, .onnx, .caffemodel, .mat or .npy file"
    return f"holds no weights that can be read: expected {expected}"
