"""What each layer makes of one picture: its feature maps, from the edges of conv1 to the answer."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy

from minialex import backend, figures
from minialex.errors import InputError
from minialex.inference import TrainedNetwork
from minialex.layers import Conv2d, Dropout, Flatten, Linear, LocalResponseNorm
from minialex.network import Network
from minialex.prediction import probabilities, top_k
from minialex.visualize.filters import tiles
from minialex.visualize.subjects import Subjects, captions

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: The number of maps in a row, and the width in pixels that each has at least.
MAPS, PIXELS = 12, 96


def draw(trained: TrainedNetwork, chosen: Subjects, layers: Sequence[str] = ()) -> bytes:
    """The PNG.

    chosen: a single picture. layers: their names (default: the activations and pools). InputError
    if the network has no such layer.
    """
    layers = layers or activations_and_pools(trained.network)
    check_layers(trained, layers)
    outputs = activations(trained.network, trained.standardize(chosen.pictures))
    said = probabilities(trained, chosen.pictures)
    best = top_k(said[0], 5)
    (caption,) = captions(trained, chosen, said, best[:1])
    shown = {name: outputs[name][0] for name in layers}
    return features(
        chosen.pictures[0],
        caption,
        shown,
        [(trained.class_names[k], float(said[0, k])) for k in best],
    )


def check_layers(trained: TrainedNetwork, layers: Sequence[str]) -> None:
    """InputError unless the network has layers of these names."""
    for name in layers:
        if name not in trained.network.layers:
            known = ", ".join(trained.network.layers)
            raise InputError(f"{trained.model} has no layer {name}, only {known}")


def activations_and_pools(network: Network) -> list[str]:
    """The names of the activations and pools; a layer of your own counts as one of them. If there
    is none, those of the convolutions and linear layers."""
    others = (Conv2d, Linear, LocalResponseNorm, Dropout, Flatten)
    layers = network.layers.items()
    found = [name for name, layer in layers if not isinstance(layer, others)]
    return found or [name for name, layer in layers if isinstance(layer, Conv2d | Linear)]


def activations(network: Network, x: numpy.ndarray) -> dict[str, numpy.ndarray]:
    """The output of every layer for the pictures x (N, H, W, C): name -> (N, …), on the host."""
    outputs, x = {}, backend.to_device(x, backend.of(next(iter(network.params.values()))))
    for name, layer in network.layers.items():
        x = layer.forward(x)
        outputs[name] = backend.to_host(x).copy()
    return outputs


def strongest(maps: numpy.ndarray, count: int) -> numpy.ndarray:
    """The numbers of the `count` maps of (H, W, C) with the largest mean absolute values.

    The largest comes first.
    """
    return numpy.argsort(-abs(maps).mean(axis=(0, 1)), kind="stable")[:count]


def as_strip(units: numpy.ndarray) -> numpy.ndarray:
    """The units (n,) of a linear layer as a picture (h, w), in reading order.

    Its proportions are about those of a row of maps.
    """
    height = max(1, round((len(units) / MAPS) ** 0.5))
    while len(units) % height:
        height -= 1
    return units.reshape(height, -1)


@figures.drawing
def features(
    picture: numpy.ndarray,
    caption: figures.Caption,
    outputs: dict[str, numpy.ndarray],
    best: list[tuple[str, float]],
) -> "Figure":
    """The picture, the most probable classes, and a row for each layer.

    picture: uint8 (S, S, C). outputs: a layer's name -> maps (H, W, C) or units (n,). best: classes
    with their probabilities. Each row has its own colour scale, which starts at 0 if no number is
    negative.
    """
    width, side, left, above, row = 12.0, 1.7, 1.3, 2.8, 1.12  # inches
    height = above + row * len(outputs)
    title = f"What each layer makes of the picture: its {MAPS} strongest maps, numbered from 0"
    figure = figures.plain_figure(width, height, title)
    shown = figures.axes_at(figure, left, 0.55, side, side)
    shown.axis("off")
    figures.show(shown, picture)
    figures.write_below(shown, caption)
    draw_answers(figures.axes_at(figure, left + side + 2.4, 0.75, 4.5, side - 0.4), best)
    for number, (name, output) in enumerate(outputs.items()):
        top = above + row * number
        maps = figures.axes_at(figure, left, top, width - left - 1.0, row - 0.28)
        bar = figures.axes_at(figure, width - 0.85, top, 0.12, row - 0.28)
        draw_row(maps, bar, output)
        what = "×".join(map(str, output.shape)) if output.ndim > 1 else f"{len(output):,} units"
        figure.text(
            figures.MARGIN / width,
            1 - (top + 0.42) / height,
            f"{name}\n{what}",
            va="center",
            fontsize=9,
        )
    return figure


def draw_answers(axes: "Axes", best: list[tuple[str, float]]) -> None:
    """Draws bars for the most probable classes."""
    from matplotlib.ticker import PercentFormatter

    names = [figures.shortened(name, 26) for name, _ in best]
    bars = axes.barh(range(len(best)), [p for _, p in best], color="C0")
    axes.bar_label(bars, [f"{p:.1%}" for _, p in best], padding=3, fontsize=8.5)
    axes.set_yticks(range(len(best)), names)
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.5, 1])
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_title("probability of the class", loc="left")


def draw_row(axes: "Axes", bar_axes: "Axes", output: numpy.ndarray) -> None:
    """Draws the strongest maps of (H, W, C) with their numbers, or all units of (n,) as a strip.

    The colour bar goes to `bar_axes`.
    """
    axes.axis("off")
    low, high = float(output.min()), float(output.max())
    scale = dict(cmap="viridis", vmin=0, vmax=high or 1)
    if low < 0:
        scale = dict(cmap="RdBu_r", vmin=-max(high, -low), vmax=max(high, -low))
    if output.ndim == 1:
        image = axes.imshow(as_strip(output), aspect="auto", interpolation="nearest", **scale)
    else:
        numbers = strongest(output, MAPS)
        laid = tiles(output[..., numbers].transpose(2, 0, 1)[..., None], MAPS, PIXELS)[..., 0]
        image = axes.imshow(laid, **scale)
        axes.set_anchor("W")
        for place, number in enumerate(numbers):
            middle = (place + 0.5) / MAPS * laid.shape[1]
            axes.annotate(
                f"{number}",
                (middle, 0),
                xytext=(0, 2),
                textcoords="offset points",
                ha="center",
                fontsize=7,
            )
    bar = axes.figure.colorbar(image, cax=bar_axes)
    bar.ax.tick_params(labelsize=7)
    bar.ax.locator_params(nbins=3)
