"""Matrix products into memory that is there: by NumPy's BLAS on a CPU, by cuBLAS on a GPU."""

from minialex import backend
from minialex.backend import Array
from minialex.fast.gpu import cublas, kernels


def matmul(a: Array, b: Array, out: Array, scale: float = 1, keep: float = 0) -> Array:
    """Writes scale · a @ b + keep · out into `out`, and returns it.

    Two axes, or three for matrices side by side. A single one of those goes in with two, as the
    libraries are faster at it.
    """
    if out.ndim == 3 and len(out) == 1:
        matmul(a[0], b[0], out[0], scale, keep)
        return out
    xp = backend.of(a)
    gpu = cublas.of(xp) if kernels.on_gpu(a) and str(out.dtype) in cublas.TYPES else None
    if gpu:
        gpu.matmul(a, b, out, scale, keep)
    elif (scale, keep) == (1, 0):
        xp.matmul(a, b, out=out)
    else:
        product = xp.matmul(a, b)
        product *= scale
        out *= keep
        out += product
    return out
