"""Receptive fields: which pixels, and which units of each layer before it, a unit depends on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy

from minialex.layers import (
    AvgPool2d,
    Conv2d,
    Dropout,
    Flatten,
    Layer,
    LocalResponseNorm,
    MaxPool2d,
    ReLU,
    Sigmoid,
    Tanh,
)
from minialex.twin import is_shipped

#: Rows and columns, each from the first to the one behind the last: (top, bottom, left, right).
Field = tuple[int, int, int, int]

#: What a unit depends on that depends on nothing: its windows lie in the padding.
NOTHING = (0, 0, 0, 0)

#: Layers whose unit at a place depends on its input at that place alone.
IN_PLACE = (LocalResponseNorm, ReLU, Tanh, Sigmoid, Dropout)


def window(layer: Conv2d | MaxPool2d | AvgPool2d, i: int, j: int) -> Field:
    """The window of a convolution or a pool for its unit in row i, column j. It may begin before
    its input, or end behind it, in the padding."""
    padding = getattr(layer, "padding", 0)
    top, left = i * layer.stride - padding, j * layer.stride - padding
    return top, top + layer.kernel_size, left, left + layer.kernel_size


@dataclass
class Reach:
    """What a unit depends on.

    fields   by the name of a layer ("" for the picture), which of its units; None stands for all,
             and for those of a vector
    unknown  the layer of the reader's own behind which it is not known, and may be less; None if
             there is none
    """

    fields: dict[str, Field | None]
    unknown: str | None = None


def reach(
    layers: Sequence[tuple[str, Layer]], shape: tuple[int, ...], unit: Sequence[int]
) -> Reach:
    """What a unit of the last of these layers depends on in the picture and in each layer before.

    shape: of the picture, (H, W, C). unit: (row, column, channel), or (number,) for a vector.
    """
    field: Field | None = None
    number: int | None = None  # of the one unit of a vector
    if len(unit) == 3:
        field = at(*unit[:2])
    else:
        (number,) = unit
    found = Reach({})
    inputs = [("", shape)]
    for name, layer in layers:
        inputs.append((name, layer.output_shape(inputs[-1][1])))
    for (name, layer), (before, size) in reversed(list(zip(layers, inputs, strict=False))):
        if not is_shipped(layer):
            if field or number is not None:
                found.unknown = name
            field = number = None
        elif isinstance(layer, IN_PLACE):
            pass
        elif field and isinstance(layer, Conv2d | MaxPool2d | AvgPool2d):
            field = before_windows(layer, field, size)
        elif number is not None and isinstance(layer, Flatten):
            if len(size) == 3:
                i, j, _ = map(int, numpy.unravel_index(number, size))
                field, number = at(i, j), None
        else:
            field = number = None
        found.fields[before] = field
    return found


def at(i: int, j: int) -> Field:
    """The field that is one place."""
    return i, i + 1, j, j + 1


def before_windows(
    layer: Conv2d | MaxPool2d | AvgPool2d, field: Field, shape: tuple[int, ...]
) -> Field:
    """What of an input of `shape` lies in the windows of the units in the field."""
    top, bottom, left, right = field
    if field == NOTHING:
        return NOTHING
    first, last = window(layer, top, left), window(layer, bottom - 1, right - 1)
    rows = max(first[0], 0), min(last[1], shape[0])
    columns = max(first[2], 0), min(last[3], shape[1])
    if rows[0] >= rows[1] or columns[0] >= columns[1]:
        return NOTHING
    return (*rows, *columns)
