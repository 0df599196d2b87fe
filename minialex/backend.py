"""The array module: NumPy on the CPU, CuPy on an NVIDIA GPU. This is the only file that imports cupy.

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

import numpy

from minialex.errors import InputError

NAMES = ("auto", "numpy", "cupy")


def get(name: str = "auto") -> ModuleType:
    """The array module called `name`: "numpy", "cupy", or "auto" (cupy where a GPU works, else numpy).

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
        return (
            "CuPy is not installed. With CUDA 12: python -m pip install -e '.[cuda12]' (CUDA 13: '.[cuda13]'); "
            "without an NVIDIA GPU use --backend numpy"
        )
    # CuPy imports without a driver; only a call tells whether a device answers.
    try:
        if cupy.cuda.is_available():
            ones = cupy.ones((2, 2), numpy.float32)
            float(
                (ones @ ones + 1).sum()
            )  # needs the compiler and cuBLAS, which CuPy loads only now
            return None
    except Exception as error:  # CuPy raises many kinds for a broken CUDA
        return f"CuPy is installed, but CUDA reports: {error}"
    return (
        "CuPy is installed, but no NVIDIA GPU or driver answers. Install the driver (nvidia-smi must list the GPU), "
        "or use --backend numpy"
    )


def of(x) -> ModuleType:
    """The array module that x belongs to. TypeError if x is not an array (a list, say)."""
    return _module_of(type(x))


@functools.cache  # it is asked a hundred times a batch
def _module_of(kind: type) -> ModuleType:
    module = sys.modules.get(kind.__module__.partition(".")[0])
    if module is None or not hasattr(module, "ndarray"):
        raise TypeError(f"expected a NumPy or CuPy array, got {kind.__name__}")
    return module


def to_host(x) -> numpy.ndarray:
    """x as a NumPy array: a copy from the GPU, or x itself where it is one already. Waits for the GPU."""
    return x if of(x) is numpy else of(x).asnumpy(x)


def to_device(x, xp: ModuleType):
    """x as an array of the module `xp`: a copy, or x itself where it is one already."""
    if of(x) is xp:
        return x
    return to_host(x) if xp is numpy else xp.asarray(x)


def synchronize(xp: ModuleType) -> None:
    """Wait until the GPU has done everything asked of it so far; returns at once on NumPy."""
    if xp is not numpy:
        xp.cuda.get_current_stream().synchronize()


#: On a GPU, at most so many bytes of im2col's columns at a time (--gpu-workspace): more fill it no better.
gpu_workspace = 1 << 30


def workspace_bytes(xp: ModuleType) -> int:
    """How many bytes of one array to work on at once: what stays in or near a core's cache, or fills a GPU.

    With less, the CPU's threads spend their time on calling NumPy, one at a time (benchmarks/README.md).
    """
    return 2 << 20 if xp is numpy else gpu_workspace


def temporary_bytes(xp: ModuleType) -> int:
    """How large a temporary array may be that is worth more than it costs: many times the cache, little beside a net."""
    return 24 << 20 if xp is numpy else gpu_workspace // 2


def available_bytes(xp: ModuleType) -> int:
    """How much of the GPU's memory this process has or could have."""
    free, _ = xp.cuda.Device().mem_info
    return free + xp.get_default_memory_pool().total_bytes()


def slices(count: int, bytes_each: int, budget: int) -> list[slice]:
    """Cuts 0..count into slices of as many items as fit `budget` bytes, at least one each."""
    step = max(1, budget // max(1, bytes_each))
    return [slice(start, min(start + step, count)) for start in range(0, count, step)]


def in_cache(x) -> list[slice]:
    """Slices of x's first axis for walking through it a few pictures at a time.

    On the CPU the temporaries of one slice then stay in the core's cache, which makes elementwise layers two to four
    times faster. A GPU takes everything in one.
    """
    budget = workspace_bytes(numpy) if of(x) is numpy else x.nbytes
    return slices(len(x), x.nbytes // max(1, len(x)), budget)
