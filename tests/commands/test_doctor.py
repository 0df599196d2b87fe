"""The doctor command: what it finds on machines with and without a GPU and all packages."""

import importlib.metadata
import platform
import subprocess
import sys
import types
from pathlib import Path

import numpy
import pytest
from command_runs import call
from data_helpers import picture_folder
from trained_runs import on_folder

import minialex
from minialex import backend, doctor
from minialex.cupy_problems import Problem

#: The first of two cores of a machine that hides which of its maker's it is.
X86 = """\
processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 26
model\t\t: 2
model name\t: AMD EPYC

processor\t: 1
model\t\t: 3
"""


@pytest.fixture
def found(capsys):
    """What it prints, in one line."""

    def run():
        code, out, err = call(doctor.main, capsys=capsys)
        assert (code, err) == (0, "")
        assert max(map(len, out.splitlines())) <= 80
        return " ".join(out.split())

    return run


def test_a_machine_without_a_gpu(found, monkeypatch):
    monkeypatch.setattr(backend, "cupy_problem", lambda: Problem("there is none, buy one"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    out = found()
    assert f"minialex {minialex.__version__}, in" in out
    assert f"NumPy {numpy.__version__} " in out
    assert "GFLOP/s" in out
    assert "OMP_NUM_THREADS=1 is set, which can make it slower" in out
    assert "GPU none: there is none, buy one --backend auto computes on the CPU" in out


class FakeCupy:
    """As much of CuPy as the command asks: two cards, of which the first is fast."""

    __name__ = "cupy"
    __version__ = "14.2.0"
    ones = staticmethod(numpy.ones)

    class cuda:
        @staticmethod
        def get_current_stream():
            return types.SimpleNamespace(synchronize=lambda: None)

        runtime = types.SimpleNamespace(
            getDeviceProperties=lambda i: dict(
                name=b"NVIDIA H100", totalGlobalMem=85e9, major=9, minor=0
            ),
            getDeviceCount=lambda: 2,
            runtimeGetVersion=lambda: 12090,
            driverGetVersion=lambda: 13000,
        )


def test_a_machine_with_a_gpu(found, monkeypatch):
    monkeypatch.setattr(backend, "cupy_problem", lambda: None)
    monkeypatch.setattr(backend, "get", lambda name: FakeCupy())
    monkeypatch.setattr(doctor, "packages", lambda: ["cupy-cuda12x", "cupy-cuda13x"])
    out = found()
    assert "GPU NVIDIA H100, 85 GB, compute capability 9.0" in out
    assert "14.2.0 with CUDA 12.9, driver for CUDA 13.0" in out
    assert "overwrite each other: python -m pip uninstall -y cupy-cuda12x cupy-cuda13x" in out
    assert "the first of 2: CUDA_VISIBLE_DEVICES=1" in out


def test_a_missing_package_is_named_with_what_it_is_for(found, monkeypatch):
    version = importlib.metadata.version

    def without_pooch(name):
        if name == "pooch":
            raise importlib.metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(importlib.metadata, "version", without_pooch)
    assert "pooch, for downloads, is missing: python -m pip install pooch" in found()


def test_training_needs_no_more_than_the_packages_of_a_gpu_machine(tmp_path):
    """There, what downloads and what reads other programs' files may be missing."""
    missing = ("pooch", "requests", "platformdirs", "safetensors", "onnx", "scipy", "IPython")
    pictures = picture_folder(tmp_path / "pictures")
    arguments = [*map(str, on_folder(pictures)), "--max-steps", "1", "--out", str(tmp_path / "run")]
    code = f"import sys; sys.modules.update(dict.fromkeys({missing}))\n"
    code += f"from minialex import train; sys.exit(train.main({arguments}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "checkpoint.npz").exists()


@pytest.mark.parametrize(
    "cpuinfo, expected",
    [
        (X86, "AMD EPYC (family 26, model 2)"),
        ("processor : 0\nmodel name\t: ARMv7\n\nHardware : BCM2835\n", "ARMv7"),
        ("processor : 0\nCPU part : 0xd0c\n", platform.processor() or platform.machine()),
    ],
)
def test_processors_of_one_name_are_told_apart(cpuinfo, expected, monkeypatch):
    monkeypatch.setattr(Path, "read_text", lambda path, encoding: cpuinfo)
    assert doctor.processor() == expected


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (
            "#!/bin/sh\nsleep 60\n",
            "two processes have not found each other: no answer in 1 seconds",
        ),
        ("#!/no/such/shell\n", "it cannot be started: "),
    ],
)
def test_an_mpirun_that_does_not_work_is_said(script, said, tmp_path, monkeypatch):
    mpirun = tmp_path / "mpirun"
    mpirun.write_text(script)
    mpirun.chmod(0o755)
    monkeypatch.setattr(doctor, "mpirun", lambda: str(mpirun))
    monkeypatch.setattr(doctor, "LONGEST", 1)
    name, found = doctor.mpi()
    assert name == f"mpirun, {mpirun}"
    assert found.startswith(said)
