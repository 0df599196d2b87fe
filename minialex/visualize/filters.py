"""The first convolution's kernels as small pictures, like figure 3 of the paper."""

from typing import TYPE_CHECKING

import numpy

from minialex import backend, figures
from minialex.errors import InputError
from minialex.inference import TrainedNetwork
from minialex.layers import Conv2d
from minialex.network import Network

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: The number of kernels in a row, as in the paper, and the width in pixels that each has at least.
COLUMNS, PIXELS = 16, 48

#: The colour between grey kernels, which may be white or black themselves.
GAP = "#9db4d0"


def draw(trained: TrainedNetwork) -> bytes:
    """The PNG; InputError as first_convolution says."""
    layer, weight, towers = first_convolution(trained.network)
    return filters(weight, towers, f"{layer} of {trained.model}")


def first_convolution(network: Network) -> tuple[str, numpy.ndarray, int]:
    """The first convolution's name, its weight (O, KH, KW, C) on the host, and how many towers its
    kernels belong to.

    That is the number of groups of the next convolution: 2 in the paper's network, one per GPU.
    InputError if there is no convolution, or if it looks at other things than grey or red, green
    and blue.
    """
    found = [(name, layer) for name, layer in network.layers.items() if isinstance(layer, Conv2d)]
    if not found:
        raise InputError("the network has no convolution, so it has no filters to draw")
    (name, first), *others = found
    weight = backend.to_host(first.params["weight"])
    if weight.shape[3] not in (1, 3):
        expected = "only kernels over 1 channel or 3 can be drawn as pictures"
        raise InputError(f"{name} looks at {weight.shape[3]} channels: {expected}")
    return name, weight, others[0][1].groups if others else 1


def contrasted(weight: numpy.ndarray) -> numpy.ndarray:
    """Each kernel of (O, KH, KW, C) divided by its largest absolute weight: between −1 and 1.

    A kernel of zeros stays as it is.
    """
    largest = abs(weight).max(axis=(1, 2, 3), keepdims=True)
    return weight / numpy.where(largest > 0, largest, 1)


def tiles(maps: numpy.ndarray, columns: int, pixels: int) -> numpy.ndarray:
    """Maps (n, h, w, C) in rows of `columns`, with narrow gaps of NaN between them: (H, W, C).

    Each map is enlarged by a whole factor, to a width of at least `pixels`.
    """
    times = -(-pixels // maps.shape[2])
    maps = maps.repeat(times, axis=1).repeat(times, axis=2)
    n, h, w, c = maps.shape
    gap = -(-w // 16)
    rows = -(-n // columns)
    laid = numpy.full((rows * (h + gap) - gap, columns * (w + gap) - gap, c), numpy.nan, maps.dtype)
    for i, tile in enumerate(maps):
        top, left = i // columns * (h + gap), i % columns * (w + gap)
        laid[top : top + h, left : left + w] = tile
    return laid


@figures.drawing
def filters(weight: numpy.ndarray, towers: int, name: str) -> "Figure":
    """The kernels of weight (O, KH, KW, C), C = 1 or 3, in rows of 16: one block per tower."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    o, kernel_height, kernel_width, channels = weight.shape
    columns = min(COLUMNS, o // towers)
    blocks = [tiles(part, columns, PIXELS) for part in numpy.split(contrasted(weight), towers)]
    inch = blocks[0].shape[1] / (0.58 * columns)  # in pixels of the block
    above, below = 0.5 if towers == 1 else 0.72, 0.85 if channels == 1 else 0.35
    width = max(5.0, 2 * figures.MARGIN + blocks[0].shape[1] / inch)
    height = above + sum(len(block) / inch + 0.32 for block in blocks) + below
    figure = figures.plain_figure(
        width, height, f"{o} kernels {kernel_height}×{kernel_width}×{channels}: {name}"
    )
    top = above
    for number, block in enumerate(blocks, 1):
        axes = figures.axes_at(
            figure, figures.MARGIN, top, block.shape[1] / inch, len(block) / inch
        )
        axes.axis("off")
        if channels == 3:
            opaque = ~numpy.isnan(block[..., :1])
            axes.imshow(numpy.concatenate([numpy.nan_to_num(0.5 + block / 2), opaque], axis=2))
        else:
            with_gaps = colormaps["gray"].with_extremes(bad=GAP)
            axes.imshow(block[..., 0], cmap=with_gaps, vmin=-1, vmax=1)
        if towers > 1:
            axes.set_title(f"tower {number}", loc="left", pad=3)
        top += len(block) / inch + 0.32
    if channels == 3:
        scale = "mid-grey: a weight of 0; full contrast: the kernel's largest weight"
        figure.text(figures.MARGIN / width, 0.15 / height, scale)
    else:
        bar = figures.axes_at(figure, 0.25, height - 0.74, 3.5, 0.12)
        figure.colorbar(
            ScalarMappable(Normalize(-1, 1), "gray"),
            cax=bar,
            orientation="horizontal",
            ticks=(-1, 0, 1),
        )
        bar.set_xlabel("weight, as a share of the kernel's largest", loc="left")
    return figure
