"""An array in the device's memory: what the host may ask of it, and what it is refused."""

import operator
import types
from typing import Any

import numpy

from minialex.standin import machine
from minialex.standin.cuda import streams
from minialex.standin.memory import fill_with_garbage, register, span

#: What NumPy's arrays say of themselves, and these as well.
ATTRIBUTES = ("shape", "dtype", "ndim", "size", "nbytes", "itemsize", "strides", "flags")


class OnDevice:
    """What lies on the device. `memory` is its content, which only the stand-in may look at."""

    __array_ufunc__ = None  # NumPy's functions refuse it, and host + device calls __radd__ here

    def __init__(self, memory: numpy.ndarray):
        self.memory = memory
        register(memory)

    def __getattr__(self, name: str) -> Any:
        if name in ATTRIBUTES:
            return getattr(self.memory, name)
        raise AttributeError(f"device arrays have no attribute {name!r}")

    def __array__(self, *args: object, **kwargs: object) -> numpy.ndarray:
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. "
            "Please use `.get()` to construct a NumPy array explicitly."
        )

    def __array_function__(self, function: Any, *args: object) -> None:
        raise TypeError(
            f"numpy.{function.__name__} of a device array: call the function of its own module"
        )

    # These make the host wait until the device has computed the number.

    def item(self) -> Any:
        return self.get().item()

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        return operator.index(self.item())

    def __bool__(self) -> bool:
        return bool(self.item())

    def __repr__(self) -> str:
        return repr(self.get())

    def tolist(self) -> Any:
        return self.get().tolist()

    def get(
        self,
        stream: streams.Stream | None = None,
        order: str = "C",
        out: numpy.ndarray | None = None,
        blocking: bool = True,
    ) -> numpy.ndarray:
        """Copies the array to the host: to pinned memory, if the host does not wait for it, when
        its stream gets to it; until then there is garbage."""
        machine.refuse_while_recording(
            "the host waits for the device" if blocking else "a download"
        )
        stream = stream or streams.current()
        machine.account.downloaded += self.nbytes
        if out is None:
            out = numpy.empty(self.shape, self.dtype)
        check_same_kind("get", out, self)
        base = streams.pinned_base(out)
        if base is None and not blocking:
            raise RuntimeError("the host does not wait for a copy to memory that is not pinned")
        stream.do()
        fill_with_garbage(out)
        garbage = out.copy()

        def copy() -> None:
            if out.tobytes() != garbage.tobytes():
                raise RuntimeError("pinned memory was written to before the copy there was made")
            out[...] = self.memory

        stream.ask([span(self.memory)], [], streams.Task(copy, base))
        if blocking:
            stream.synchronize()
        return out

    def set(self, host: numpy.ndarray, stream: streams.Stream | None = None) -> None:
        """Copies a host array here. From pinned memory the copy is made when its stream gets to it,
        which is seen when somebody waits for it; other memory makes the host wait."""
        check_same_kind("set", host, self)
        machine.refuse_while_recording("an upload")
        machine.account.uploaded += host.nbytes
        stream, base = stream or streams.current(), streams.pinned_base(host)
        if base is not None and base.in_flight:
            raise RuntimeError("pinned memory was filled before its last copy was waited for")

        def copy() -> None:
            self.memory[...] = host

        stream.ask([], [span(self.memory)], streams.Task(copy, base))
        if base is None:
            stream.do()

    # Others find the memory by these.

    @property
    def data(self) -> types.SimpleNamespace:
        return types.SimpleNamespace(ptr=self.memory.ctypes.data)

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        """By which MPI finds the memory. MPI knows no streams: the host must have waited."""
        if not machine.mpi_is_cuda_aware:
            raise AttributeError("MPI crashes with an array on a GPU: it is not CUDA-aware")
        streams.check_for_host(span(self.memory))
        place = self.memory.__array_interface__
        return place | {"data": place["data"] if self.size else (0, False), "version": 3}


def check_same_kind(name: str, host: object, device: OnDevice) -> None:
    """ValueError unless the host array is contiguous and of the same shape and dtype."""
    if not isinstance(host, numpy.ndarray) or not host.flags.c_contiguous:
        raise ValueError(f"{name}() takes a contiguous host array, got {type(host)}")
    if (host.dtype, host.shape) != (device.dtype, device.shape):
        got, expected = f"{host.dtype} {host.shape}", f"{device.dtype} {device.shape}"
        raise ValueError(f"{name}() takes an array of {expected}, got {got}")
