"""The array on the device, and which of NumPy's arrays go in and out of it.

Its operators, and the methods that are one kernel each, are in operators.py.
"""

import numbers
from collections.abc import Iterator
from typing import Any

import numpy

from minialex.standin.indexing import check_each_once, wrapping
from minialex.standin.on_device import OnDevice
from minialex.standin.work import launch, made, work


class ndarray(OnDevice):
    """An array on the device, called as NumPy's and CuPy's are."""

    def __len__(self) -> int:
        return len(self.memory)

    def __iter__(self) -> "Iterator[ndarray]":
        return (self[i] for i in range(len(self)))

    def __getitem__(self, key: Any) -> "ndarray":
        at, gathers = wrapping(key, self.shape)
        result = numpy.asarray(self.memory[at])
        if gathers:
            made([result], lambda: [self.memory[wrapping(key, self.shape)[0]]])
            launch("gather", [result], [result])
        return ndarray(result)

    def __setitem__(self, key: Any, value: Any) -> None:
        device_only(value)
        at, scatters = wrapping(key, self.shape)
        if scatters:
            check_each_once(at, self.shape)
        target = numpy.asarray(self.memory[at])
        if (
            isinstance(value, ndarray)
            and target.__array_interface__ == value.memory.__array_interface__
        ):
            return  # the second half of x[key] += 1, a copy of an array to itself: CuPy skips it

        def assign() -> None:
            self.memory[wrapping(key, self.shape)[0]] = unwrapped(value)

        work([self.memory if scatters else target], assign)
        target = numpy.asarray(self.memory[at])
        name = "copy" if isinstance(value, ndarray) else "fill"
        launch(name, arrays_in([unwrapped(value)]), [target])

    def fill(self, value: Any) -> None:
        self[...] = value

    # These return views, which cost nothing.

    @property
    def T(self) -> "ndarray":
        return self.transpose()

    def transpose(self, *axes: Any) -> "ndarray":
        return ndarray(self.memory.transpose(*axes))

    def swapaxes(self, one: int, other: int) -> "ndarray":
        return ndarray(self.memory.swapaxes(one, other))

    def view(self, dtype: Any) -> "ndarray":
        return ndarray(self.memory.view(dtype))

    def reshape(self, *shape: Any) -> "ndarray":
        """A view where there can be one, else a copy."""
        result = self.memory.reshape(*shape)
        if not numpy.shares_memory(result, self.memory) and self.size:
            made([result], lambda: [self.memory.reshape(*shape)])
            launch("copy to reshape", [self.memory], [result])
        return ndarray(result)

    def ravel(self) -> "ndarray":
        return self.reshape(-1)


def device_only(*operands: Any) -> None:
    """TypeError unless all operands are device arrays or numbers."""
    for x in operands:
        if not isinstance(x, (ndarray, numbers.Number, numpy.generic)):
            raise TypeError(
                f"Unsupported type {type(x)}: move it to the device with minialex.backend.to_device"
            )


def unwrapped(x: Any) -> Any:
    """The host array in a device array, also within tuples and lists; anything else unchanged."""
    if isinstance(x, ndarray):
        return x.memory
    if isinstance(x, tuple | list):
        return type(x)(map(unwrapped, x))
    return x


def wrapped(result: Any) -> Any:
    """A device array over a host array or number, also within tuples; anything else unchanged."""
    if isinstance(result, numpy.ndarray | numpy.generic):
        return ndarray(numpy.asarray(result))
    if isinstance(result, tuple | list):
        return type(result)(map(wrapped, result))
    return result


def arrays_in(x: Any) -> list[numpy.ndarray]:
    """The host arrays within unwrapped arguments or results."""
    if isinstance(x, numpy.ndarray):
        return [x]
    if isinstance(x, dict):
        x = list(x.values())
    return [a for item in x for a in arrays_in(item)] if isinstance(x, tuple | list) else []
