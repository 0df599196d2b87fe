"""Which numbers a network can have as weights."""

import numpy

FLOAT32 = numpy.dtype(numpy.float32)


def wrong_numbers(array: numpy.ndarray, kind: numpy.dtype = FLOAT32) -> str | None:
    """Why the array cannot become weights of this `kind` of numbers, in a few words; None if it
    can."""
    if array.dtype.kind != "f":
        return f"{array.dtype} numbers, expected floating-point numbers"
    if not array.size:
        return None
    extremes = numpy.array([array.min(), array.max()])  # NaN if one of the numbers is
    if not numpy.isfinite(extremes).all():
        return "NaN or infinity"
    with numpy.errstate(over="ignore"):
        fit = numpy.isfinite(extremes.astype(kind)).all()
    return None if fit else f"{extremes[abs(extremes).argmax()]:g}, too large for {kind}"
