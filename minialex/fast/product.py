"""Matrix products into memory that is there: by NumPy's BLAS on a CPU, by cuBLAS on a GPU."""

import numpy

from minialex import backend
from minialex.backend import Array
from minialex.fast.gpu import cublas


def matmul(a: Array, b: Array, out: Array, scale: float = 1, keep: float = 0) -> Array:
    """Writes scale · a @ b + keep · out into `out`, and returns it.

    Two axes, or three for matrices side by side. A single one of those goes in with two, as the
    libraries are faster at it.
    """
    if out.ndim == 3 and len(out) == 1:
        matmul(a[0], b[0], out[0], scale, keep)
        return out
    xp = backend.of(a)
    gpu = cublas.of(xp) if backend.on_gpu(a) and cublas.takes(a, b, out) else None
    if gpu:
        gpu.matmul(a, b, out, scale, keep)
    elif (scale, keep) == (1, 0) and xp is numpy:
        xp.matmul(a, b, out=out)
    else:
        product = scale * xp.matmul(a, b)
        out[...] = product + keep * out if keep else product
    return out
