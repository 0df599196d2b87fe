"""Shared by all that is drawn: style, layout, contact sheets and maps over pictures.

A function decorated with `drawing` returns a finished PNG as bytes, on white or, with dark=True, on
a dark background.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
import re
import sys
import textwrap
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING

import numpy

from minialex.terminal import OBEYED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: matplotlib's settings for all figures.
STYLE = {
    "figure.dpi": 120,
    "figure.titlesize": 12,
    "figure.titleweight": "bold",
    "axes.titlesize": 10,
    "font.size": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "figure.constrained_layout.w_pad": 0.1,
    "figure.constrained_layout.h_pad": 0.08,
    "text.parse_math": False,  # class names may contain $
}

INK, PAPER = "#e6e6e6", "#17191c"
#: More settings, for dark figures.
DARK = {
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": INK,
}

#: The colours of captions for right and wrong answers.
RIGHT, WRONG = "#1a7f37", "#c62828"

#: The distance between the edge of a plain figure and its content, in inches.
MARGIN = 0.15

#: Lines of text with their colours; None is the default text colour.
Caption = Sequence[tuple[str, str | None]]


def drawing(draw: Callable[..., Figure]) -> Callable[..., bytes]:
    """A decorator for functions that return a matplotlib Figure: makes them return a PNG instead.

    The figure is drawn in minialex's style. The decorated function takes a further argument, dark.
    """

    @functools.wraps(draw)
    def png(*arguments, dark: bool = False, **named) -> bytes:
        with import_matplotlib().rc_context({**STYLE, **(DARK if dark else {})}):
            file = io.BytesIO()
            draw(*arguments, **named).savefig(file, format="png", metadata={"Software": "minialex"})
            return file.getvalue()

    return png


def import_matplotlib() -> ModuleType:
    """The module matplotlib, which takes a second to import, so that only drawing does.

    A picture in a file needs no backend, and MPLBACKEND may name one that is not installed: it is
    matplotlib's only if matplotlib knows it, in place of an error.
    """
    wanted = None if "matplotlib" in sys.modules else os.environ.pop("MPLBACKEND", None)
    try:
        import matplotlib
    finally:
        if wanted is not None:
            os.environ["MPLBACKEND"] = wanted
    if wanted:
        with contextlib.suppress(ValueError):
            matplotlib.rcParams["backend"] = wanted
    return matplotlib


def new_figure(width: float, height: float) -> Figure:
    """A matplotlib Figure with automatic layout, which makes room for all text; sizes in inches."""
    import_matplotlib()
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def plain_figure(width: float, height: float, title: str) -> Figure:
    """A matplotlib Figure with a title at the upper left, for use with axes_at; sizes in inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    figure.suptitle(title, x=MARGIN / width, y=1 - MARGIN / height, ha="left", va="top")
    return figure


def axes_at(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """New axes in a plain figure, in inches from its upper left corner."""
    across, down = figure.get_size_inches()
    return figure.add_axes(
        (left / across, 1 - (top + height) / down, width / across, height / down)
    )


@drawing
def sheet(
    pictures: numpy.ndarray, captions: Sequence[Caption], title: str, columns: int = 6
) -> Figure:
    """A contact sheet: pictures uint8 (N, S, S, C), each with its caption below it."""
    lines = max((len(caption) for caption in captions), default=0)
    figure, cells = grid(-(-len(pictures) // columns), columns, title, below=0.14 + 0.16 * lines)
    for axes, picture, caption in zip(cells.flat, pictures, captions, strict=False):
        show(axes, picture)
        write_below(axes, caption)
    return figure


@drawing
def overlays(
    pictures: numpy.ndarray,
    maps: numpy.ndarray,
    captions: Sequence[Caption],
    title: str,
    unit: str,
    shares: bool = False,
    colours: str = "inferno",
) -> Figure:
    """Pictures uint8 (N, S, S, C) and, below each, its map (S, S) in colour over the grey picture.

    Each map has a colour bar from 0 to its largest value, labelled `unit`. With `shares`, the
    values are shown as percentages, up to the next multiple of 5%.
    """
    from matplotlib.ticker import PercentFormatter

    columns = min(6, len(pictures))
    lines = max(len(caption) for caption in captions)
    figure, cells = grid(
        2 * -(-len(pictures) // columns),
        columns,
        title,
        size=1.9,
        below=0.32 + 0.16 * max(2, lines),
    )
    for i, (picture, heat, caption) in enumerate(zip(pictures, maps, captions, strict=True)):
        row, column = 2 * (i // columns), i % columns
        show(cells[row, column], picture)
        write_below(cells[row, column], caption)
        axes = cells[row + 1, column]
        axes.imshow(picture.mean(axis=2), cmap="gray", vmin=0, vmax=255)
        highest = numpy.ceil(20 * heat.max()) / 20 if shares else heat.max()
        image = axes.imshow(
            heat, cmap=colours, vmin=0, vmax=highest or 1, alpha=0.7, interpolation="nearest"
        )
        bar = figure.colorbar(
            image, cax=axes.inset_axes((0, -0.1, 0.88, 0.05)), orientation="horizontal"
        )
        bar.solids.set_alpha(1)
        bar.ax.tick_params(labelsize=7.5)
        bar.ax.locator_params(nbins=3)
        if shares:
            bar.ax.xaxis.set_major_formatter(PercentFormatter(1.0))
        if column == 0:
            bar.set_label(unit, loc="left", fontsize=8)
    return figure


def grid(
    rows: int, columns: int, title: str, size: float = 1.6, below: float = 0.2, apart: float = 0.0
) -> tuple[Figure, numpy.ndarray]:
    """(figure, array of axes (rows, columns)): a grid of squares for pictures.

    size: the side of a square. below: the space under each square. apart: additional space after
    the first column. All in inches.
    """
    gap = 0.12
    width = max(5.0, MARGIN + columns * (size + gap) + apart)
    lines = textwrap.wrap(title, int(9.5 * width))
    above = 0.3 + 0.2 * len(lines)
    figure = plain_figure(width, above + rows * (size + below) + 0.05, "\n".join(lines))
    cells = numpy.empty((rows, columns), object)
    for row, column in numpy.ndindex(rows, columns):
        left = MARGIN + column * (size + gap) + apart * (column > 0)
        cells[row, column] = axes_at(figure, left, above + row * (size + below), size, size)
        cells[row, column].axis("off")
    return figure, cells


def show(axes: Axes, picture: numpy.ndarray) -> None:
    """Draws a picture uint8 (S, S, C), C = 1 or 3; up to 64 pixels wide, with sharp pixels."""
    grey = dict(cmap="gray", vmin=0, vmax=255) if picture.shape[2] == 1 else {}
    axes.imshow(
        picture.squeeze(2) if grey else picture,
        interpolation="nearest" if len(picture) <= 64 else None,
        **grey,
    )


def write_below(axes: Axes, caption: Caption) -> None:
    """Writes the lines of a caption below the axes."""
    for number, (text, colour) in enumerate(caption):
        below = dict(
            xytext=(0, -3 - 11.5 * number), textcoords="offset points", ha="center", va="top"
        )
        axes.annotate(
            text,
            (0.5, 0),
            xycoords="axes fraction",
            fontsize=8.5,
            **below,
            **({"color": colour} if colour else {}),
        )


#: What has no shape: what a terminal would obey, and the bytes of names that are not UTF-8.
SHAPELESS = re.compile(rf"{OBEYED.pattern}|[\ud800-\udfff]")


def shortened(text: str, length: int) -> str:
    """The text, cut to `length` characters with … at the end if it is longer, and ? for what cannot
    be drawn."""
    text = SHAPELESS.sub("?", text)
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"
