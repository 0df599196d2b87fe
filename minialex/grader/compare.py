"""How a result of the learner's differs from the right one, and what the difference looks like."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy

from minialex.gradcheck import relative_errors

#: Relative difference below which two arrays are equal up to rounding.
CLOSE = 1e-6
#: The axes of activations and of weights.
AXES = ("picture", "row", "column", "channel")
WEIGHT_AXES = ("filter", "kernel row", "kernel column", "channel")


@dataclass
class Difference:
    """What is wrong with a result, in words; `wrong`, if its shape is right, is True where it is
    not the right number."""

    text: str
    wrong: numpy.ndarray | None = None


def form(name: str, got: object, shape: tuple[int, ...] | None) -> str | None:
    """What to say if `got` is not an array of floating-point numbers; None if it is.

    shape: the shape that it must have; None allows any.
    """
    if got is None:
        return f"{name} is None." + " Is a `return` missing?" * (
            name in ("y", "dx", "loss", "dlogits")
        )
    if not isinstance(got, numpy.ndarray | numpy.number | float | int):
        return f"{name} is a {type(got).__name__}, expected a NumPy array."
    if shape is not None and numpy.shape(got) != shape:
        return f"{name} has the shape {numpy.shape(got)}, expected {shape}."
    if numpy.asarray(got).dtype.kind != "f":
        return f"{name} holds {numpy.asarray(got).dtype}, expected floating-point numbers."
    return None


def difference(
    place: Callable[[str, tuple[int, ...]], str],
    name: str,
    got: object,
    right: numpy.ndarray | tuple,
    tolerance: float,
    judge: str,
    least: float = 0.0,
) -> Difference | None:
    """What is wrong with `got`, called `name`; None if nothing is.

    place: writes one number of it, as in "dx[0, 1]". tolerance: the relative error from which a
    number is wrong. judge: the words that introduce the right number. least: errors of numbers that
    are smaller are relative to this.
    """
    if isinstance(right, tuple):
        return (
            None
            if same(got, right, tolerance)
            else Difference(f"{name} is {got}, {judge} {right}.")
        )
    fault = form(name, got, numpy.shape(right))
    if not fault and isinstance(got, numpy.ndarray) and got.dtype.itemsize < 8:
        fault = (
            f"{name} is {got.dtype} although the input was float64. Give new arrays the dtype of "
            "the input."
        )
    if fault:
        return Difference(fault)
    got, right = numpy.asarray(got), numpy.asarray(right)
    typical = max(float(numpy.abs(right).mean()), least) if right.size else least
    wrong = relative_errors(got, right, typical) >= tolerance
    if not wrong.any():
        return None
    first = tuple(int(i) for i in numpy.argwhere(wrong)[0])
    digits = next(
        (
            n
            for n in range(3 if tolerance > 0.01 else 6, 17)
            if f"{got[first]:.{n}g}" != f"{right[first]:.{n}g}"
        ),
        17,
    )
    text = f"{place(name, first)} is {got[first]:.{digits}g}, {judge} {right[first]:.{digits}g}."
    if wrong.size > 2:
        text += f" Wrong: {wrong.sum()} of {wrong.size} numbers."
    return Difference(text, wrong)


def same(a: object, b: object, tolerance: float) -> bool:
    """Whether two results agree, to a relative tolerance; equal infinities agree, and NaNs."""
    if isinstance(a, tuple | list) or isinstance(b, tuple | list):
        sizes = [tuple(size) if isinstance(size, tuple | list) else None for size in (a, b)]
        return sizes[0] == sizes[1] and all(
            isinstance(size, int | numpy.integer) for size in sizes[0]
        )
    if form("", a, None) or form("", b, None) or numpy.shape(a) != numpy.shape(b):
        return False
    a, b = numpy.asarray(a), numpy.asarray(b)
    finite = numpy.isfinite(a) & numpy.isfinite(b)
    if not numpy.array_equal(a[~finite], b[~finite], equal_nan=True):
        return False
    return not finite.any() or bool((relative_errors(a[finite], b[finite]) < tolerance).all())


def hints(name: str, got: numpy.ndarray, right: numpy.ndarray, wrong: numpy.ndarray) -> list[str]:
    """What a wrong array has in common with the right one, of the same shape, in sentences."""
    if not numpy.isfinite(got).all():
        return ["Some numbers are infinite or NaN."]
    if not got.any():
        return ["It is 0 everywhere."]
    factor, added = (got * right).sum() / max((right * right).sum(), 1e-300), (got - right).mean()
    if same(got, -right, CLOSE):
        return ["The sign is wrong everywhere."]
    if got.size > 1 and same(got, factor * right, CLOSE):
        return [f"Every number is {factor:.6g} times what it should be."]
    if got.size > 1 and same(got, right + added, CLOSE):
        return [f"Every number is {abs(added):.6g} too {'large' if added > 0 else 'small'}."]
    for first in range(right.ndim):
        for second in range(first + 1, right.ndim):
            if same(got, numpy.swapaxes(right, first, second), CLOSE):
                return [f"It would be right with axes {first} and {second} swapped."]
    return [] if wrong.all() else where(name, wrong)


def where(name: str, wrong: numpy.ndarray) -> list[str]:
    """Where the wrong numbers are, if they are not everywhere, in sentences."""
    if (
        name in ("y", "dx")
        and wrong.ndim == 4
        and not wrong[:, 1:-1, 1:-1].any()
        and wrong[:, 1:-1, 1:-1].size
    ):
        return ["It is wrong only in the first and last rows and columns."]
    found = []
    for axis, size in enumerate(wrong.shape):
        others = tuple(other for other in range(wrong.ndim) if other != axis)
        hit = numpy.flatnonzero(wrong.any(axis=others))
        if len(hit) < size:
            numbers, several = ", ".join(map(str, hit)), len(hit) > 1
            if wrong.ndim == 4:
                axis_name = (WEIGHT_AXES if name == "dweight" else AXES)[axis]
                place = f"{axis_name}{'s' * several} {numbers}"
            else:
                place = f"{'indices' if several else 'index'} {numbers} of axis {axis}"
            found.append(f"It is wrong only in {place}.")
    return found
