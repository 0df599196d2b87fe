"""Which names CuPy has, and which arguments its functions take.

Where CuPy is not installed, the stand-in offers all of NumPy's names.
"""

import functools
import inspect
from typing import Any

import numpy

from minialex import backend

cupy = backend.installed_cupy()

#: Arguments that CuPy's functions lack or interpret differently, for those without a signature.
REFUSED = ("where", "initial", "subok", "writeable", "like", "mode", "order")


def of_cupy(name: str) -> Any:
    """CuPy's function of that name; None without CuPy."""
    return getattr(cupy, name, None)


def method_of_cupy(name: str) -> Any:
    """CuPy's method of an array of that name; None without CuPy."""
    return getattr(cupy.ndarray, name, None) if cupy else None


def check_arguments(name: str, known: Any, args: Any, kwargs: dict[str, Any]) -> None:
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
def signature_of(known: Any) -> inspect.Signature | None:
    """The signature of a function; None where there is no CuPy, or it is C without a signature."""
    try:
        return inspect.signature(known)
    except (TypeError, ValueError):
        return None
