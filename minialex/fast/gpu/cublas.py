"""Matrix products on a GPU: cuBLAS, called directly.

CuPy calls cuBLAS, too. But it copies matrices whose rows lie apart, such as a group's channels, and
it refuses to call it while a CUDA graph is recorded (github.com/cupy/cupy/issues/6290).
"""

import ctypes
import functools
import os
from types import ModuleType
from typing import Any

from minialex.backend import Array

#: The C type of each dtype that cuBLAS multiplies here, and its letter in the functions' names.
TYPES = {"float32": (ctypes.c_float, "S"), "float64": (ctypes.c_double, "D")}

#: Room for cuBLAS to work in, 32 MiB as NVIDIA recommends for its largest cards. Without it cuBLAS
#: allocates memory of its own, which a recorded graph must not do.
WORKSPACE = 32 << 20

#: What cuBLAS calls a matrix as it is and a transposed one.
AS_IT_IS, TRANSPOSED = 0, 1

#: The library of each array module; found when it is first asked for.
LIBRARIES: dict[ModuleType, Any] = {}


class Cublas:
    """Products by the cuBLAS library that CuPy has loaded, with CuPy's handle."""

    def __init__(self, xp: ModuleType, functions: Any):
        self.xp, self.functions = xp, functions
        self.workspaces: dict[int, Array] = {}  #: of each device

    def matmul(self, a: Array, b: Array, out: Array, scale: float, keep: float) -> None:
        """Writes scale · a @ b + keep · out into `out`. Three axes are products of matrices side by
        side.

        ValueError if neither the rows nor the columns of `out` are contiguous.
        """
        if out.strides[-1] != out.itemsize and out.shape[-1] > 1:
            a, b, out = (x.swapaxes(-1, -2) for x in (b, a, out))  # outᵀ = bᵀ aᵀ
        a, b = self.readable(a), self.readable(b)
        (as_a, lead_a), (as_b, lead_b), (as_out, lead_out) = map(layout, (a, b, out))
        if as_out != AS_IT_IS:
            raise ValueError(f"cannot write a product into strides {out.strides}")
        kind, letter = TYPES[str(out.dtype)]
        alpha, beta = ctypes.byref(kind(scale)), ctypes.byref(kind(keep))
        # cuBLAS counts column by column, so it takes each of our matrices for its transpose: what
        # it is asked for is outᵀ = bᵀ aᵀ
        sizes = (out.shape[-1], out.shape[-2], a.shape[-1])
        operands = ((b, lead_b), (a, lead_a), (out, lead_out))
        handle = self.prepared_handle()
        if out.ndim == 2:
            first, second, third = ((x.data.ptr, lead) for x, lead in operands)
            multiply = getattr(self.functions, f"cublas{letter}gemm_v2")
            rest = (alpha, *first, *second, beta, *third)
        else:
            first, second, third = (
                (x.data.ptr, lead, x.strides[0] // x.itemsize) for x, lead in operands
            )
            multiply = getattr(self.functions, f"cublas{letter}gemmStridedBatched")
            rest = (alpha, *first, *second, beta, *third, len(out))
        check(multiply(handle, as_b, as_a, *sizes, *rest))

    def prepared_handle(self) -> ctypes.c_void_p:
        """CuPy's handle of this thread and device, which is to work on the present stream."""
        cuda = self.xp.cuda
        handle, device = ctypes.c_void_p(cuda.get_cublas_handle()), cuda.Device().id
        if device not in self.workspaces:
            self.workspaces[device] = self.xp.empty(WORKSPACE, "uint8")
        room = self.workspaces[device].data.ptr
        check(self.functions.cublasSetStream_v2(handle, cuda.get_current_stream().ptr))
        check(self.functions.cublasSetWorkspace_v2(handle, room, WORKSPACE))
        return handle

    def readable(self, x: Array) -> Array:
        """x, or a copy if neither its rows nor its columns are contiguous."""
        return x if layout(x) else self.xp.ascontiguousarray(x)


def takes(*arrays: Array) -> bool:
    """Whether cuBLAS multiplies such arrays here: all of one dtype, single or double precision."""
    dtypes = {str(array.dtype) for array in arrays}
    return len(dtypes) == 1 and dtypes <= TYPES.keys()


def layout(x: Array) -> tuple[int, int] | None:
    """How cuBLAS is told about the last two axes of x: AS_IT_IS if rows are contiguous, TRANSPOSED
    if columns are, and by how many numbers two rows, or columns, are apart. None if neither are."""
    (rows, columns), (down, right) = x.shape[-2:], (step // x.itemsize for step in x.strides[-2:])
    if right == 1 or columns == 1:
        return AS_IT_IS, max(down if rows > 1 else columns, 1)
    if down == 1 or rows == 1:
        return TRANSPOSED, max(right, 1)
    return None


@functools.cache
def of(xp: ModuleType) -> Cublas | None:
    """The products of the array module; None where the library is not found."""
    functions = LIBRARIES.get(xp) or library(xp)
    return functions and Cublas(xp, functions)


def library(xp: ModuleType) -> ctypes.CDLL | None:
    """The cuBLAS that CuPy has loaded, by the name under which the system knows it; None if there
    is no such library (on an AMD card, say)."""
    xp.cuda.get_cublas_handle()  # loads it
    version = xp.cuda.runtime.runtimeGetVersion() // 1000
    name = f"cublas64_{version}.dll" if os.name == "nt" else f"libcublas.so.{version}"
    try:
        functions = ctypes.CDLL(name)
    except OSError:
        return None
    pointer, whole, long = ctypes.c_void_p, ctypes.c_int, ctypes.c_longlong
    start = [pointer, *[whole] * 5]
    functions.cublasSetStream_v2.argtypes = [pointer, pointer]
    functions.cublasSetWorkspace_v2.argtypes = [pointer, pointer, ctypes.c_size_t]
    for letter in "SD":
        matrix = [pointer, whole]
        multiply = getattr(functions, f"cublas{letter}gemm_v2")
        multiply.argtypes = [*start, pointer, *matrix, *matrix, pointer, *matrix]
        matrix = [pointer, whole, long]
        multiply = getattr(functions, f"cublas{letter}gemmStridedBatched")
        multiply.argtypes = [*start, pointer, *matrix, *matrix, pointer, *matrix, whole]
    return functions


def check(status: int) -> None:
    """RuntimeError unless cuBLAS did what it was asked."""
    if status:
        raise RuntimeError(f"cuBLAS failed with status {status}")
