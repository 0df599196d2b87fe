"""Index arrays on a device: they wrap around, and an index that occurs twice is a race."""

from typing import Any

import numpy

from minialex.standin import machine
from minialex.standin.on_device import OnDevice


def wrapping(key: Any, shape: tuple[int, ...]) -> tuple[Any, bool]:
    """(the key for NumPy, whether it holds arrays). Indices past the end wrap around, as on a GPU.

    TypeError for host arrays and lists as indices.
    """
    keys = key if isinstance(key, tuple) else (key,)
    for k in keys:
        if isinstance(k, numpy.ndarray | list):
            raise TypeError(
                f"an index of type {type(k)} would be uploaded at each use: move it to the device"
            )
    if not any(isinstance(k, OnDevice) for k in keys):
        return key, False
    taken = [
        k.memory.ndim if isinstance(k, OnDevice) and k.dtype == bool else int(k is not None)
        for k in keys
        if k is not ...
    ]
    result: list[Any] = []
    axis = 0
    for k in keys:
        if k is ...:
            axis += len(shape) - sum(taken)
            result.append(k)
            continue
        if isinstance(k, OnDevice) and k.dtype.kind in "iu":
            k = k.memory % shape[axis]
        elif isinstance(k, OnDevice):
            machine.wait()  # the number of true values decides the result's shape
            axis += k.ndim - 1
            k = k.memory
        axis += k is not None
        result.append(k)
    return tuple(result), True


def check_each_once(at: Any, shape: tuple[int, ...]) -> None:
    """ValueError if the key for NumPy chooses a place twice: a value assigned there is lost."""
    number = numpy.arange(numpy.prod(shape, dtype=int)).reshape(shape)[at]
    if number.size != numpy.unique(number).size:
        raise ValueError(
            "assignment through an index that occurs twice: on a GPU either value may win"
        )
