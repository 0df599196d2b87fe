"""Receptive fields: which pixels, and which units of each layer before it, a unit depends on."""

from collections.abc import Sequence

from minialex.layers import (
    AvgPool2d,
    Conv2d,
    Dropout,
    Layer,
    LocalResponseNorm,
    MaxPool2d,
    ReLU,
    Sigmoid,
    Tanh,
)

#: Rows and columns, each from the first to the one behind the last: (top, bottom, left, right).
Field = tuple[int, int, int, int]

#: Layers whose unit at a place depends on its input at that place alone.
IN_PLACE = (LocalResponseNorm, ReLU, Tanh, Sigmoid, Dropout)


def window(layer: Conv2d | MaxPool2d | AvgPool2d, i: int, j: int) -> Field:
    """The window of a convolution or a pool for its unit in row i, column j. It may begin before
    its input, or end behind it, in the padding."""
    padding = getattr(layer, "padding", 0)
    top, left = i * layer.stride - padding, j * layer.stride - padding
    return top, top + layer.kernel_size, left, left + layer.kernel_size


def fields(layers: Sequence[tuple[str, Layer]], unit: Sequence[int]) -> dict[str, Field | None]:
    """What a unit of the last of these layers depends on: for each layer, by the name of the one
    before it ("" for the picture), the units of its input.

    unit: (row, column, channel), or (number,) for a vector. None stands for all units, as where a
    linear layer comes between, or one whose reach is not known.
    """
    field: Field | None = None
    if len(unit) == 3:
        i, j, _ = unit
        field = (i, i + 1, j, j + 1)
    found: dict[str, Field | None] = {}
    before = ["", *[name for name, _ in layers]]
    for number in reversed(range(len(layers))):
        _, layer = layers[number]
        if field and isinstance(layer, Conv2d | MaxPool2d | AvgPool2d):
            top, bottom, left, right = field
            first, last = window(layer, top, left), window(layer, bottom - 1, right - 1)
            field = (first[0], last[1], first[2], last[3])
        elif not isinstance(layer, IN_PLACE):
            field = None
        found[before[number]] = field
    return found
