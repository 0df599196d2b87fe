"""Where one unit's number comes from: the numbers that its layer computes it from, and how."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy

from minialex.errors import InputError
from minialex.explore.fields import reach, window
from minialex.explore.view import View, laid_out
from minialex.layers import (
    AvgPool2d,
    Conv2d,
    Dropout,
    Flatten,
    Layer,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    ReLU,
    Sigmoid,
    Tanh,
)
from minialex.layers.im2col import pad
from minialex.twin import is_shipped

#: How many inputs of a linear unit are named one by one.
MOST_INPUTS = 24


@dataclass
class Explanation:
    """Where a unit's number comes from.

    about    for JSON: "layer", "unit", "kind", "fields" and "unknown" (see fields.Reach), and what
             the kind needs
    arrays   by name: the "value", and the numbers that it comes from
    """

    about: dict[str, Any]
    arrays: dict[str, numpy.ndarray] = field(default_factory=dict)


def explain(view: View, name: str, unit: Sequence[int]) -> Explanation:
    """Where the number of one unit of the layer called `name` comes from.

    unit: (row, column, channel), or (number,) for a vector and for what is laid out as one.
    InputError if there is no such unit.
    """
    if name not in view.layers:
        raise InputError(f"there is no layer {name!r}")
    x, y = view.input_of(name)[0], view.outputs[name][0]
    unit, shape = tuple(unit), laid_out(y.shape)
    if len(unit) != len(shape) or any(i >= n for i, n in zip(unit, shape, strict=True)):
        raise InputError(f"{name} has units of the shape {shape}, got the place {unit}")
    place = unit if len(unit) == y.ndim else tuple(unravelled(unit[0], y.shape))
    originals = list(view.trained.network.layers.items())
    until = originals[: list(view.layers).index(name) + 1]
    found = of_kind(until[-1][1], x, y, place)
    seen = reach(until, view.trained.network.input_shape, unit)
    found.about |= {"layer": name, "unit": unit, "fields": seen.fields, "unknown": seen.unknown}
    found.arrays["value"] = y[place]
    return found


def of_kind(layer: Layer, x: numpy.ndarray, y: numpy.ndarray, unit: tuple[int, ...]) -> Explanation:
    """The explanation that the kind of layer needs. x, y: its input and its output, without N."""
    if not is_shipped(layer):
        return Explanation({"kind": "other"}, {"x": x[unit]} if x.shape == y.shape else {})
    match layer:
        case Conv2d():
            return of_convolution(layer, x, unit)
        case MaxPool2d() | AvgPool2d():
            return of_pool(layer, x, y, unit)
        case LocalResponseNorm():
            return of_normalisation(layer, x, unit)
        case Linear():
            return of_linear(layer, x, unit)
        case Flatten():
            return Explanation(
                {"kind": "flatten", "from": unravelled(unit[0], laid_out(x.shape))},
                {"x": x.ravel()[unit]},
            )
        case ReLU() | Tanh() | Sigmoid():
            return Explanation({"kind": "activation"}, {"x": x[unit]})
        case Dropout():
            return Explanation({"kind": "dropout", "p": layer.p}, {"x": x[unit]})
        case _:
            return Explanation({"kind": "other"}, {"x": x[unit]} if x.shape == y.shape else {})


def of_convolution(layer: Conv2d, x: numpy.ndarray, unit: tuple[int, ...]) -> Explanation:
    """The window (K, K, C), the kernel's weights (K, K, C), the bias; the sums of the products over
    the window by channel (C,), and over all of it."""
    i, j, o = unit
    top, _, left, _ = window(layer, i, j)
    weights = layer.params["weight"][o]  # (K, K, C / groups)
    channels = weights.shape[-1]
    first = o // (layer.out_channels // layer.groups) * channels
    row, column = top + layer.padding, left + layer.padding
    seen = pad(x[None], layer.padding)[
        0, row : row + layer.kernel_size, column : column + layer.kernel_size
    ][..., first : first + channels]
    products = seen.astype(numpy.float64) * weights
    arrays = {
        "window": seen,
        "weights": weights,
        "bias": layer.params["bias"][o],
        "sums": products.sum(axis=(0, 1)),
        "sum": products.sum(),
    }
    return Explanation(
        {"kind": "convolution", "top": top, "left": left, "channels": [first, first + channels]},
        arrays,
    )


def of_pool(
    layer: MaxPool2d | AvgPool2d, x: numpy.ndarray, y: numpy.ndarray, unit: tuple[int, ...]
) -> Explanation:
    """The window (K, K), NaN beyond the edge; of max-pooling, which pixel won, and of which other
    units' windows that pixel is a part, whether it won there, too, and whether it is as large as
    what won."""
    i, j, channel = unit
    top, bottom, left, right = window(layer, i, j)
    rows, columns = numpy.arange(top, bottom), numpy.arange(left, right)
    is_inside = numpy.outer(
        (rows >= 0) & (rows < x.shape[0]), (columns >= 0) & (columns < x.shape[1])
    )
    seen = numpy.full(is_inside.shape, numpy.nan, x.dtype)
    seen[is_inside] = x[max(top, 0) : bottom, max(left, 0) : right, channel].ravel()
    about: dict[str, Any] = {"kind": "mean pool", "top": top, "left": left, "channel": channel}
    if isinstance(layer, MaxPool2d):
        best = int(numpy.where(is_inside, seen, -math.inf).argmax())
        winner = (top + best // layer.kernel_size, left + best % layer.kernel_size)
        others = [
            {
                "unit": [row, column, channel],
                "wins": wins(layer, x, (row, column), winner, channel),
                "equal": bool(y[row, column, channel] == x[(*winner, channel)]),
            }
            for row, column in units_over(layer, winner, y.shape)
            if (row, column) != (i, j)
        ]
        about |= {"kind": "max pool", "winner": winner, "others": others}
    return Explanation(about, {"window": seen})


def units_over(
    layer: MaxPool2d, pixel: tuple[int, int], shape: tuple[int, ...]
) -> list[tuple[int, int]]:
    """The rows and columns of the units, of an output of `shape`, whose windows hold the pixel."""
    ranges = []
    for place, count in zip(pixel, shape[:2], strict=True):
        last = (place + layer.padding) // layer.stride
        first = math.ceil((place + layer.padding - layer.kernel_size + 1) / layer.stride)
        ranges.append(range(max(first, 0), min(last, count - 1) + 1))
    return [(row, column) for row in ranges[0] for column in ranges[1]]


def wins(
    layer: MaxPool2d,
    x: numpy.ndarray,
    unit: tuple[int, int],
    pixel: tuple[int, int],
    channel: int,
) -> bool:
    """Whether the pixel is the first largest in the window of the unit at this row and column."""
    top, bottom, left, right = window(layer, *unit)
    top, left = max(top, 0), max(left, 0)
    seen = x[top:bottom, left:right, channel]
    row, column = numpy.unravel_index(seen.argmax(), seen.shape)
    return (top + row, left + column) == pixel


def of_normalisation(
    layer: LocalResponseNorm, x: numpy.ndarray, unit: tuple[int, ...]
) -> Explanation:
    """The neighbours x_j in the window of channels, s, and the divisor s^β."""
    i, j, channel = unit
    in_group = x.shape[-1] // layer.groups
    begin = channel // in_group * in_group
    first = max(channel - layer.size // 2, begin)
    last = min(channel + layer.size // 2, begin + in_group - 1)
    neighbours = x[i, j, first : last + 1]
    s = layer.k + layer.alpha * (neighbours.astype(numpy.float64) ** 2).sum()
    about = {
        "kind": "normalisation",
        "first": first,
        "size": layer.size,
        "alpha": layer.alpha,
        "beta": layer.beta,
        "k": layer.k,
    }
    arrays = {"x": x[unit], "neighbours": neighbours, "s": s, "divisor": s**layer.beta}
    return Explanation(about, arrays)


def of_linear(layer: Linear, x: numpy.ndarray, unit: tuple[int, ...]) -> Explanation:
    """The inputs with the largest products, their weights, the sum of all other products, and the
    bias."""
    weights = layer.params["weight"][unit[0]]
    products = x.astype(numpy.float64) * weights
    largest = numpy.argsort(-abs(products), kind="stable")[:MOST_INPUTS]
    total = products.sum()
    arrays = {
        "x": x[largest],
        "weights": weights[largest],
        "rest": total - products[largest].sum(),
        "sum": total,
        "bias": layer.params["bias"][unit[0]],
    }
    about = {"kind": "linear", "inputs": largest.tolist(), "of": len(weights)}
    return Explanation(about, arrays)


def unravelled(number: int, shape: tuple[int, ...]) -> list[int]:
    """Where the number stood before all axes were laid end to end."""
    return [int(i) for i in numpy.unravel_index(number, shape)]
