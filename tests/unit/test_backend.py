"""The choice between NumPy and CuPy, told by modules that only pretend to be CuPy."""

import sys
import types

import numpy
import pytest

from minialex import backend
from minialex.errors import InputError


class CUDARuntimeError(RuntimeError):
    """What CuPy raises when there is no driver to ask."""


def fake_cupy(is_available):
    """A module with as much of CuPy as the backend asks before it uses it."""
    cupy = types.ModuleType("cupy")
    cupy.ndarray = type("ndarray", (), {"__module__": "cupy"})
    cupy.ones = numpy.ones
    cupy.asarray = lambda x: cupy.ndarray()
    cupy.asnumpy = lambda x: numpy.zeros(3)
    runtime = types.SimpleNamespace(CUDARuntimeError=CUDARuntimeError)
    cupy.cuda = types.SimpleNamespace(is_available=is_available, runtime=runtime)
    return cupy


def no_driver():
    raise CUDARuntimeError("cudaErrorInsufficientDriver: driver version is insufficient")


@pytest.fixture
def without_cupy(monkeypatch):
    monkeypatch.setitem(
        sys.modules, "cupy", None
    )  # `import cupy` then fails as if it were not installed


@pytest.fixture
def cupy(monkeypatch):
    module = fake_cupy(lambda: True)
    monkeypatch.setitem(sys.modules, "cupy", module)
    return module


def test_numpy_is_there_always(without_cupy):
    assert backend.get("numpy") is numpy


def test_auto_is_numpy_where_no_gpu_works(without_cupy):
    assert backend.get("auto") is backend.get() is numpy


def test_auto_and_cupy_are_cupy_where_a_gpu_works(cupy):
    assert backend.get("auto") is backend.get("cupy") is cupy
    assert backend.get("numpy") is numpy


def test_a_name_that_does_not_exist_is_refused_with_those_that_do():
    with pytest.raises(InputError, match="'nonsense' is not one of auto, numpy, cupy"):
        backend.get("nonsense")


def test_without_cupy_the_error_says_what_to_install(without_cupy):
    with pytest.raises(
        InputError, match=r"CuPy is not installed.*pip install .*cuda12.*--backend numpy"
    ) as caught:
        backend.get("cupy")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "is_available, message",
    [
        (lambda: False, r"no NVIDIA GPU or driver answers.*Install the driver.*--backend numpy"),
        (no_driver, r"CuPy is installed, but CUDA reports: .*driver version is insufficient"),
    ],
)
def test_with_cupy_but_no_gpu_the_error_says_so_and_auto_takes_numpy(
    is_available, message, monkeypatch
):
    monkeypatch.setitem(sys.modules, "cupy", fake_cupy(is_available))
    with pytest.raises(InputError, match=message) as caught:
        backend.get("cupy")
    assert "\n" not in str(caught.value)
    assert backend.get("auto") is numpy


def test_a_gpu_that_answers_but_cannot_compute_is_not_taken(cupy):
    def ones(*arguments):
        raise RuntimeError("libnvrtc.so not found")

    cupy.ones = ones
    assert backend.get("auto") is numpy
    with pytest.raises(InputError, match="CUDA reports: libnvrtc"):
        backend.get("cupy")


def test_an_array_knows_its_module(cupy):
    assert backend.of(numpy.zeros(3)) is numpy
    assert backend.of(cupy.ndarray()) is cupy


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
