"""What a measurement ran on."""

import platform
from types import ModuleType

import numpy
from threadpoolctl import threadpool_info

from minialex.doctor import processor


def machine(threads: int, torch_version: str, xp: ModuleType = numpy) -> dict:
    """The processor, or the GPU behind `xp`, and the versions of what computes on it."""
    found = {"cpu": processor(), "threads": threads, "numpy": numpy.__version__}
    found |= {"blas": blas_name(), "torch": torch_version, "python": platform.python_version()}
    if xp is not numpy:
        found["gpu"] = xp.cuda.runtime.getDeviceProperties(0)["name"].decode()
    return found


def describe(machine: dict) -> str:
    """The hardware and the software of a measurement, in two lines."""
    where = machine.get("gpu") or "{cpu}, {threads} threads".format_map(machine)
    return where + "\nNumPy {numpy} ({blas}), PyTorch {torch}, Python {python}".format_map(machine)


def blas_name() -> str:
    """The BLAS that NumPy uses, and the processor whose kernels it chose.

    OPENBLAS_CORETYPE in the environment may have chosen slow ones.
    """
    libraries = [library for library in threadpool_info() if library["user_api"] == "blas"]
    return ", ".join(
        f"{library['internal_api']} for {library.get('architecture', 'any')}"
        for library in libraries
    )
