"""The array module: NumPy on the CPU, CuPy on an NVIDIA GPU. This is the only file that imports
cupy.

Without a GPU, minialex.standin is a third one: what fails on a GPU fails there, too.

Layers never import either. They ask `of(x)` for the module that x belongs to and call it: the same
line then runs on the CPU or on the GPU.

>>> import numpy
>>> x = numpy.array([-1.0, 2.0])
>>> of(x).maximum(x, 0)
array([0., 2.])
"""

import functools
import importlib
import math
import sys
import warnings
from types import ModuleType
from typing import Any, TypeAlias

import numpy

from minialex import cupy_problems
from minialex.cupy_problems import Problem
from minialex.errors import InputError

#: A numpy.ndarray or a cupy.ndarray: which of them decides where a layer computes.
Array: TypeAlias = Any

NAMES = ("auto", "numpy", "cupy")


def get(name: str = "auto", process: int | None = None) -> ModuleType:
    """The array module called `name`: "numpy", "cupy", or "auto" (cupy where a GPU works, else
    numpy).

    process: its number, where several processes of this machine compute together. It takes the GPU
    of that number, counted around where there are fewer. (Default: the GPU that is CuPy's current.)

    InputError, with the cause and what to do about it, if "cupy" cannot run here. "auto" prints
    such a cause to stderr, unless it is only that there is no GPU.
    """
    if name not in NAMES:
        raise InputError(f"backend {name!r} is not one of {', '.join(NAMES)}")
    if name == "numpy":
        return numpy
    problem = cupy_problem(process)
    if problem is None:
        import cupy

        return cupy
    if name == "cupy":
        raise InputError(f"backend 'cupy' cannot run here: {problem.text}; or use --backend numpy")
    if not problem.ordinary:
        print(f"note: computing on the CPU, as {problem.text}", file=sys.stderr)
    return numpy


def cupy_problem(process: int | None = None) -> Problem | None:
    """What keeps CuPy from working here, or None where it works. process: as in `get`."""
    driver = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # CuPy's paragraphs about what cupy_problems says
            import cupy
        # CuPy imports without a driver; only a call tells whether a device answers.
        driver = cupy.cuda.runtime.driverGetVersion()
        count = cupy.cuda.runtime.getDeviceCount()
        if process is not None:  # before anything takes memory on another GPU
            cupy.cuda.Device(process % count).use()
        # needs the compiler and cuBLAS, which CuPy loads only now
        ones = cupy.ones((2, 2), numpy.float32)
        float((ones @ ones + 1).sum())
    except Exception as error:  # CuPy raises many kinds for a broken CUDA
        return cupy_problems.problem(error, cupy_problems.packages(), driver)
    return None


def installed_cupy() -> ModuleType | None:
    """CuPy where it is installed, with or without a GPU, to be asked what it has; else None."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import cupy
    except Exception:  # as in cupy_problem
        return None
    return cupy


def of(x: Array) -> ModuleType:
    """The array module that x belongs to. TypeError if x is not an array (a list, say)."""
    return _module_of(type(x))


@functools.cache  # it is asked a hundred times a batch
def _module_of(kind: type) -> ModuleType:
    names = kind.__module__.split(".")
    for end in range(1, len(names) + 1):  # cupy in cupy._core.core, minialex.standin in its arrays
        module = sys.modules.get(".".join(names[:end]))
        if hasattr(module, "ndarray"):
            return module
    raise TypeError(f"expected a NumPy or CuPy array, got {kind.__name__}")


def on_gpu(x: Array) -> bool:
    """Whether x lies in a GPU's memory."""
    return of(x) is not numpy


def to_host(x: Array) -> numpy.ndarray:
    """x as a NumPy array: a copy from the GPU, or x itself where it is one already. Waits for the
    GPU."""
    return of(x).asnumpy(x) if on_gpu(x) else x


def to_device(x: Array, xp: ModuleType) -> Array:
    """x as an array of the module `xp`: a copy, or x itself where it is one already."""
    if of(x) is xp:
        return x
    return to_host(x) if xp is numpy else xp.asarray(x)


def synchronize(xp: ModuleType) -> None:
    """Wait until the GPU has done everything asked of it so far; returns at once on NumPy."""
    if xp is not numpy:
        xp.cuda.get_current_stream().synchronize()


def record(xp: ModuleType) -> Any:
    """An event: the GPU has done everything asked of it so far. None on NumPy."""
    return None if xp is numpy else xp.cuda.get_current_stream().record()


def pinned(xp: ModuleType, shape: tuple[int, ...], dtype: Any) -> numpy.ndarray:
    """An uninitialised array on the host that a GPU reads and writes by itself, while the host does
    something else: its memory stays where it is."""
    count = math.prod(shape)
    memory = xp.cuda.alloc_pinned_memory(max(1, count) * numpy.dtype(dtype).itemsize)
    return numpy.frombuffer(memory, dtype, count).reshape(shape)


def gpu(xp: ModuleType) -> str:
    """The address of the current GPU: the same for two processes if they share it."""
    return xp.cuda.Device().pci_bus_id


def nccl(xp: ModuleType) -> ModuleType | None:
    """CuPy's access to NCCL, NVIDIA's library for exchanging arrays between GPUs; None where the
    library is missing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # CuPy's paragraph about how to install it
        module = importlib.import_module(f"{xp.__name__}.cuda.nccl")
    return module if module.available else None


def available_bytes(xp: ModuleType) -> int:
    """How much of the GPU's memory this process has or could have."""
    free, _ = xp.cuda.Device().mem_info
    return free + xp.get_default_memory_pool().total_bytes()


def is_gpus(error: MemoryError, xp: ModuleType) -> bool:
    """Whether the error says that the GPU's memory has run out, and not the host's."""
    return xp is not numpy and type(error).__module__.startswith(xp.__name__)
