"""Gives the array on the device its operators, and its methods that are one kernel each."""

from collections.abc import Callable
from typing import Any

import numpy

from minialex.standin.arguments import check_arguments, method_of_cupy
from minialex.standin.arrays import arrays_in, device_only, ndarray
from minialex.standin.functions import call, elementwise, matmul

#: Of these, reductions return 0-d device arrays instead of numbers.
METHODS = (
    "all", "any", "argmax", "argmin", "astype", "clip", "copy", "cumsum", "max", "mean", "min",
    "prod", "round", "std", "sum", "var",
)  # fmt: skip
#: The ufuncs by the names of Python's methods: x + y, y + x and x += y.
ARITHMETIC = dict(
    add="add", sub="subtract", mul="multiply", truediv="true_divide", floordiv="floor_divide",
    mod="remainder", pow="power", matmul="matmul", lshift="left_shift", rshift="right_shift",
    and_="bitwise_and", or_="bitwise_or", xor="bitwise_xor",
)  # fmt: skip
COMPARISONS = dict(
    lt="less", le="less_equal", gt="greater", ge="greater_equal", eq="equal", ne="not_equal"
)
UNARY = dict(neg="negative", pos="positive", abs="absolute", invert="invert")


def method(name: str) -> Callable[..., Any]:
    """NumPy's method as one kernel."""

    def kernel(self: ndarray, *args: Any, **kwargs: Any) -> Any:
        device_only(*arrays_in([args, kwargs]))
        check_arguments(name, method_of_cupy(name), (self, *args), kwargs)
        return call(name, getattr(numpy.ndarray, name), (self, *args), kwargs)

    return kernel


def binary(ufunc: str, reverse: bool = False, in_place: bool = False) -> Callable[..., Any]:
    """The operator between an array and another operand."""

    def operate(self: ndarray, other: Any) -> Any:
        if ufunc == "matmul":
            return matmul(other, self) if reverse else matmul(self, other)
        return elementwise(
            ufunc,
            *((other, self) if reverse else (self, other)),
            **({"out": self} if in_place else {}),
        )

    return operate


def unary(ufunc: str) -> Callable[..., Any]:
    """The operator before an array."""
    return lambda self: elementwise(ufunc, self)


for name in METHODS:
    setattr(ndarray, name, method(name))
for symbol, ufunc in ARITHMETIC.items():
    symbol = symbol.rstrip("_")
    setattr(ndarray, f"__{symbol}__", binary(ufunc))
    setattr(ndarray, f"__r{symbol}__", binary(ufunc, reverse=True))
    setattr(ndarray, f"__i{symbol}__", binary(ufunc, in_place=True))
for symbol, ufunc in COMPARISONS.items():
    setattr(ndarray, f"__{symbol}__", binary(ufunc))
for symbol, ufunc in UNARY.items():
    setattr(ndarray, f"__{symbol}__", unary(ufunc))
