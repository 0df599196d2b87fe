"""cuBLAS as minialex.fast.gpu.cublas calls it: column by column, by addresses."""

import ctypes
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy

from minialex.standin.memory import owner_at
from minialex.standin.work import launch, work

#: A matrix: its address, leading dimension, stride, and whether it is transposed.
Operand: TypeAlias = tuple[int, int, int, bool]


class Cublas:
    """cuBLAS's functions as minialex calls them: column by column, by addresses."""

    def cublasSetStream_v2(self, handle: Any, stream: int) -> int:
        return 0

    def cublasSetWorkspace_v2(self, handle: Any, memory: int, size: int) -> int:
        return 0

    def multiply(
        self,
        kind: Any,
        rows: int,
        columns: int,
        depth: int,
        alpha: Any,
        a: Operand,
        b: Operand,
        beta: Any,
        c: Operand,
        count: int = 1,
    ) -> int:
        """C = alpha A B + beta C for `count` matrices."""
        left, right, product = (
            in_columns(kind, *operand, count, shape)
            for operand, shape in (
                (a, (rows, depth)),
                (b, (depth, columns)),
                (c, (rows, columns)),
            )
        )
        scale, keep = alpha._obj.value, beta._obj.value
        lives = [owner_at(x.ctypes.data, x.dtype) for x in (left, right, product)]
        rows_of = lambda x: x.swapaxes(1, 2)  # noqa: E731  NumPy writes row by row without a copy

        def kernel() -> None:
            if not all(alive() is not None for alive in lives):
                raise RuntimeError("cudaErrorIllegalAddress: a graph works in memory that is gone")
            if (scale, keep) == (1, 0):
                numpy.matmul(rows_of(right), rows_of(left), out=rows_of(product))
            else:  # with keep = 0, C may be uninitialised
                old = keep * product if keep else 0
                product[...] = scale * numpy.matmul(left, right) + old

        work([product], kernel)
        read = [left, right, product] if keep else [left, right]
        launch("matmul", read, [product], flops=2 * count * rows * columns * depth)
        return 0


def in_columns(
    kind: Any,
    address: int,
    lead: int,
    stride: int,
    transposed: bool,
    count: int,
    shape: tuple[int, int],
) -> numpy.ndarray:
    """A view (count, rows, columns) of matrices that lie column by column, or row by row if they
    are `transposed`."""
    if transposed:
        whole = in_columns(kind, address, lead, stride, False, count, shape[::-1])
        return whole.transpose(0, 2, 1)
    rows, columns = shape
    if lead < max(1, rows):
        raise ValueError(f"a leading dimension of {lead} for {rows} rows")
    reach = (count - 1) * stride + (columns - 1) * lead + rows
    numbers = numpy.ctypeslib.as_array((kind * reach).from_address(address))
    steps = tuple(numbers.itemsize * step for step in (stride, 1, lead))
    return numpy.lib.stride_tricks.as_strided(numbers, (count, rows, columns), steps)


def gemm_of(kind: Any) -> Callable[..., int]:
    """The function for one product of numbers of this C type."""

    def gemm(self, handle, a_is, b_is, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc):
        operands = (a, lda, 0, a_is), (b, ldb, 0, b_is)
        return self.multiply(kind, m, n, k, alpha, *operands, beta, (c, ldc, 0, False))

    return gemm


def batched_of(kind: Any) -> Callable[..., int]:
    """The function for many products side by side."""

    def gemm(
        self, handle, a_is, b_is, m, n, k, alpha, a, lda, step_a, b, ldb, step_b, beta, c, ldc,
        step_c, count,
    ):  # fmt: skip
        operands = (a, lda, step_a, a_is), (b, ldb, step_b, b_is)
        out = (c, ldc, step_c, False)
        return self.multiply(kind, m, n, k, alpha, *operands, beta, out, count)

    return gemm


for letter, kind in {"S": ctypes.c_float, "D": ctypes.c_double}.items():
    setattr(Cublas, f"cublas{letter}gemm_v2", gemm_of(kind))
    setattr(Cublas, f"cublas{letter}gemmStridedBatched", batched_of(kind))
