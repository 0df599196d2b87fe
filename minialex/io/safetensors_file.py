""".safetensors files, through the library of that name: named tensors, and strings that say what they are. No code in them."""

import re
from pathlib import Path

import numpy
import safetensors
import safetensors.numpy

from minialex.errors import InputError

#: NumPy's names of the types of numbers; it has none for BF16.
DTYPES = dict(
    F64="<f8", F32="<f4", F16="<f2", I64="<i8", I32="<i4", I16="<i2", I8="i1", U8="u1", BOOL="?"
)


def read(path: Path) -> tuple[dict[str, numpy.ndarray], dict[str, str]]:
    """(tensors, metadata) of the file; bfloat16 comes as float32. InputError if it is damaged or of another format.

    The file keeps no order; the tensors come in that of their names, numbers in them by value, "weight" before "bias".
    """
    try:
        with safetensors.safe_open(path, "numpy") as file:
            metadata = file.metadata() or {}
        found = sorted(
            safetensors.deserialize(path.read_bytes()), key=lambda item: by_number(item[0])
        )
        return {name: array(name, about) for name, about in found}, metadata
    except (safetensors.SafetensorError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} cannot be read as a .safetensors file: {reason}") from None


def by_number(name: str) -> tuple:
    """What sorts "conv2.weight" before "conv2.bias", and that before "conv10.weight"."""
    layer, _, kind = name.rpartition(".")
    return (
        [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", layer)],
        kind != "weight",
        kind,
    )


def array(name: str, about: dict) -> numpy.ndarray:
    """The tensor of the library's description {"shape", "dtype", "data"}."""
    if about["dtype"] == "BF16":  # the upper half of a float32's bits
        numbers = (numpy.frombuffer(about["data"], "<u2").astype(numpy.uint32) << 16).view(
            numpy.float32
        )
    elif about["dtype"] in DTYPES:
        numbers = numpy.frombuffer(about["data"], DTYPES[about["dtype"]])
    else:
        raise ValueError(
            f"{name} has numbers of type {about['dtype']}, expected one of {', '.join(DTYPES)}, BF16"
        )
    return numbers.reshape(about["shape"])


def write(path: Path, tensors: dict[str, numpy.ndarray], metadata: dict[str, str]) -> None:
    """Writes the tensors, float32 and contiguous, and the metadata into a new file."""
    safetensors.numpy.save_file(tensors, path, metadata)
