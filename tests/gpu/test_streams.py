"""The stand-in catches what goes wrong between streams, the host and other ranks."""

import numpy
import pytest

from minialex import backend, standin

HOST = numpy.arange(6, dtype=numpy.float32)


@pytest.fixture
def x():
    """An array that the current stream has computed."""
    x = standin.empty(6, "float32")
    x[...] = standin.asarray(HOST)
    return x


@pytest.fixture
def stream():
    return standin.cuda.Stream(non_blocking=True)


@pytest.fixture
def pinned():
    return backend.pinned(standin, (6,), numpy.float32)


def follow(stream):
    """Makes the stream wait for what the current one was asked for."""
    stream.wait_event(standin.cuda.get_current_stream().record())


def test_a_copy_to_the_host_is_garbage_until_the_host_has_waited(x, stream, pinned):
    follow(stream)
    x.get(stream=stream, out=pinned, blocking=False)
    copied = stream.record()
    assert numpy.isnan(pinned).all()
    assert not copied.done
    assert numpy.isnan(pinned).all()
    assert copied.done
    numpy.testing.assert_array_equal(pinned, HOST)


def test_pinned_memory_is_not_the_hosts_while_a_copy_is_under_way(x, stream, pinned):
    follow(stream)
    x.get(stream=stream, out=pinned, blocking=False)
    with pytest.raises(RuntimeError, match="filled before its last copy was waited for"):
        x.set(pinned, stream=stream)
    pinned[0] = 7
    with pytest.raises(RuntimeError, match="written to before the copy there was made"):
        stream.synchronize()


def test_the_host_must_wait_for_memory_that_is_not_pinned(x, stream):
    follow(stream)
    with pytest.raises(RuntimeError, match="not pinned"):
        x.get(stream=stream, out=numpy.empty(6, "float32"), blocking=False)


def kernel_writes(x):
    x[2:] = 0


def kernel_reads(x):
    standin.exp(x)


def host_reads(x):
    x.get()


@pytest.mark.parametrize("use", [kernel_writes, kernel_reads, host_reads])
def test_what_a_stream_writes_is_not_used_before_its_event(use, x, stream, pinned):
    follow(stream)
    pinned[...] = 1
    x[:4].set(pinned[:4], stream=stream)
    with pytest.raises(RuntimeError, match="race"):
        use(x)
    standin.exp(x[4:])  # is not written to
    standin.cuda.get_current_stream().wait_event(stream.record())
    use(x)


def test_a_stream_does_not_use_what_is_not_computed_yet(x, stream, pinned):
    follow(stream)
    x += 1
    with pytest.raises(RuntimeError, match="race"):
        x.get(stream=stream, out=pinned, blocking=False)
    follow(stream)
    x.get(stream=stream, out=pinned, blocking=False)
    kernel_reads(x)
    with pytest.raises(RuntimeError, match="race"):
        kernel_writes(x)
    stream.synchronize()
    kernel_writes(x)


def test_an_event_passes_on_what_its_stream_has_waited_for(x, stream):
    other = standin.cuda.Stream(non_blocking=True)
    follow(stream)
    with other, pytest.raises(RuntimeError, match="race"):
        kernel_writes(x)
    other.wait_event(stream.record())
    with other:
        kernel_writes(x)
    other.synchronize()
    assert x.get().tolist() == [0, 1, 0, 0, 0, 0]


def test_mpi_gets_device_arrays_only_if_it_is_cuda_aware_and_when_they_are_computed(x, monkeypatch):
    with pytest.raises(AttributeError):
        x.__cuda_array_interface__  # noqa: B018
    monkeypatch.setattr(standin.machine, "mpi_is_cuda_aware", True)
    with pytest.raises(RuntimeError, match="race"):
        x.__cuda_array_interface__  # noqa: B018
    backend.synchronize(standin)
    about = x.__cuda_array_interface__
    assert (about["shape"], about["typestr"], about["data"]) == ((6,), "<f4", (x.data.ptr, False))


MISUSES = {
    "an address on the host": (lambda x: HOST.ctypes.data, 6, 7, "no array at this address"),
    "an array that ends before": (lambda x: x.data.ptr, 7, 7, "ends before"),
    "another dtype": (lambda x: x.data.ptr, 3, 8, "float32 for one of float64"),
}


@pytest.mark.parametrize("address, count, dtype, said", MISUSES.values(), ids=MISUSES)
def test_nccl_takes_only_what_lies_on_the_device(address, count, dtype, said, x):
    with pytest.raises(RuntimeError, match=said):
        standin.cuda.nccl.at(address(x), count, dtype)


def test_the_functions_of_nccl_are_called_as_in_cupy():
    """CuPy's are compiled: what they take is in their docstrings."""
    module = pytest.importorskip("cupy.cuda.nccl", exc_type=ImportError, reason="CuPy")
    if not module.available:
        pytest.skip("NCCL is not installed: pip install nvidia-nccl-cu12")
    fake = standin.cuda.nccl
    for name in ("allReduce", "broadcast", "send", "recv"):
        said = getattr(module.NcclCommunicator, name).__doc__
        known = [words.split()[-1] for words in said[said.index("(") + 1 : -1].split(", ")]
        code = getattr(fake.NcclCommunicator, name).__code__
        assert list(code.co_varnames[: code.co_argcount]) == known
    for name in ("get_unique_id", "groupStart", "groupEnd"):
        assert callable(getattr(module, name))
    for name in ("SUM", "INT32", "INT64", "FLOAT32", "FLOAT64"):
        assert getattr(module, f"NCCL_{name}") == getattr(fake, f"NCCL_{name}")
