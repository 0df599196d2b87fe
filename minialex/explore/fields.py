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


def is_shipped(layer: Layer) -> bool:
    """Whether the layer is one of minialex's, and not the reader's own or derived from one."""
    return type(layer).__module__.startswith("minialex.layers.")


def fields(
    layers: Sequence[tuple[str, Layer]], shape: tuple[int, ...], unit: Sequence[int]
) -> dict[str, Field | None]:
    """What a unit of the last of these layers depends on: for each layer, by the name of the one
    before it ("" for the picture), the units of its input.

    shape: of the picture, (H, W, C). unit: (row, column, channel), or (number,) for a vector. None
    stands for all units, as where a linear layer comes between, or one whose reach is not known.
    """
    field: Field | None = None
    if len(unit) == 3:
        i, j, _ = unit
        field = (i, i + 1, j, j + 1)
    found: dict[str, Field | None] = {}
    inputs = [("", shape)]
    for name, layer in layers:
        inputs.append((name, layer.output_shape(inputs[-1][1])))
    for (_, layer), (before, size) in reversed(list(zip(layers, inputs, strict=False))):
        if not is_shipped(layer):
            field = None
        elif field and isinstance(layer, Conv2d | MaxPool2d | AvgPool2d):
            field = before_windows(layer, field, size)
        elif not isinstance(layer, IN_PLACE):
            field = None
        found[before] = field
    return found


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
