"""What CuPy raises on machines where it does not work, and the line that a user gets."""

import importlib.metadata
import types

import pytest

from minialex import cupy_problems
from minialex.cupy_problems import problem


class CompileException(Exception):
    """What CuPy raises when a kernel does not compile."""


FAILED_IMPORT = """
================================================================
Failed to import CuPy.

If you installed CuPy via wheels (cupy-cudaXXX or cupy-rocm-X-X), make sure that the package matches with the version of CUDA or ROCm installed.

Original error:
  ImportError: libcublas.so.12: cannot open shared object file: No such file or directory
================================================================
"""  # noqa: E501
OLD_DRIVER = "cudaErrorInsufficientDriver: CUDA driver version is insufficient"
INSTALL_12 = 'python -m pip install "cupy-cuda12x[ctk]>=14"'
INSTALL_13 = 'python -m pip install "cupy-cuda13x[ctk]>=14"'
SWITCH = f"python -m pip uninstall -y cupy-cuda13x, then {INSTALL_12}"


@pytest.mark.parametrize(
    "error, installed, driver, said",
    [
        (
            ModuleNotFoundError("No module named 'cupy'"),
            [],
            None,
            f"CuPy is not installed. With an NVIDIA GPU: {INSTALL_12}",
        ),
        (
            ImportError(FAILED_IMPORT),
            ["cupy-cuda12x"],
            None,
            f"CUDA's library libcublas.so.12 is missing: {INSTALL_12}",
        ),
        (
            RuntimeError("CuPy failed to load libnvrtc.so.13: OSError: libnvrtc.so.13: cannot"),
            ["cupy-cuda13x"],
            13000,
            f"CUDA's library libnvrtc.so.13 is missing: {INSTALL_13}",
        ),
        (
            RuntimeError("CuPy failed to load nvrtc64_120_0.dll: FileNotFoundError: Could not"),
            ["cupy-cuda12x"],
            12040,
            f"CUDA's library nvrtc64_120_0.dll is missing: {INSTALL_12}",
        ),
        (
            CompileException(
                "/x/cuda_fp16.h(129): catastrophic error: cannot open source file "
                '"vector_types.h"\n#include "vector_types.h"\n1 catastrophic error detected'
            ),
            ["cupy-cuda12x"],
            12040,
            f"CUDA's header vector_types.h is missing: {INSTALL_12}",
        ),
        (
            RuntimeError("anything"),
            ["cupy-cuda12x", "cupy-cuda13x"],
            13000,
            "cupy-cuda12x and cupy-cuda13x overwrite each other: python -m pip uninstall -y "
            f"cupy-cuda12x cupy-cuda13x, then {INSTALL_12}",
        ),
        (
            RuntimeError(OLD_DRIVER),
            ["cupy-cuda13x"],
            12080,
            "the NVIDIA driver supports CUDA 12.8 at most, which is too old for cupy-cuda13x: "
            f"update the driver, or {SWITCH}",
        ),
        (
            RuntimeError(OLD_DRIVER),
            ["cupy-cuda13x"],
            11040,
            "the NVIDIA driver supports CUDA 11.4 at most, which is too old for cupy-cuda13x: "
            "update the driver",
        ),
        (
            CompileException("nvrtc: error: invalid value for --gpu-architecture (-arch)\n"),
            ["cupy-cuda13x"],
            13000,
            "cupy-cuda13x does not support this GPU: update it for a newer GPU, or "
            f"{SWITCH} for an older GPU",
        ),
        (
            CompileException("nvrtc: error: invalid value for --gpu-architecture (-arch)\n"),
            ["cupy-cuda12x"],
            13000,
            "cupy-cuda12x does not support this GPU: update it for a newer GPU",
        ),
        (
            MemoryError("Out of memory allocating 512 bytes (allocated so far: 0 bytes)."),
            ["cupy-cuda12x"],
            13000,
            "the GPU's memory is full: end one of the programs that nvidia-smi lists",
        ),
        (
            RuntimeError("cudaErrorMemoryAllocation: out of memory"),
            ["cupy-cuda12x"],
            13000,
            "the GPU's memory is full: end one of the programs that nvidia-smi lists",
        ),
        (
            RuntimeError("cudaErrorUnknown: unknown\n  error"),
            ["cupy-cuda12x"],
            13000,
            "CuPy is installed, but reports: cudaErrorUnknown: unknown error",
        ),
        (KeyError(), ["cupy"], 13000, "CuPy is installed, but reports: KeyError"),
        (
            RuntimeError("nvrtc: error: failed to open libnvrtc-builtins.so.12.4."),
            ["cupy"],
            13000,
            "CUDA's library libnvrtc-builtins.so.12.4. is missing: "
            f"python -m pip uninstall -y cupy, then {INSTALL_12}",
        ),
        (
            ImportError('Failure finding "libcublasLt.so.13 or libcublasLt.so.12": No such file'),
            ["cupy-cuda12x"],
            13000,
            f"CUDA's library libcublasLt.so.13 is missing: {INSTALL_12}",
        ),
        (
            ImportError("libcublas.so.12: undefined symbol: cublasLtGetEnv"),
            ["cupy-cuda12x"],
            13000,
            "CuPy is installed, but reports: libcublas.so.12: undefined symbol: cublasLtGetEnv",
        ),
        (
            ImportError("libm.so.6: version `GLIBC_2.29' not found"),
            ["cupy-cuda12x"],
            13000,
            "CuPy is installed, but reports: libm.so.6: version `GLIBC_2.29' not found",
        ),
        (
            RuntimeError("CUBLAS_STATUS_NOT_INITIALIZED"),
            ["cupy-cuda12x"],
            13000,
            "the GPU's memory is full: end one of the programs that nvidia-smi lists",
        ),
        (
            RuntimeError("cudaErrorSystemNotReady: system not yet initialized"),
            ["cupy-cuda12x"],
            13000,
            "the GPUs wait for the service nvidia-fabricmanager: start it",
        ),
    ],
)
def test_each_failure_gets_its_cause_and_what_mends_it(error, installed, driver, said):
    assert problem(error, installed, driver).text == said


@pytest.mark.parametrize(
    "error, installed, driver",
    [
        (ModuleNotFoundError("No module named 'cupy'"), [], None),
        (RuntimeError(OLD_DRIVER), ["cupy-cuda12x"], 0),
        (RuntimeError(OLD_DRIVER), ["cupy-cuda12x"], None),
        (ImportError("libcuda.so.1: cannot open shared object file"), ["cupy-cuda12x"], None),
        (RuntimeError("cudaErrorNoDevice: no CUDA-capable device is detected"), ["cupy"], 13000),
    ],
)
def test_a_machine_without_a_gpu_is_nothing_to_tell(error, installed, driver):
    assert problem(error, installed, driver).ordinary


def test_a_hidden_gpu_is_found(monkeypatch):
    error = RuntimeError("cudaErrorNoDevice: no CUDA-capable device is detected")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert problem(error, ["cupy-cuda12x"], 13000).text.endswith("CUDA_VISIBLE_DEVICES is ''")


def test_all_packages_that_bring_cupy_count(monkeypatch):
    names = ["numpy", "cupy-cuda13x", "cupy", "cupy-rocm-5-0", "cupyx", None, "cupy-cuda12x"]
    found = [types.SimpleNamespace(metadata={"Name": name}) for name in names]
    monkeypatch.setattr(importlib.metadata, "distributions", lambda: found)
    assert cupy_problems.packages() == ["cupy", "cupy-cuda12x", "cupy-cuda13x", "cupy-rocm-5-0"]
