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
import time
import types
import typing

import cpp
import numpy

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

    log: the kernels; waits: how often the host had to wait for the device; uploaded, downloaded:
    bytes copied between host and device.
    """

    log: list[Launch] = dataclasses.field(default_factory=list)
    waits: int = 0
    uploaded: int = 0
    downloaded: int = 0

    def launch(self, name: str, read=(), written=(), flops: int = 0) -> None:
        """Records a kernel called `name` that reads and writes these (host) arrays."""
        self.log.append(
            Launch(name, sum(a.nbytes for a in read), sum(a.nbytes for a in written), flops)
        )

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
    result = wrapped(function(*args, **kwargs))
    inputs = arrays_in([args, {key: value for key, value in kwargs.items() if key != "out"}])
    outputs = arrays_in(unwrapped([result]))
    is_view = out is None and any(numpy.may_share_memory(a, b) for a in inputs for b in outputs)
    if not is_view:
        account.launch(name, inputs, outputs)
    return result if out is None else out


def elementwise(name: str, *operands, **kwargs):
    """A ufunc of device arrays and numbers; `out` is a device array."""
    device_only(*operands, *([kwargs["out"]] if "out" in kwargs else []))
    check_arguments(name, getattr(cupy, name, None), operands, kwargs)
    return call(name, getattr(numpy, name), operands, kwargs)


def matmul(x1, x2, /, out=None, **kwargs):
    """The matrix product. cuBLAS takes contiguous or transposed matrices, and copies of others."""
    device_only(x1, x2, *([] if out is None else [out]))
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
            account.waits += 1  # the number of true values decides the result's shape
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
        key, gathers = wrapping(key, self.shape)
        result = numpy.asarray(self.memory[key])
        if gathers:
            account.launch("gather", [result], [result])
        return ndarray(result)

    def __setitem__(self, key, value):
        device_only(value)
        key, scatters = wrapping(key, self.shape)
        if scatters:
            number = numpy.arange(self.size).reshape(self.shape)[key]
            if number.size != numpy.unique(number).size:
                raise ValueError(
                    "assignment through an index that occurs twice: on a GPU either value may win"
                )
        target = numpy.asarray(self.memory[key])
        if (
            isinstance(value, ndarray)
            and target.__array_interface__ == value.memory.__array_interface__
        ):
            return  # the second half of x[key] += 1, a copy of an array to itself: CuPy skips it
        self.memory[key] = unwrapped(value)
        target = numpy.asarray(self.memory[key])
        account.launch(
            "copy" if isinstance(value, ndarray) else "fill",
            arrays_in([unwrapped(value)]),
            [target],
        )

    # These make the host wait until the device has computed the number.

    def item(self):
        account.waits += 1
        account.downloaded += self.nbytes
        return self.memory.item()

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

    def get(self):
        account.waits += 1
        account.downloaded += self.nbytes
        return self.memory.copy()

    def tolist(self):
        return self.get().tolist()

    # These return views, which cost nothing.

    def transpose(self, *axes):
        return ndarray(self.memory.transpose(*axes))

    def view(self, dtype):
        return ndarray(self.memory.view(dtype))

    def reshape(self, *shape):
        result = self.memory.reshape(*shape)
        if not numpy.shares_memory(result, self.memory) and self.size:
            account.launch("copy to reshape", [self.memory], [result])
        return ndarray(result)

    def ravel(self):
        return self.reshape(-1)

    def fill(self, value):
        self[...] = value

    def clip(self, *args, **kwargs):
        return method("clip")(self, *args, **kwargs)


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
    memory = numpy.array(a, dtype)
    account.uploaded += memory.nbytes
    return ndarray(memory)


array = asarray


def asnumpy(a):
    """A copy on the host, which waits for it."""
    return a.get()


def empty(shape, dtype=float):
    """Uninitialised memory: NaN, or the byte 0xAA in integers."""
    memory = numpy.empty(shape, dtype)
    if memory.dtype.kind in "fc":
        memory[...] = math.nan
    else:
        memory.view("uint8" if memory.ndim else memory.dtype)[...] = (
            0xAA if memory.dtype != bool else True
        )
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


class _Stream:
    """The only stream."""

    def synchronize(self):
        account.waits += 1


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
        if self.functions[case](*passed):
            raise IndexError(f"{self.name} reads beyond an array's end")
        for memory, whole in copies:
            memory[...] = whole
        read = [x for x, reads in zip(arguments, self.reads, strict=True) if reads]
        outputs = arguments[len(self.inputs) :]
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


class _Pool:
    """The memory that CuPy keeps for reuse: none here."""

    def total_bytes(self):
        return 0

    def free_all_blocks(self):
        pass


class _Event:
    """A moment in the stream."""

    def record(self):
        self.time = time.perf_counter()

    def synchronize(self):
        account.waits += 1


class _Device:
    """The only device."""

    @property
    def mem_info(self):
        return free_memory, 80_000_000_000


free_memory = 80_000_000_000  #: bytes that the device says are free; not enforced
get_default_memory_pool = _Pool

cuda = types.SimpleNamespace(
    is_available=lambda: True,
    get_current_stream=lambda: _Stream(),
    get_elapsed_time=lambda start, stop: 1e3 * (stop.time - start.time),
    Device=_Device,
    Event=_Event,
)
