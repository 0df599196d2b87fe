"""A stand-in for CuPy on machines without a GPU: it behaves like CuPy where NumPy does not.

This module is the array module: `standin.ndarray` holds a NumPy array as if it were in a GPU's
memory, and computes with NumPy. It

- refuses what CuPy refuses: host arrays and lists as operands, numpy.asarray(x) and NumPy's
  functions of x, `where=`, and names and keyword arguments that the installed CuPy lacks;
- does what CuPy does differently: reductions return 0-d arrays, index arrays wrap around, `empty`
  is full of NaN;
- refuses what CuPy leaves undefined or does silently: assignment through an index that occurs
  twice, and a host array as an index, which would be uploaded each time;
- counts what a GPU would have to do, in `account`.
"""

import collections
import contextlib
import ctypes
import dataclasses
import functools
import inspect
import math
import numbers
import operator
import sys
import threading
import types
import typing
import weakref

import cpp
import numpy
import streams

from minialex.fast.gpu import cublas

try:
    import cupy
except ImportError:  # no wheel for this platform: the stand-in then offers all of NumPy's names
    cupy = None

#: Arguments that CuPy's functions lack or interpret differently, for those without a signature.
REFUSED = ("where", "initial", "subok", "writeable", "like", "mode", "order")


class Launch(typing.NamedTuple):
    """One kernel: the bytes that it reads and writes, each operand once, and a product's FLOPs."""

    name: str
    read: int
    written: int
    flops: int


@dataclasses.dataclass
class Account:
    """What the device was asked to do.

    log: the kernels; starts: how often the host started something, a kernel or a recorded graph of
    many; waits: how often the host had to wait for the device; uploaded, downloaded: bytes copied
    between host and device.
    """

    log: list[Launch] = dataclasses.field(default_factory=list)
    starts: int = 0
    waits: int = 0
    uploaded: int = 0
    downloaded: int = 0

    def launch(self, name: str, read=(), written=(), flops: int = 0) -> None:
        """Notes a kernel called `name` that reads and writes these (host) arrays."""
        if not recorded_here():
            streams.current().ask([*map(span, read)], [*map(span, written)])
        self.starts += 1
        self.log.append(
            Launch(name, sum(a.nbytes for a in read), sum(a.nbytes for a in written), flops)
        )

    def wait(self) -> None:
        """Notes that the host waits, which it must not while a graph is recorded. A thread of its
        own may wait: it keeps nobody from working."""
        refuse_while_recording("the host waits for the device")
        if threading.current_thread() is threading.main_thread():
            self.waits += 1

    @property
    def kernels(self) -> collections.Counter:
        """How often each kernel was launched."""
        return collections.Counter(launch.name for launch in self.log)


account = Account()


@contextlib.contextmanager
def accounting():
    """`with accounting() as account` counts only what happens within it."""
    global account
    before, account = account, Account()
    try:
        yield account
    finally:
        account = before


def device_only(*operands) -> None:
    """TypeError unless all operands are device arrays or numbers."""
    for x in operands:
        if not isinstance(x, (ndarray, numbers.Number, numpy.generic)):
            raise TypeError(
                f"Unsupported type {type(x)}: move it to the device with minialex.backend.to_device"
            )


def unwrapped(x):
    """The host array in a device array, also within tuples and lists; anything else unchanged."""
    if isinstance(x, ndarray):
        return x.memory
    if isinstance(x, tuple | list):
        return type(x)(map(unwrapped, x))
    return x


def wrapped(result):
    """A device array over a host array or number, also within tuples; anything else unchanged."""
    if isinstance(result, numpy.ndarray | numpy.generic):
        return ndarray(numpy.asarray(result))
    if isinstance(result, tuple | list):
        return type(result)(map(wrapped, result))
    return result


def arrays_in(x) -> list:
    """The host arrays within unwrapped arguments or results."""
    if isinstance(x, numpy.ndarray):
        return [x]
    if isinstance(x, dict):
        x = list(x.values())
    return [a for item in x for a in arrays_in(item)] if isinstance(x, tuple | list) else []


def check_arguments(name: str, known, args, kwargs) -> None:
    """TypeError if CuPy's function or method `known` (None without CuPy) lacks these arguments."""
    if name == "einsum" and "out" in kwargs:  # its signature accepts anything
        raise TypeError("einsum() got an unexpected keyword argument 'out'")
    signature = signature_of(known)
    if signature is not None:
        signature.bind(*args, **kwargs)
        return
    is_ufunc = isinstance(getattr(numpy, name, None), numpy.ufunc)
    for keyword in kwargs:
        if keyword in REFUSED or (is_ufunc and keyword not in ("out", "dtype", "casting")):
            raise TypeError(f"{name}() got an unexpected keyword argument {keyword!r}")


@functools.cache
def signature_of(known) -> inspect.Signature | None:
    """The signature of a function; None where there is no CuPy, or it is C without a signature."""
    try:
        return inspect.signature(known)
    except (TypeError, ValueError):
        return None


def call(name: str, function, args, kwargs):
    """Runs NumPy's `function` as one kernel; returns device arrays, or the `out` that was given."""
    out = kwargs.get("out")
    args, kwargs = unwrapped(tuple(args)), {key: unwrapped(value) for key, value in kwargs.items()}
    inputs = arrays_in([args, {key: value for key, value in kwargs.items() if key != "out"}])
    if out is not None:
        work([unwrapped(out)], lambda: function(*args, **kwargs))
        account.launch(name, inputs, arrays_in(unwrapped([out])))
        return out
    result = wrapped(function(*args, **kwargs))
    outputs = arrays_in(unwrapped([result]))
    is_view = any(numpy.may_share_memory(a, b) for a in inputs for b in outputs)
    if not is_view:
        made(outputs, lambda: arrays_in(unwrapped([wrapped(function(*args, **kwargs))])))
        account.launch(name, inputs, outputs)
    return result


class Recording:
    """What happens between begin_capture and end_capture of a stream.

    On a device nothing is done then. Here every kernel runs, so that its result has a shape, and is
    undone at the end: what it wrote over is restored, what it made is garbage. The graph does the
    kernels again, on the same memory.
    """

    def __init__(self):
        self.thread = threading.current_thread()
        self.kernels, self.before, self.results = [], {}, []
        self.account = Account()

    def keep(self, memory: numpy.ndarray) -> None:
        """Keeps what is in the memory, before it is written to for the first time."""
        if not any(owner(memory) is result for result in self.results):
            place = (memory.ctypes.data, memory.shape, memory.strides)
            if place not in self.before:
                self.before[place] = memory, memory.copy()

    def undo(self) -> None:
        for memory, content in reversed(self.before.values()):
            memory[...] = content
        for memory in self.results:
            fill_with_garbage(memory)
        self.before.clear()


recording: Recording | None = None


def recorded_here() -> Recording | None:
    """What records the work of this thread."""
    mine = recording and recording.thread is threading.current_thread()
    return recording if mine else None


owners_lock = threading.Lock()
owners = weakref.WeakValueDictionary()  # the arrays that live on the device, by their addresses


def owner_at(address: int, dtype):
    """A weak reference to the array in which the address lies; RuntimeError if it has another
    dtype."""
    with owners_lock:
        begins_here = owners.get(address)
        alive = list(owners.values()) if begins_here is None else [begins_here]
    for whole in alive:
        if whole.ctypes.data <= address < whole.ctypes.data + whole.nbytes:
            if whole.dtype != dtype:
                raise RuntimeError(f"cuBLAS takes an array of {whole.dtype} for one of {dtype}")
            return weakref.ref(whole)
    raise RuntimeError("cudaErrorIllegalAddress: there is no array at this address")


def owner(memory: numpy.ndarray) -> numpy.ndarray:
    """The array whose memory this one is a view of, or itself."""
    while isinstance(memory.base, numpy.ndarray):
        memory = memory.base
    return memory


def span(memory: numpy.ndarray) -> streams.Span:
    """Where the memory is."""
    whole = owner(memory)
    start, end = numpy.lib.array_utils.byte_bounds(memory)
    if whole.base is not None:  # cuBLAS was given an address
        return streams.Span(owner_at(start, memory.dtype), start, end)
    return streams.Span(weakref.ref(whole), start, end if memory.size else start)


def refuse_while_recording(what: str) -> None:
    """RuntimeError while a graph is recorded, as CUDA has it."""
    if recorded_here():
        raise RuntimeError(f"cudaErrorStreamCaptureUnsupported: {what} while a graph is recorded")


def work(written: list, kernel) -> None:
    """Runs `kernel`, which writes into these host arrays; notes it if a graph is recorded."""
    if recorded_here():
        for memory in written:
            recording.keep(memory)
        recording.kernels.append(kernel)
    kernel()


def made(results: list, kernel) -> None:
    """Notes, if a graph is recorded, that kernel() made these host arrays and returns them anew."""
    if not recorded_here():
        return

    def again():
        for memory, content in zip(results, kernel(), strict=True):
            memory[...] = content

    recording.results += results
    recording.kernels.append(again)


def fill_with_garbage(memory: numpy.ndarray) -> None:
    """NaN, or the byte 0xAA in integers."""
    if memory.dtype.kind in "fc":
        memory[...] = math.nan
    elif memory.dtype == bool:
        memory[...] = True
    else:
        memory[...] = numpy.frombuffer(b"\xaa" * memory.itemsize, memory.dtype)[0]


def elementwise(name: str, *operands, **kwargs):
    """A ufunc of device arrays and numbers; `out` is a device array."""
    device_only(*operands, *([kwargs["out"]] if "out" in kwargs else []))
    check_arguments(name, getattr(cupy, name, None), operands, kwargs)
    return call(name, getattr(numpy, name), operands, kwargs)


def matmul(x1, x2, /, out=None, **kwargs):
    """The matrix product. cuBLAS takes contiguous or transposed matrices, and copies of others."""
    device_only(x1, x2, *([] if out is None else [out]))
    if recorded_here():
        raise NotImplementedError(
            "calling cuBLAS API during stream capture is currently unsupported"
        )
    check_arguments("matmul", getattr(cupy, "matmul", None), (x1, x2), kwargs)
    a, b = x1.memory, x2.memory
    for operand in (a, b):
        if not ready_for_blas(operand, max(a.ndim, b.ndim)):
            account.launch("copy for matmul", [operand], [operand])
    if out is not None and out.memory.flags.c_contiguous:
        result = numpy.matmul(a, b, out=out.memory, **kwargs)
    else:
        result = numpy.matmul(a, b, **kwargs)
    if out is not None and result is not out.memory:
        account.launch("copy from matmul", [result], [result])
        out.memory[...] = result
    account.launch("matmul", [a, b], [result], flops=2 * result.size * a.shape[-1])
    return ndarray(result) if out is None else out


def ready_for_blas(a: numpy.ndarray, dimensions: int) -> bool:
    """Whether CuPy passes an operand of a product of `dimensions` axes to cuBLAS without a copy."""
    return a.flags.c_contiguous or (dimensions <= 2 and a.flags.f_contiguous)


def wrapping(key, shape):
    """(the key for NumPy, whether it holds arrays). Indices past the end wrap around, as on a GPU.

    TypeError for host arrays and lists as indices.
    """
    keys = key if isinstance(key, tuple) else (key,)
    for k in keys:
        if isinstance(k, numpy.ndarray | list):
            raise TypeError(
                f"an index of type {type(k)} would be uploaded at each use: move it to the device"
            )
    if not any(isinstance(k, ndarray) for k in keys):
        return key, False
    taken = [
        k.memory.ndim if isinstance(k, ndarray) and k.dtype == bool else int(k is not None)
        for k in keys
        if k is not ...
    ]
    result, axis = [], 0
    for k in keys:
        if k is ...:
            axis += len(shape) - sum(taken)
            result.append(k)
            continue
        if isinstance(k, ndarray) and k.dtype.kind in "iu":
            k = k.memory % shape[axis]
        elif isinstance(k, ndarray):
            account.wait()  # the number of true values decides the result's shape
            axis += k.ndim - 1
            k = k.memory
        axis += k is not None
        result.append(k)
    return tuple(result), True


class ndarray:
    """A device array: `memory` is its content, which only this module may look at."""

    __array_ufunc__ = None  # NumPy's functions refuse it, and host + device calls __radd__ here

    def __init__(self, memory: numpy.ndarray):
        self.memory = memory
        whole = owner(memory)
        with owners_lock:
            owners[whole.ctypes.data] = whole

    def __array__(self, *args, **kwargs):
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. "
            "Please use `.get()` to construct a NumPy array explicitly."
        )

    def __array_function__(self, function, *args):
        raise TypeError(
            f"numpy.{function.__name__} of a device array: call the function of its own module"
        )

    @property
    def T(self):
        return self.transpose()

    def __len__(self):
        return len(self.memory)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __getattr__(self, name):
        if name in ("shape", "dtype", "ndim", "size", "nbytes", "itemsize", "strides", "flags"):
            return getattr(self.memory, name)
        raise AttributeError(f"device arrays have no attribute {name!r}")

    def __getitem__(self, key):
        at, gathers = wrapping(key, self.shape)
        result = numpy.asarray(self.memory[at])
        if gathers:
            made([result], lambda: [self.memory[wrapping(key, self.shape)[0]]])
            account.launch("gather", [result], [result])
        return ndarray(result)

    def __setitem__(self, key, value):
        device_only(value)
        at, scatters = wrapping(key, self.shape)
        if scatters:
            number = numpy.arange(self.size).reshape(self.shape)[at]
            if number.size != numpy.unique(number).size:
                raise ValueError(
                    "assignment through an index that occurs twice: on a GPU either value may win"
                )
        target = numpy.asarray(self.memory[at])
        if (
            isinstance(value, ndarray)
            and target.__array_interface__ == value.memory.__array_interface__
        ):
            return  # the second half of x[key] += 1, a copy of an array to itself: CuPy skips it

        def assign():
            self.memory[wrapping(key, self.shape)[0]] = unwrapped(value)

        work([self.memory if scatters else target], assign)
        target = numpy.asarray(self.memory[at])
        account.launch(
            "copy" if isinstance(value, ndarray) else "fill",
            arrays_in([unwrapped(value)]),
            [target],
        )

    # These make the host wait until the device has computed the number.

    def item(self):
        return self.get().item()

    def __float__(self):
        return float(self.item())

    def __int__(self):
        return int(self.item())

    def __index__(self):
        return operator.index(self.item())

    def __bool__(self):
        return bool(self.item())

    def __repr__(self):
        return repr(self.get())

    def get(self, stream=None, order="C", out=None, blocking=True):
        """Copies the array to the host: to pinned memory, if the host does not wait for it, when
        its stream gets to it; until then there is garbage."""
        refuse_while_recording("the host waits for the device" if blocking else "a download")
        stream = stream or streams.current()
        account.downloaded += self.nbytes
        if out is None:
            out = numpy.empty(self.shape, self.dtype)
        check_same_kind("get", out, self)
        base = streams.pinned_base(out)
        if base is None and not blocking:
            raise RuntimeError("the host does not wait for a copy to memory that is not pinned")
        stream.do()
        fill_with_garbage(out)
        garbage = out.copy()

        def copy():
            if out.tobytes() != garbage.tobytes():
                raise RuntimeError("pinned memory was written to before the copy there was made")
            out[...] = self.memory

        stream.ask([span(self.memory)], [], streams.Task(copy, base))
        if blocking:
            stream.synchronize()
        return out

    def tolist(self):
        return self.get().tolist()

    # These return views, which cost nothing.

    @property
    def data(self):
        return types.SimpleNamespace(ptr=self.memory.ctypes.data)

    def transpose(self, *axes):
        return ndarray(self.memory.transpose(*axes))

    def swapaxes(self, one, other):
        return ndarray(self.memory.swapaxes(one, other))

    def view(self, dtype):
        return ndarray(self.memory.view(dtype))

    def reshape(self, *shape):
        result = self.memory.reshape(*shape)
        if not numpy.shares_memory(result, self.memory) and self.size:
            made([result], lambda: [self.memory.reshape(*shape)])
            account.launch("copy to reshape", [self.memory], [result])
        return ndarray(result)

    def ravel(self):
        return self.reshape(-1)

    def fill(self, value):
        self[...] = value

    def set(self, host, stream=None):
        """Copies a host array here. From pinned memory the copy is made when its stream gets to it,
        which is seen when somebody waits for it; other memory makes the host wait."""
        check_same_kind("set", host, self)
        refuse_while_recording("an upload")
        account.uploaded += host.nbytes
        stream, base = stream or streams.current(), streams.pinned_base(host)
        if base is not None and base.in_flight:
            raise RuntimeError("pinned memory was filled before its last copy was waited for")

        def copy():
            self.memory[...] = host

        stream.ask([], [span(self.memory)], streams.Task(copy, base))
        if base is None:
            stream.do()

    def clip(self, *args, **kwargs):
        return method("clip")(self, *args, **kwargs)

    @property
    def __cuda_array_interface__(self):
        """By which MPI finds the memory. MPI knows no streams: the host must have waited."""
        if not mpi_is_cuda_aware:
            raise AttributeError("MPI crashes with an array on a GPU: it is not CUDA-aware")
        streams.check_for_host(span(self.memory))
        place = self.memory.__array_interface__
        return place | {"data": place["data"] if self.size else (0, False), "version": 3}


mpi_is_cuda_aware = False  #: whether MPI can read and write the device's memory


def check_same_kind(name: str, host, device: ndarray) -> None:
    """ValueError unless the host array is contiguous and of the same shape and dtype."""
    if not isinstance(host, numpy.ndarray) or not host.flags.c_contiguous:
        raise ValueError(f"{name}() takes a contiguous host array, got {type(host)}")
    if (host.dtype, host.shape) != (device.dtype, device.shape):
        got, expected = f"{host.dtype} {host.shape}", f"{device.dtype} {device.shape}"
        raise ValueError(f"{name}() takes an array of {expected}, got {got}")


def method(name: str):
    """NumPy's method as one kernel; reductions return 0-d device arrays instead of numbers."""

    def kernel(self, *args, **kwargs):
        device_only(*arrays_in([args, kwargs]))
        known = getattr(cupy.ndarray, name, None) if cupy else None
        check_arguments(name, known, (self, *args), kwargs)
        return call(name, getattr(numpy.ndarray, name), (self, *args), kwargs)

    return kernel


_REDUCTIONS = ("sum", "mean", "max", "min", "any", "all", "argmax", "argmin", "prod", "std", "var")
for _name in (*_REDUCTIONS, "cumsum", "copy", "astype", "round"):
    setattr(ndarray, _name, method(_name))


def _operator(ufunc: str, reverse: bool, in_place: bool):
    def operate(self, other):
        if ufunc == "matmul":
            return matmul(other, self) if reverse else matmul(self, other)
        return elementwise(
            ufunc,
            *((other, self) if reverse else (self, other)),
            **({"out": self} if in_place else {}),
        )

    return operate


for _symbol, _ufunc in dict(
    add="add", sub="subtract", mul="multiply", truediv="true_divide", floordiv="floor_divide",
    mod="remainder", pow="power", matmul="matmul", lshift="left_shift", rshift="right_shift",
    and_="bitwise_and", or_="bitwise_or", xor="bitwise_xor",
).items():  # fmt: skip
    _symbol = _symbol.rstrip("_")
    setattr(ndarray, f"__{_symbol}__", _operator(_ufunc, False, False))
    setattr(ndarray, f"__r{_symbol}__", _operator(_ufunc, True, False))
    setattr(ndarray, f"__i{_symbol}__", _operator(_ufunc, False, True))
for _symbol, _ufunc in dict(
    lt="less", le="less_equal", gt="greater", ge="greater_equal", eq="equal", ne="not_equal"
).items():
    setattr(ndarray, f"__{_symbol}__", _operator(_ufunc, False, False))
for _symbol, _ufunc in dict(
    neg="negative", pos="positive", abs="absolute", invert="invert"
).items():
    setattr(ndarray, f"__{_symbol}__", lambda self, ufunc=_ufunc: elementwise(ufunc, self))


def asarray(a, dtype=None):
    """A device array unchanged; a host array or a list uploaded."""
    if isinstance(a, ndarray):
        return a if dtype is None else a.astype(dtype)
    refuse_while_recording("an upload")
    memory = numpy.array(a, dtype)
    account.uploaded += memory.nbytes
    return ndarray(memory)


def array(a):
    """A copy on the device, of a device array or a host array."""
    return a.copy() if isinstance(a, ndarray) else asarray(a)


def asnumpy(a):
    """A copy on the host, which waits for it."""
    return a.get()


def empty(shape, dtype=float):
    """Uninitialised memory: NaN, or the byte 0xAA in integers."""
    memory = numpy.empty(shape, dtype)
    fill_with_garbage(memory)
    if recorded_here():
        recording.results.append(memory)
    return ndarray(memory)


def empty_like(a):
    return empty(a.shape, a.dtype)


def may_share_memory(a, b):
    return numpy.may_share_memory(a.memory, b.memory)


def __getattr__(name):
    """Any other function that both NumPy and the installed CuPy have, as one kernel."""
    if (
        name.startswith("_")
        or not hasattr(numpy, name)
        or (cupy is not None and not hasattr(cupy, name))
    ):
        raise AttributeError(f"the array module has no attribute {name!r}")
    function = getattr(numpy, name)
    if not callable(function) or isinstance(function, type):
        return function
    if isinstance(function, numpy.ufunc):
        return lambda *args, **kwargs: elementwise(name, *args, **kwargs)
    known = getattr(cupy, name, None)

    def kernel(*args, **kwargs):
        device_only(*arrays_in([args, kwargs]))
        check_arguments(name, known, args, kwargs)
        return call(name, function, args, kwargs)

    return kernel


def _as_strided(x, shape=None, strides=None):
    return ndarray(numpy.lib.stride_tricks.as_strided(x.memory, shape, strides))


lib = types.SimpleNamespace(stride_tricks=types.SimpleNamespace(as_strided=_as_strided))


class ElementwiseKernel:
    """CuPy's ElementwiseKernel on the CPU: the same body in a loop, compiled as C++ by g++."""

    def __init__(self, in_params: str, out_params: str, operation: str, name: str = "kernel"):
        self.inputs, self.outputs = (
            [cpp.Parameter.parse(text) for text in texts.split(",")]
            for texts in (in_params, out_params)
        )
        self.operation, self.name = operation, name
        self.constants = cpp.constants(operation)
        self.reads = [cpp.reads(operation, parameter.name) for parameter in self.parameters]
        self.functions = {}  # for each choice of dtype and of arrays or numbers as arguments

    @property
    def parameters(self) -> list[cpp.Parameter]:
        return [*self.inputs, *self.outputs]

    def __call__(self, *arguments) -> None:
        device_only(*arguments)
        dtype = self.checked_dtype(arguments)
        are_arrays = [isinstance(x, ndarray) for x in arguments]
        case = (dtype, *are_arrays)
        if case not in self.functions:
            source = cpp.source(self.inputs, self.outputs, are_arrays, dtype, self.operation)
            self.functions[case] = cpp.compiled(source)
        size = arguments[len(self.inputs)].size
        passed = [ctypes.c_ssize_t(size), *map(ctypes.c_int, self.constants.values())]
        copies = []
        for parameter, x in zip(self.parameters, arguments, strict=True):
            if not isinstance(x, ndarray):
                passed.append(cpp.NUMBERS[parameter.dtype_for(dtype)](x))
                continue
            whole = numpy.ascontiguousarray(x.memory)
            copies += [(x.memory, whole)] if whole is not x.memory else []
            passed += [ctypes.c_void_p(whole.ctypes.data), ctypes.c_ssize_t(whole.size)]

        def run():
            for memory, whole in copies:
                whole[...] = memory
            if self.functions[case](*passed):
                raise IndexError(f"{self.name} reads beyond an array's end")
            for memory, whole in copies:
                memory[...] = whole

        outputs = arguments[len(self.inputs) :]
        work(unwrapped(list(outputs)), run)
        read = [x for x, reads in zip(arguments, self.reads, strict=True) if reads]
        account.launch(self.name, arrays_in(unwrapped(read)), unwrapped(outputs))

    def checked_dtype(self, arguments) -> str:
        """The dtype that T stands for; an error for arguments that CuPy or a GPU would not take."""
        if len(arguments) != len(self.parameters):
            wanted = len(self.parameters)
            raise TypeError(f"{self.name}: {len(arguments)} arguments, expected {wanted}")
        outputs = arguments[len(self.inputs) :]
        generic = None
        for parameter, x in zip(self.parameters, arguments, strict=True):
            if not isinstance(x, ndarray):
                continue
            if parameter.dtype != "T" and x.dtype != parameter.dtype:
                raise TypeError(f"{self.name}: {x.dtype}, expected {parameter.dtype}")
            if parameter.dtype == "T" and x.dtype != (generic := generic or x.dtype):
                raise TypeError(f"{self.name}: {x.dtype} beside {generic}")
            if not parameter.raw and x.shape != outputs[0].shape:
                shapes = f"an array of shape {x.shape} beside one of {outputs[0].shape}"
                raise ValueError(f"{self.name}: {shapes}")
            if parameter.raw and any(numpy.shares_memory(x.memory, y.memory) for y in outputs):
                raise ValueError(
                    f"{self.name} reads anywhere in an array that it writes into: a race on a GPU"
                )
        takes_any = any(parameter.dtype == "T" for parameter in self.parameters)
        if takes_any and generic not in ("float32", "float64"):
            raise TypeError(f"{self.name}: T is {generic}, expected float32 or float64")
        return str(generic)


class OutOfMemoryError(MemoryError):
    """CuPy's exception of this name."""


class MemoryPool:
    """The memory that CuPy keeps for reuse: none here."""

    def malloc(self, size):
        raise NotImplementedError

    def total_bytes(self):
        return 0

    def free_all_blocks(self):
        pass


class Stream(streams.Stream):
    """A stream, whose work can be recorded."""

    def begin_capture(self):
        global recording, account
        if self.is_default:
            raise RuntimeError("cudaErrorStreamCaptureUnsupported: the default stream")
        recording = Recording()
        self.outer_account, account = account, recording.account

    def end_capture(self):
        global recording, account
        finished, recording, account = recording, None, self.outer_account
        finished.undo()
        return Graph(finished)


streams.when_host_waits.append(lambda: account.wait())


class Graph:
    """Recorded work."""

    def __init__(self, recorded: Recording):
        self.recorded = recorded

    def launch(self, stream=None):
        for kernel in self.recorded.kernels:
            kernel()
        account.starts += 1
        account.log += self.recorded.account.log


class Cublas:
    """cuBLAS's functions as minialex calls them: column by column, by addresses."""

    def cublasSetStream_v2(self, handle, stream):
        return 0

    def cublasSetWorkspace_v2(self, handle, memory, size):
        return 0

    def multiply(self, kind, rows, columns, depth, alpha, a, b, beta, c, count=1):
        """C = alpha A B + beta C for `count` matrices; a, b and c: address, leading dimension,
        stride, transposed."""
        a, b, c = (
            in_columns(kind, address, lead, stride, count, transposed, shape)
            for (address, lead, stride, transposed), shape in (
                (a, (rows, depth)),
                (b, (depth, columns)),
                (c, (rows, columns)),
            )
        )
        scale, keep = alpha._obj.value, beta._obj.value
        lives = [owner_at(x.ctypes.data, x.dtype) for x in (a, b, c)]
        rows_of = lambda x: x.swapaxes(1, 2)  # noqa: E731  NumPy writes row by row without a copy

        def kernel():
            if not all(alive() is not None for alive in lives):
                raise RuntimeError("cudaErrorIllegalAddress: a graph works in memory that is gone")
            if (scale, keep) == (1, 0):
                numpy.matmul(rows_of(b), rows_of(a), out=rows_of(c))
            else:  # with keep = 0, C may be uninitialised
                c[...] = scale * numpy.matmul(a, b) + (keep * c if keep else 0)

        work([c], kernel)
        read = [a, b, c] if keep else [a, b]
        account.launch("matmul", read, [c], flops=2 * count * rows * columns * depth)
        return 0


def in_columns(kind, address, lead, stride, count, transposed, shape) -> numpy.ndarray:
    """A view (count, rows, columns) of matrices that lie column by column, or row by row if they
    are `transposed`."""
    if transposed:
        whole = in_columns(kind, address, lead, stride, count, False, shape[::-1])
        return whole.transpose(0, 2, 1)
    rows, columns = shape
    if lead < max(1, rows):
        raise ValueError(f"a leading dimension of {lead} for {rows} rows")
    reach = (count - 1) * stride + (columns - 1) * lead + rows
    numbers = numpy.ctypeslib.as_array((kind * reach).from_address(address))
    steps = tuple(numbers.itemsize * step for step in (stride, 1, lead))
    return numpy.lib.stride_tricks.as_strided(numbers, (count, rows, columns), steps)


def _gemm(kind):
    def gemm(self, handle, a_is, b_is, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc):
        operands = (a, lda, 0, a_is), (b, ldb, 0, b_is)
        return self.multiply(kind, m, n, k, alpha, *operands, beta, (c, ldc, 0, False))

    return gemm


def _batched(kind):
    def gemm(
        self, handle, a_is, b_is, m, n, k, alpha, a, lda, step_a, b, ldb, step_b, beta, c, ldc,
        step_c, count,
    ):  # fmt: skip
        operands = (a, lda, step_a, a_is), (b, ldb, step_b, b_is)
        out = (c, ldc, step_c, False)
        return self.multiply(kind, m, n, k, alpha, *operands, beta, out, count)

    return gemm


for _letter, _kind in {"S": ctypes.c_float, "D": ctypes.c_double}.items():
    setattr(Cublas, f"cublas{_letter}gemm_v2", _gemm(_kind))
    setattr(Cublas, f"cublas{_letter}gemmStridedBatched", _batched(_kind))

cublas.LIBRARIES[sys.modules[__name__]] = Cublas()


class _Device:
    """A device: the current one of this thread, or that of the number."""

    def __init__(self, number: int | None = None):
        self.id = getattr(_chosen, "number", 0) if number is None else number
        if not 0 <= self.id < device_count:
            raise RuntimeError("cudaErrorInvalidDevice: invalid device ordinal")

    def __enter__(self):
        self.outer = _Device()
        self.use()
        return self

    def __exit__(self, *error):
        self.outer.use()

    def use(self):
        _chosen.number = self.id

    @property
    def pci_bus_id(self):
        return f"0000:{self.id:02x}:00.0"

    @property
    def mem_info(self):
        return free_memory, 80_000_000_000


device_count = 1  #: how many devices there are; nothing checks on which one an array lies
_chosen = threading.local()  # the current device of each thread
free_memory = 80_000_000_000  #: bytes that the device says are free; not enforced
get_default_memory_pool = MemoryPool

cuda = types.SimpleNamespace(
    is_available=lambda: True,
    get_current_stream=streams.current,
    get_elapsed_time=lambda start, stop: 1e3 * (stop.time - start.time),
    get_cublas_handle=lambda: 1,
    alloc_pinned_memory=streams.PinnedMemory,
    using_allocator=lambda allocator: contextlib.nullcontext(),
    Device=_Device,
    Event=streams.Event,
    MemoryPool=MemoryPool,
    Stream=Stream,
    runtime=types.SimpleNamespace(getDeviceCount=lambda: device_count),
)

import fake_nccl  # noqa: E402  (it imports this module)

cuda.nccl = sys.modules[f"{__name__}.cuda.nccl"] = fake_nccl
