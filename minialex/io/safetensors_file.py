""".safetensors files: named tensors and string metadata, without any code. Uses their library."""

from pathlib import Path
from types import ModuleType

import numpy

from minialex.errors import InputError
from minialex.io.tensor_names import in_order

#: NumPy's names for the types of numbers; it has none for BF16.
DTYPES = dict(
    F64="<f8", F32="<f4", F16="<f2", I64="<i8", I32="<i4", I16="<i2", I8="i1", U8="u1", BOOL="?"
)


def read(path: Path) -> tuple[dict[str, numpy.ndarray], dict[str, str]]:
    """(tensors, metadata) of the file; bfloat16 becomes float32.

    The format keeps no order: see tensor_names.in_order. InputError if the file is damaged or has
    another format, or if the library is missing.
    """
    safetensors = library()
    try:
        with safetensors.safe_open(path, "numpy") as file:
            metadata = file.metadata() or {}
        found = safetensors.deserialize(path.read_bytes())
        return in_order({name: decoded(name, about) for name, about in found}), metadata
    except (safetensors.SafetensorError, ValueError) as error:
        reason = " ".join(str(error).split())
        if "incomplete" in reason.lower():
            reason = "it is cut off, as by a download that was not completed"
        raise InputError(f"{path} cannot be read as a .safetensors file: {reason}") from None


def decoded(name: str, about: dict) -> numpy.ndarray:
    """The tensor from the library's dict {"shape", "dtype", "data"}."""
    if about["dtype"] == "BF16":  # the upper half of a float32's bits
        numbers = (numpy.frombuffer(about["data"], "<u2").astype(numpy.uint32) << 16).view(
            numpy.float32
        )
    elif about["dtype"] in DTYPES:
        numbers = numpy.frombuffer(about["data"], DTYPES[about["dtype"]])
    else:
        raise ValueError(
            f"{name} has numbers of type {about['dtype']}, "
            f"expected one of {', '.join(DTYPES)}, BF16"
        )
    return numbers.reshape(about["shape"])


def write(path: Path, tensors: dict[str, numpy.ndarray], metadata: dict[str, str]) -> None:
    """Writes the tensors, which must be float32 and contiguous, and the metadata to a new file.

    The library makes its bytes, but does not write them: it lets nobody else read the file, and its
    errors are not OSErrors.
    """
    path.write_bytes(library().numpy.save(tensors, metadata))


def library() -> ModuleType:
    """The module safetensors; InputError with what to install if it is missing."""
    try:
        import safetensors.numpy
    except ImportError:
        install = "python -m pip install safetensors"
        raise InputError(f".safetensors files need the library safetensors: {install}") from None
    return safetensors
