"""The device's memory: which array lies at an address, and which part of it."""

import math
import threading
import weakref
from collections.abc import MutableMapping
from typing import Any, NamedTuple

import numpy


class Span(NamedTuple):
    """Where in the memory of which array (a weak reference), by addresses."""

    whole: Any
    start: int
    end: int

    def overlaps(self, other: "Span") -> bool:
        here = self.start < other.end and other.start < self.end
        return here and self.whole() is not None and self.whole() is other.whole()


#: The arrays that live on the device, by their addresses.
owners: MutableMapping[int, numpy.ndarray] = weakref.WeakValueDictionary()
owners_lock = threading.Lock()


def register(memory: numpy.ndarray) -> None:
    """From now on the array that this is a part of lives on the device."""
    whole = owner(memory)
    with owners_lock:
        owners[whole.ctypes.data] = whole


def owner(memory: numpy.ndarray) -> numpy.ndarray:
    """The array whose memory this one is a view of, or itself."""
    while isinstance(memory.base, numpy.ndarray):
        memory = memory.base
    return memory


def owner_at(address: int, dtype: Any) -> "weakref.ref[numpy.ndarray]":
    """The array in which the address lies. RuntimeError if there is none, or it has another
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


def span(memory: numpy.ndarray) -> Span:
    """Where the memory is."""
    whole = owner(memory)
    start, end = numpy.lib.array_utils.byte_bounds(memory)
    if whole.base is not None:  # cuBLAS was given an address
        return Span(owner_at(start, memory.dtype), start, end)
    return Span(weakref.ref(whole), start, end if memory.size else start)


def fill_with_garbage(memory: numpy.ndarray) -> None:
    """NaN, or the byte 0xAA in integers."""
    if memory.dtype.kind in "fc":
        memory[...] = math.nan
    elif memory.dtype == bool:
        memory[...] = True
    else:
        memory[...] = numpy.frombuffer(b"\xaa" * memory.itemsize, memory.dtype)[0]
