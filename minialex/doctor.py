"""python -m minialex.doctor: what minialex finds on this machine, what works, what to install."""

import importlib.metadata
import os
import platform
import subprocess
import sys
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy
from threadpoolctl import threadpool_info

from minialex import __version__, backend
from minialex.command import Parser, run
from minialex.cores import usable_cores
from minialex.cupy_problems import packages, replace
from minialex.distributed.launch import environment, mpirun
from minialex.terminal import styled

EXAMPLES = """\
  python -m minialex.doctor
      before asking for help: paste what it prints
"""

#: What installs the tests' packages, in the project's folder.
TESTS = '-e ".[test]"'

#: Packages besides NumPy: what they are for, and what to install if they are missing.
PACKAGES = {
    "pillow": ("everything", "pillow"),
    "matplotlib": ("curves and other pictures", "matplotlib"),
    "tqdm": ("everything", "tqdm"),
    "threadpoolctl": ("everything", "threadpoolctl"),
    "pooch": ("downloads", "pooch"),
    "safetensors": (".safetensors files", "safetensors"),
    "rich": ("the lessons", "rich"),
    "pylatexenc": ("the lessons", "pylatexenc"),
    "nbformat": ("the lessons as notebooks", '-e ".[notebook]"'),
    "flask": ("minialex explore", '-e ".[explore]"'),
    "waitress": ("minialex explore", '-e ".[explore]"'),
    "onnx": ("ONNX export", "onnx"),
    "protobuf": ("Caffe's weights", '-e ".[formats]"'),
    "pyarrow": ("parquet files", '-e ".[formats]"'),
    "mpi4py": ("many processes (train --ranks)", '-e ".[mpi]"'),
    "pytest": ("the tests", TESTS),
    "pytest-xdist": ("the tests", TESTS),
}


def main(arguments: Sequence[str]) -> None:
    """Runs the command with `arguments`."""
    Parser("doctor", "Says what minialex finds on this machine.", EXAMPLES).parse_args(arguments)
    for what, lines in report().items():
        print(f"{styled(f'{what:<10}', 'bold')} {lines[0]}")
        for line in lines[1:]:
            print(textwrap.indent(line, 11 * " "))


def report() -> dict[str, list[str]]:
    """What there is, in lines of at most 69 characters by subject."""
    found = {
        "minialex": [f"{__version__}, in {Path(__file__).parent}"],
        "Python": [f"{platform.python_version()}, {sys.executable}"],
        "system": [platform.platform()],
        "processor": [f"{processor()}, usable cores: {usable_cores()}"],
        "NumPy": [numpy.__version__, *blas()],
        "GPU": gpu(),
        "MPI": mpi(),
        "packages": installed_packages(),
    }
    return {what: wrapped(lines) for what, lines in found.items()}


def wrapped(lines: Sequence[str]) -> list[str]:
    """The lines, folded to 69 characters."""
    whole = dict(break_on_hyphens=False, break_long_words=False)
    return [part for line in lines for part in textwrap.wrap(line, 69, **whole)]


def processor() -> str:
    """The processor's name, from Linux or else from Python.

    Rented machines may hide which of its maker's it is: family and model still tell.
    """
    try:
        first, *_ = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")
    except OSError:
        first = ""
    about = {
        name.strip(): value.strip()
        for name, _, value in (line.partition(":") for line in first.splitlines())
    }
    if "model name" not in about:
        return platform.processor() or platform.machine()
    if "cpu family" not in about:
        return about["model name"]
    return "{model name} (family {cpu family}, model {model})".format_map(about)


def blas() -> list[str]:
    """The libraries that multiply NumPy's matrices, their speed, and what makes them slow."""
    lines = [
        f"{library['internal_api']} {library['version'] or ''} for "
        f"{library.get('architecture', 'any processor')}, {library['num_threads']} thread"
        + "s"
        * (library["num_threads"] != 1)
        for library in threadpool_info()
        if library["user_api"] == "blas"
    ]
    lines.append(f"a product of two 2048×2048 matrices: {gemm_rate(numpy):,.0f} GFLOP/s")
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        if name in os.environ:
            lines.append(f"{name}={os.environ[name]} is set, which can make it slower")
    return lines


def gemm_rate(xp: ModuleType, size: int = 2048) -> float:
    """The rate of the best of three float32 products of size×size matrices, in GFLOP/s."""
    a, seconds = xp.ones((size, size), numpy.float32), []
    for _ in range(3):
        start = time.perf_counter()
        a @ a
        backend.synchronize(xp)
        seconds.append(time.perf_counter() - start)
    return 2e-9 * size**3 / min(seconds)


def gpu() -> list[str]:
    """The GPU that CuPy computes on and its versions; or why it computes on none."""
    problem = backend.cupy_problem()
    if problem:
        return [f"none: {problem.text}", "--backend auto computes on the CPU"]
    xp = backend.get("cupy")
    runtime = xp.cuda.runtime
    about = runtime.getDeviceProperties(0)
    capability = f"compute capability {about['major']}.{about['minor']}"
    lines = [f"{about['name'].decode()}, {about['totalGlobalMem'] / 1e9:,.0f} GB, {capability}"]
    built, driver = (cuda(v()) for v in (runtime.runtimeGetVersion, runtime.driverGetVersion))
    name = ", ".join(packages()) or "CuPy"
    lines.append(f"{name} {xp.__version__} with CUDA {built}, driver for CUDA {driver}")
    if len(packages()) > 1:
        lines.append(f"two packages of CuPy overwrite each other: {replace(packages())}")
    if runtime.getDeviceCount() > 1:
        lines.append(f"the first of {runtime.getDeviceCount()}: CUDA_VISIBLE_DEVICES=1 is the next")
    lines.append(f"a product of two 2048×2048 matrices: {gemm_rate(xp):,.0f} GFLOP/s")
    return [*lines, "--backend auto computes on the GPU"]


#: Seconds that they may take for it.
LONGEST = 60

#: What each of two processes does to find the other.
HELLO = "from minialex.distributed import connect; print(int(*connect().totals(1)), 'ranks')"


def mpi() -> list[str]:
    """The mpirun that starts many processes, and whether they reach each other; or that there is
    none."""
    path = mpirun()
    if path is None:
        return ["none: there is no mpirun, train --ranks cannot start processes"]
    words = [path, "--oversubscribe", "-n", "2", sys.executable, "-c", HELLO]
    name, odd = "mpirun", "two processes have not found each other: "
    try:
        with environment() as variables:
            how = dict(capture_output=True, text=True, env=variables, timeout=LONGEST)
            name = subprocess.run([path, "--version"], **how).stdout.partition("\n")[0] or name
            tried = subprocess.run(words, **how)
    except subprocess.TimeoutExpired:
        return [f"{name}, {path}", f"{odd}no answer in {LONGEST} seconds"]
    except OSError as error:
        return [f"{name}, {path}", f"it cannot be started: {error}"]
    if "2 ranks" in tried.stdout:
        found = f"two processes have found each other: train --ranks 2 to {usable_cores()}"
        return [f"{name}, {path}", found]
    said = [line for line in tried.stderr.splitlines() if line.strip("- ")]
    return [f"{name}, {path}", f"{odd}{next(iter(said), 'no answer')}"]


def cuda(version: int) -> str:
    """CUDA's version as people write it: 12040 is 12.4."""
    return f"{version // 1000}.{version % 1000 // 10}"


def installed_packages() -> list[str]:
    """The versions of PACKAGES, and what those that are missing are for."""
    found, missing = [], []
    for name, (purpose, install) in PACKAGES.items():
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(f"{name}, for {purpose}, is missing: python -m pip install {install}")
    return [", ".join(found), *missing]


if __name__ == "__main__":
    run(main)
