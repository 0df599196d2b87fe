"""The functions of the array module: NumPy's, one kernel each."""

import types
from collections.abc import Callable
from typing import Any

import numpy

from minialex.standin import machine
from minialex.standin.arguments import check_arguments, cupy, of_cupy
from minialex.standin.arrays import arrays_in, device_only, ndarray, unwrapped, wrapped
from minialex.standin.indexing import wrapping
from minialex.standin.memory import fill_with_garbage
from minialex.standin.work import launch, made, work

#: Functions whose result is as large as the numbers say: the host waits to learn how large.
SIZED_BY_CONTENT = ("argwhere", "bincount", "extract", "flatnonzero", "nonzero", "unique")
#: The dtypes that every version of CuPy adds up in add.at.
ADDED_AT = ("int32", "uint32", "uint64", "float16", "float32", "float64")


def call(name: str, function: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
    """Runs NumPy's `function` as one kernel; returns device arrays, or the `out` that was given."""
    out = kwargs.get("out")
    args, kwargs = unwrapped(tuple(args)), {key: unwrapped(value) for key, value in kwargs.items()}
    inputs = arrays_in([args, {key: value for key, value in kwargs.items() if key != "out"}])
    if out is not None:
        work([unwrapped(out)], lambda: function(*args, **kwargs))
        launch(name, inputs, arrays_in(unwrapped([out])))
        return out
    result = wrapped(function(*args, **kwargs))
    outputs = arrays_in(unwrapped([result]))
    is_view = any(numpy.may_share_memory(a, b) for a in inputs for b in outputs)
    if not is_view:
        made(outputs, lambda: arrays_in(unwrapped([wrapped(function(*args, **kwargs))])))
        launch(name, inputs, outputs)
    return result


def elementwise(name: str, *operands: Any, **kwargs: Any) -> Any:
    """A ufunc of device arrays and numbers; `out` is a device array."""
    device_only(*operands, *([kwargs["out"]] if "out" in kwargs else []))
    check_arguments(name, of_cupy(name), operands, kwargs)
    return call(name, getattr(numpy, name), operands, kwargs)


class ufunc:
    """One of NumPy's ufuncs."""

    def __init__(self, name: str):
        self.name = name

    def __call__(self, *operands: Any, **kwargs: Any) -> Any:
        return elementwise(self.name, *operands, **kwargs)

    def at(self, a: ndarray, indices: Any, b: Any = None) -> None:
        """Changes a[indices] in place; of an index that occurs twice, both values count."""
        if self.name not in ("add", "maximum", "minimum"):
            raise NotImplementedError(f"`cupy_{self.name}.at` is not supported yet")
        device_only(a, b)
        if self.name == "add" and a.dtype not in ADDED_AT:
            raise TypeError(f"cupy.add.at only supports {', '.join(ADDED_AT)}, got {a.dtype}")
        index, _ = wrapping(indices, a.shape)
        numbers = arrays_in([unwrapped(b)])

        def change() -> None:
            getattr(numpy, self.name).at(a.memory, wrapping(indices, a.shape)[0], unwrapped(b))

        work([a.memory], change)
        touched = a.memory[index]
        launch(f"{self.name}.at", [touched, *numbers], [touched])


def matmul(x1: Any, x2: Any, /, out: ndarray | None = None, **kwargs: Any) -> ndarray:
    """The matrix product. cuBLAS takes contiguous or transposed matrices, and copies of others."""
    device_only(x1, x2, *([] if out is None else [out]))
    if machine.recorded_here():
        raise NotImplementedError(
            "calling cuBLAS API during stream capture is currently unsupported"
        )
    check_arguments("matmul", of_cupy("matmul"), (x1, x2), kwargs)
    a, b = x1.memory, x2.memory
    for operand in (a, b):
        if not ready_for_blas(operand, max(a.ndim, b.ndim)):
            launch("copy for matmul", [operand], [operand])
    if out is not None and out.memory.flags.c_contiguous:
        result = numpy.matmul(a, b, out=out.memory, **kwargs)
    else:
        result = numpy.matmul(a, b, **kwargs)
    if out is not None and result is not out.memory:
        launch("copy from matmul", [result], [result])
        out.memory[...] = result
    launch("matmul", [a, b], [result], flops=2 * result.size * a.shape[-1])
    return ndarray(result) if out is None else out


def ready_for_blas(a: numpy.ndarray, dimensions: int) -> bool:
    """Whether CuPy passes an operand of a product of `dimensions` axes to cuBLAS without a copy."""
    return a.flags.c_contiguous or (dimensions <= 2 and a.flags.f_contiguous)


def asarray(a: Any, dtype: Any = None) -> ndarray:
    """A device array unchanged; a host array or a list uploaded."""
    if isinstance(a, ndarray):
        return a if dtype is None else a.astype(dtype)
    machine.refuse_while_recording("an upload")
    memory = numpy.array(a, dtype)
    machine.account.uploaded += memory.nbytes
    return ndarray(memory)


def array(a: Any) -> ndarray:
    """A copy on the device, of a device array or a host array."""
    return a.copy() if isinstance(a, ndarray) else asarray(a)


def asnumpy(a: ndarray) -> numpy.ndarray:
    """A copy on the host, which waits for it."""
    return a.get()


def empty(shape: Any, dtype: Any = float) -> ndarray:
    """Uninitialised memory: NaN, or the byte 0xAA in integers."""
    memory = numpy.empty(shape, dtype)
    fill_with_garbage(memory)
    recording = machine.recorded_here()
    if recording:
        recording.results.append(memory)
    return ndarray(memory)


def empty_like(a: ndarray) -> ndarray:
    return empty(a.shape, a.dtype)


def may_share_memory(a: ndarray, b: ndarray) -> bool:
    return numpy.may_share_memory(a.memory, b.memory)


def as_strided(x: ndarray, shape: Any = None, strides: Any = None) -> ndarray:
    return ndarray(numpy.lib.stride_tricks.as_strided(x.memory, shape, strides))


def other(name: str) -> Any:
    """Anything else that both NumPy and the installed CuPy have; a function is one kernel."""
    missing = name.startswith("_") or not hasattr(numpy, name)
    if missing or (cupy is not None and not hasattr(cupy, name)):
        raise AttributeError(f"the array module has no attribute {name!r}")
    function = getattr(numpy, name)
    if isinstance(function, types.ModuleType):
        raise AttributeError(f"the stand-in has no module {name!r}")
    if not callable(function) or isinstance(function, type):
        return function
    if isinstance(function, numpy.ufunc):
        return ufunc(name)
    known = of_cupy(name)

    def kernel(*args: Any, **kwargs: Any) -> Any:
        device_only(*arrays_in([args, kwargs]))
        check_arguments(name, known, args, kwargs)
        if name in SIZED_BY_CONTENT:
            machine.wait()
        return call(name, function, args, kwargs)

    return kernel
