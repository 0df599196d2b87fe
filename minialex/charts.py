"""The charts that several commands draw: training curves and the confusion matrix.

Each function returns a finished PNG; see figures.drawing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy

from minialex.figures import PAPER, drawing, new_figure, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

#: A confusion matrix shows its counts up to this many classes, and the class names up to this many.
WITH_NUMBERS, WITH_NAMES = 20, 100

#: Up to so many letters of a run's name are in the legend.
LEGEND = 60


@drawing
def curves(runs: dict[str, list[dict]], quantities: Sequence[str] = ("loss", "accuracy")) -> Figure:
    """The runs' loss and accuracy, or one of the two, over the epochs.

    runs: {name: lines of its metrics.jsonl}. One run has a legend for training and test; several
    have a colour each, with training dashed.
    """
    figure = new_figure(5 * len(quantities), 4.0 + 0.2 * (len(runs) > 1) * -(-len(runs) // 2))
    for axes, quantity in zip(
        figure.subplots(1, len(quantities), squeeze=False)[0], quantities, strict=True
    ):
        draw_curves(axes, runs, quantity)
    if len(runs) > 1:
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def draw_curves(axes: Axes, runs: dict[str, list[dict]], quantity: str) -> None:
    """Draws the "loss" or "accuracy" of the runs, with training dashed and test solid."""
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    one = len(runs) == 1
    for number, (name, epochs) in enumerate(runs.items()):
        name = shortened(name, LEGEND)
        numbers = [epoch["epoch"] for epoch in epochs]
        for split, style in (("train", "o--"), ("test", "o-")):
            values = [epoch[f"{split}_{quantity}"] for epoch in epochs]
            if one:
                label = "training" if split == "train" else "test"
            else:
                label = name if split == "test" else None
            colour = f"C{int(split == 'train') if one else number % 10}"
            axes.plot(numbers, values, style, color=colour, markersize=3, label=label)
    unit = {"loss": "cross-entropy, nats per picture", "accuracy": "correct answers"}[quantity]
    axes.set(
        title=quantity.capitalize() + ("" if one else " (training dashed, test solid)"),
        xlabel="epoch",
        ylabel=unit,
    )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if quantity == "accuracy":
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.grid()
    if one:
        axes.legend()


@drawing
def confusion(
    matrix: numpy.ndarray, class_names: Sequence[str], title: str = "Confusion matrix"
) -> Figure:
    """The confusion matrix: int (classes, classes), true classes in rows, answers in columns.

    Colours are shares of a row. With few classes the cells also show the counts. With many, the
    colour scale follows the square root of the share, so that more than the diagonal is visible.
    """
    from matplotlib.colors import PowerNorm
    from matplotlib.ticker import PercentFormatter

    classes, few = len(matrix), len(matrix) <= WITH_NUMBERS
    shares = matrix / numpy.maximum(matrix.sum(axis=1, keepdims=True), 1)
    side = 2.2 + 0.45 * max(classes, 6) if few else 12
    figure = new_figure(side + 1, side)
    figure.suptitle(title)
    axes = figure.subplots()
    image = axes.imshow(
        shares, cmap=blues(), norm=PowerNorm(1 if few else 0.5, 0, 1), interpolation="nearest"
    )
    axes.set(xlabel="answer", ylabel="true class")
    if classes <= WITH_NAMES:
        names, size = [shortened(name, 16) for name in class_names], 10.5 if few else 6
        axes.set_xticks(
            range(classes),
            names,
            rotation=45 if few else 90,
            ha="right" if few else "center",
            fontsize=size,
        )
        axes.set_yticks(range(classes), names, fontsize=size)
    else:
        axes.set(xlabel="answer (class number)", ylabel="true class (number)")
    if few:
        luminance = image.to_rgba(shares)[..., :3] ** 2.2 @ (0.2126, 0.7152, 0.0722)
        for (row, column), count in numpy.ndenumerate(matrix):
            if count:
                ink = "black" if luminance[row, column] > 0.18 else "white"
                axes.text(
                    column, row, f"{count:,}", ha="center", va="center", color=ink, fontsize=10
                )
    bar = figure.colorbar(image, ax=axes, shrink=0.8, format=PercentFormatter(1.0))
    bar.set_label("share of the pictures of the true class")
    return figure


def blues() -> Colormap:
    """White to dark blue; on a dark page, from the page's colour to light blue."""
    import matplotlib
    from matplotlib.colors import LinearSegmentedColormap

    if matplotlib.rcParams["figure.facecolor"] == PAPER:
        return LinearSegmentedColormap.from_list("blues", [PAPER, "#1d4f8b", "#9fd0ff"])
    return LinearSegmentedColormap.from_list("blues", ["#ffffff", "#5a9bd8", "#08306b"])
