"""The choice between NumPy and CuPy, told by modules that only pretend to be CuPy."""

import sys
import types

import numpy
import pytest

from minialex import backend, cupy_problems
from minialex.errors import InputError


class CUDARuntimeError(RuntimeError):
    """What CuPy raises when there is no driver to ask."""


def fake_cupy(driver=13000, devices=lambda: 1, compute=numpy.ones):
    """A module with as much of CuPy as the backend asks before it uses it.

    devices and compute raise what CuPy raises when it looks for GPUs, and when it computes.
    """
    cupy = types.ModuleType("cupy")
    cupy.ndarray = type("ndarray", (), {"__module__": "cupy"})
    cupy.ones = compute
    cupy.asarray = lambda x: cupy.ndarray()
    cupy.asnumpy = lambda x: numpy.zeros(3)
    runtime = types.SimpleNamespace(driverGetVersion=lambda: driver, getDeviceCount=devices)
    cupy.cuda = types.SimpleNamespace(runtime=runtime)
    return cupy


def raising(kind, text):
    """A function that raises the exception."""

    def function(*arguments):
        raise kind(text)

    return function


TOO_OLD = "cudaErrorInsufficientDriver: CUDA driver version is insufficient"
NO_NVRTC = "CuPy failed to load libnvrtc.so.12: OSError: libnvrtc.so.12: cannot open …"


@pytest.fixture
def without_cupy(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)  # it then seems not to be installed
    monkeypatch.setattr(cupy_problems, "packages", list)


@pytest.fixture
def cupy(monkeypatch):
    module = fake_cupy()
    monkeypatch.setitem(sys.modules, "cupy", module)
    return module


def test_numpy_is_there_always(without_cupy):
    assert backend.get("numpy") is numpy


def test_auto_is_numpy_where_no_gpu_works(without_cupy):
    assert backend.get("auto") is backend.get() is numpy


def test_auto_and_cupy_are_cupy_where_a_gpu_works(cupy):
    assert backend.get("auto") is backend.get("cupy") is cupy
    assert backend.get("numpy") is numpy


@pytest.mark.parametrize("process, taken", [(0, 0), (2, 2), (3, 0), (None, None)])
def test_of_several_gpus_each_process_takes_its_own_before_it_computes(process, taken, monkeypatch):
    used = []

    class Device:
        def __init__(self, number):
            self.number = number

        def use(self):
            used.append(self.number)

    def compute(*arguments):
        assert used == ([] if taken is None else [taken])
        return numpy.ones(*arguments)

    module = fake_cupy(devices=lambda: 3, compute=compute)
    module.cuda.Device = Device
    monkeypatch.setitem(sys.modules, "cupy", module)
    assert backend.get("cupy", process) is module
    assert len(used) == (taken is not None)


@pytest.mark.parametrize("available", [True, False])
def test_nccl_is_found_where_its_library_is_there(available, cupy, monkeypatch):
    nccl = types.SimpleNamespace(available=available)
    monkeypatch.setitem(sys.modules, "cupy.cuda.nccl", nccl)
    cupy.__name__ = "cupy"
    assert backend.nccl(cupy) is (nccl if available else None)


def test_a_name_that_does_not_exist_is_refused_with_those_that_do():
    with pytest.raises(InputError, match="'nonsense' is not one of auto, numpy, cupy"):
        backend.get("nonsense")


@pytest.mark.parametrize(
    "module, said, ordinary",
    [
        (None, 'CuPy is not installed.*pip install "cupy-cuda12x', True),
        (fake_cupy(0, raising(CUDARuntimeError, TOO_OLD)), "no NVIDIA driver answers", True),
        (
            fake_cupy(11040, raising(CUDARuntimeError, TOO_OLD)),
            "supports CUDA 11.4 at most, which is too old for cupy-cuda12x: update the driver",
            False,
        ),
        (
            fake_cupy(12040, compute=raising(RuntimeError, NO_NVRTC)),
            r"CUDA's library libnvrtc.so.12 is missing: .* \"cupy-cuda12x\[ctk\]",
            False,
        ),
    ],
)
def test_where_cupy_cannot_run_a_line_says_why_and_auto_takes_numpy(
    module, said, ordinary, monkeypatch, capsys
):
    """auto says it, too, unless it is a machine without a GPU like any other."""
    installed = [] if module is None else ["cupy-cuda12x"]
    monkeypatch.setattr(cupy_problems, "packages", lambda: installed)
    monkeypatch.setitem(sys.modules, "cupy", module)  # None: as if it were not installed
    with pytest.raises(InputError, match=f"cannot run here: .*{said}") as caught:
        backend.get("cupy")
    assert str(caught.value).endswith("; or use --backend numpy")
    assert "\n" not in str(caught.value)
    assert backend.get("auto") is numpy
    error = capsys.readouterr().err
    assert error == "" if ordinary else error.startswith("note: computing on the CPU, as ")
    assert error.count("\n") == (not ordinary)


def test_an_array_knows_its_module(cupy):
    assert backend.of(numpy.zeros(3)) is numpy
    assert backend.of(cupy.ndarray()) is cupy


def test_the_module_is_the_first_in_the_types_dotted_name_that_has_arrays(cupy, monkeypatch):
    for name in ("cupy._core", "package", "package.on_gpu", "package.on_gpu.arrays"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    array_module = sys.modules["package.on_gpu"]
    array_module.ndarray = type("ndarray", (), {"__module__": "package.on_gpu.arrays"})
    assert backend.of(type("ndarray", (), {"__module__": "cupy._core.core"})()) is cupy
    assert backend.of(array_module.ndarray()) is array_module
    with pytest.raises(TypeError, match="got Picture"):
        backend.of(type("Picture", (), {"__module__": "package.pictures"})())


@pytest.mark.parametrize("x", [[1.0, 2.0], (1,), 3.0, None, "array", range(3)], ids=repr)
def test_what_is_no_array_is_refused_by_its_type(x):
    with pytest.raises(TypeError, match=f"NumPy or CuPy array, got {type(x).__name__}"):
        backend.of(x)


def test_arrays_are_moved_only_where_they_are_not_yet(cupy):
    host, device = numpy.zeros(3), cupy.ndarray()
    assert backend.to_host(host) is host
    assert backend.to_device(host, numpy) is host
    assert backend.to_device(device, cupy) is device
    assert isinstance(backend.to_device(host, cupy), cupy.ndarray)
    assert isinstance(backend.to_device(device, numpy), numpy.ndarray)
    assert isinstance(backend.to_host(device), numpy.ndarray)


def test_synchronize_returns_on_numpy_and_waits_for_the_gpu(cupy):
    waited = []
    stream = types.SimpleNamespace(synchronize=lambda: waited.append(True))
    cupy.cuda.get_current_stream = lambda: stream
    backend.synchronize(numpy)
    assert waited == []
    backend.synchronize(cupy)
    assert waited == [True]
