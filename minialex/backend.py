"""The array module: NumPy on the CPU, CuPy on an NVIDIA GPU. This is the only file that imports
cupy.

Layers never import either. They ask `of(x)` for the module that x belongs to and call it: the same
line then runs on the CPU or on the GPU.

>>> import numpy
>>> x = numpy.array([-1.0, 2.0])
>>> of(x).maximum(x, 0)
array([0., 2.])
"""

import functools
import sys
from types import ModuleType
from typing import Any, TypeAlias

import numpy

from minialex.errors import InputError

#: A numpy.ndarray or a cupy.ndarray: which of them decides where a layer computes.
Array: TypeAlias = Any

NAMES = ("auto", "numpy", "cupy")


def get(name: str = "auto") -> ModuleType:
    """The array module called `name`: "numpy", "cupy", or "auto" (cupy where a GPU works, else
    numpy).

    Raises InputError, saying what is missing and what to install, if "cupy" cannot run here.
    """
    if name not in NAMES:
        raise InputError(f"backend {name!r} is not one of {', '.join(NAMES)}")
    if name == "numpy":
        return numpy
    problem = _gpu_problem()
    if problem is None:
        import cupy

        return cupy
    if name == "cupy":
        raise InputError(f"backend 'cupy' cannot run here: {problem}")
    return numpy


def _gpu_problem() -> str | None:
    """Why CuPy cannot run here, in one line, or None where it can."""
    try:
        import cupy
    except ImportError:
        install = "python -m pip install -e '.[cuda12]' (CUDA 13: '.[cuda13]')"
        otherwise = "without an NVIDIA GPU use --backend numpy"
        return f"CuPy is not installed. With CUDA 12: {install}; {otherwise}"
    # CuPy imports without a driver; only a call tells whether a device answers.
    try:
        if cupy.cuda.is_available():
            # needs the compiler and cuBLAS, which CuPy loads only now
            ones = cupy.ones((2, 2), numpy.float32)
            float((ones @ ones + 1).sum())
            return None
    except Exception as error:  # CuPy raises many kinds for a broken CUDA
        return f"CuPy is installed, but CUDA reports: {error}"
    return (
        "CuPy is installed, but no NVIDIA GPU or driver answers. Install the driver "
        "(nvidia-smi must list the GPU), or use --backend numpy"
    )


def of(x: Array) -> ModuleType:
    """The array module that x belongs to. TypeError if x is not an array (a list, say)."""
    return _module_of(type(x))


@functools.cache  # it is asked a hundred times a batch
def _module_of(kind: type) -> ModuleType:
    module = sys.modules.get(kind.__module__.partition(".")[0])
    if module is None or not hasattr(module, "ndarray"):
        raise TypeError(f"expected a NumPy or CuPy array, got {kind.__name__}")
    return module


def to_host(x: Array) -> numpy.ndarray:
    """x as a NumPy array: a copy from the GPU, or x itself where it is one already. Waits for the
    GPU."""
    return x if of(x) is numpy else of(x).asnumpy(x)


def to_device(x: Array, xp: ModuleType) -> Array:
    """x as an array of the module `xp`: a copy, or x itself where it is one already."""
    if of(x) is xp:
        return x
    return to_host(x) if xp is numpy else xp.asarray(x)


def synchronize(xp: ModuleType) -> None:
    """Wait until the GPU has done everything asked of it so far; returns at once on NumPy."""
    if xp is not numpy:
        xp.cuda.get_current_stream().synchronize()


def available_bytes(xp: ModuleType) -> int:
    """How much of the GPU's memory this process has or could have."""
    free, _ = xp.cuda.Device().mem_info
    return free + xp.get_default_memory_pool().total_bytes()
