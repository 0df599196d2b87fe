"""Why CuPy does not work on a machine: the cause, and the command that mends it, in one line."""

import importlib.metadata
import os
import re
from collections.abc import Sequence
from typing import NamedTuple

#: The package of CuPy that runs on most machines: also with drivers for CUDA 13, and older GPUs.
USUAL = "cupy-cuda12x"


class Problem(NamedTuple):
    """What keeps CuPy from working; ordinary: as on any machine without a GPU."""

    text: str
    ordinary: bool = False


def packages() -> list[str]:
    """The installed packages that bring the module cupy. Two of them overwrite each other."""
    names = {found.metadata["Name"] or "" for found in importlib.metadata.distributions()}
    return sorted(name for name in names if re.fullmatch(r"cupy(-(cuda|rocm)[-\w]*)?", name))


def problem(error: Exception, installed: Sequence[str], driver: int | None = None) -> Problem:
    """What `error`, raised by importing CuPy or by its first computation, means.

    installed: see packages. driver: the newest version of CUDA that the driver supports, as CuPy
    has it: 12040 for 12.4, 0 without a driver, None if CuPy could not say.
    """
    if not installed and isinstance(error, ModuleNotFoundError):
        return Problem(f"CuPy is not installed. With an NVIDIA GPU: {install()}", ordinary=True)
    if len(installed) > 1:
        return Problem(f"{' and '.join(installed)} overwrite each other: {replace(installed)}")
    text, name = reason(error), installed[0] if installed else "CuPy"
    if "cudaErrorInsufficientDriver" in text and not driver:
        return Problem("no NVIDIA driver answers: nvidia-smi must list the GPU", ordinary=True)
    if "cudaErrorInsufficientDriver" in text:
        old = f"the NVIDIA driver supports CUDA {driver // 1000}.{driver % 1000 // 10} at most"
        other = f", or {replace(installed)}" if name != USUAL and driver >= 12000 else ""
        return Problem(f"{old}, which is too old for {name}: update the driver{other}")
    if "cudaErrorNoDevice" in text:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        hidden = "" if visible is None else f": CUDA_VISIBLE_DEVICES is {visible!r}"
        return Problem(f"the NVIDIA driver finds no GPU{hidden}", ordinary=True)
    full = "out of memory|cudaErrorMemoryAllocation|CUBLAS_STATUS_(ALLOC_FAILED|NOT_INITIALIZED)"
    if re.search(full, text, re.IGNORECASE):
        return Problem("the GPU's memory is full: end one of the programs that nvidia-smi lists")
    if re.search("--gpu-architecture|no kernel image", text):
        other = f", or {replace(installed)} for an older GPU" if name != USUAL else ""
        return Problem(f"{name} does not support this GPU: update it for a newer GPU{other}")
    if re.search("libcuda.so|nvcuda.dll", text):
        return Problem("no NVIDIA driver answers: nvidia-smi must list the GPU", ordinary=True)
    if "cudaErrorSystemNotReady" in text:
        return Problem("the GPUs wait for the service nvidia-fabricmanager: start it")
    mend = install(name) if name.startswith("cupy-cuda") else replace(installed)
    if header := re.search(r'cannot open source file "([^"]+)"', text):
        return Problem(f"CUDA's header {header[1]} is missing: {mend}")
    missing = "cannot open shared object|failed to (open|load)|not f(i|ou)nd|failure finding"
    library = re.search(r"\b(lib[\w+-]+\.so[.\d]*|\w+\.dll)", text)
    if library and re.search(missing, text, re.IGNORECASE) and "version" not in text:
        return Problem(f"CUDA's library {library[1]} is missing: {mend}")
    return Problem(f"CuPy is installed, but reports: {text}")


def install(name: str = USUAL) -> str:
    """The command that installs CuPy with NVIDIA's libraries and headers: all but the driver."""
    return f'python -m pip install "{name}[ctk]>=14"'


def replace(installed: Sequence[str]) -> str:
    """The commands that put the usual package in the place of those installed."""
    return f"python -m pip uninstall -y {' '.join(installed)}, then {install()}"


def reason(error: Exception) -> str:
    """The error in one line; of CuPy's paragraphs about a failed import, the original error."""
    text = str(error)
    original = re.search(r"Original error:\s*(.+)", text)
    return " ".join((original[1] if original else text).split()) or type(error).__name__
