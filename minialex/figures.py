"""What several commands draw: training curves, confusion matrices, contact sheets, maps over pictures.

A drawing function gives a finished PNG as bytes: on white or, called with dark=True, for a dark page.
"""

import functools
import io
import textwrap
from collections.abc import Callable, Sequence

import numpy

#: matplotlib's settings for all figures. A $ in a class name is a $.
STYLE = {
    **{
        "figure.dpi": 120,
        "figure.titlesize": 12,
        "figure.titleweight": "bold",
        "axes.titlesize": 10,
        "font.size": 9.5,
    },
    **{
        "axes.spines.top": False,
        "axes.spines.right": False,
        "grid.alpha": 0.3,
        "legend.frameon": False,
    },
    **{
        "figure.constrained_layout.w_pad": 0.1,
        "figure.constrained_layout.h_pad": 0.08,
        "text.parse_math": False,
    },
}

INK, PAPER = "#e6e6e6", "#17191c"
DARK = {
    **{name: PAPER for name in ("figure.facecolor", "axes.facecolor")},
    **{
        name: INK
        for name in (
            "text.color",
            "axes.edgecolor",
            "axes.labelcolor",
            "xtick.color",
            "ytick.color",
            "grid.color",
        )
    },
}

RIGHT, WRONG = "#1a7f37", "#c62828"

#: Up to so many classes a confusion matrix has numbers in its cells, and up to so many their names beside it.
WITH_NUMBERS, WITH_NAMES = 20, 100


def drawing(draw: Callable) -> Callable[..., bytes]:
    """Makes a function that draws a matplotlib Figure one that gives it as a PNG in minialex's style, dark on demand."""

    @functools.wraps(draw)
    def png(*arguments, dark: bool = False, **named) -> bytes:
        import matplotlib  # takes a second to import, and only drawing needs it

        with matplotlib.rc_context({**STYLE, **(DARK if dark else {})}):
            file = io.BytesIO()
            draw(*arguments, **named).savefig(file, format="png", metadata={"Software": "minialex"})
            return file.getvalue()

    return png


def new_figure(width: float, height: float):
    """A matplotlib Figure of so many inches that makes room for all texts by itself."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


#: The inches between the edge of a plain figure and what is in it.
MARGIN = 0.15


def plain_figure(width: float, height: float, title: str):
    """A matplotlib Figure of so many inches, the title in its upper left corner, in which `axes_at` says where things are."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    figure.suptitle(title, x=MARGIN / width, y=1 - MARGIN / height, ha="left", va="top")
    return figure


def axes_at(figure, left: float, top: float, width: float, height: float):
    """New axes in a plain figure, in inches from its upper left corner."""
    across, down = figure.get_size_inches()
    return figure.add_axes(
        (left / across, 1 - (top + height) / down, width / across, height / down)
    )


@drawing
def curves(runs: dict[str, list[dict]], quantities: Sequence[str] = ("loss", "accuracy")):
    """The runs' loss and accuracy, or one of the two, over the epochs. runs: name -> the lines of its metrics.jsonl.

    Of one run training and test are named; of several each has a colour, and training is dashed.
    """
    figure = new_figure(5 * len(quantities), 4.0 + 0.2 * (len(runs) > 1) * -(-len(runs) // 2))
    for axes, quantity in zip(
        figure.subplots(1, len(quantities), squeeze=False)[0], quantities, strict=True
    ):
        draw_curves(axes, runs, quantity)
    if len(runs) > 1:
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def draw_curves(axes, runs: dict[str, list[dict]], quantity: str) -> None:
    """Draws "loss" or "accuracy" of the runs, training dashed, test solid."""
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    one = len(runs) == 1
    for number, (name, epochs) in enumerate(runs.items()):
        numbers = [epoch["epoch"] for epoch in epochs]
        for split, style in (("train", "o--"), ("test", "o-")):
            values = [epoch[f"{split}_{quantity}"] for epoch in epochs]
            label = (
                {"train": "training", "test": "test"}[split]
                if one
                else name
                if split == "test"
                else None
            )
            colour = f"C{int(split == 'train') if one else number % 10}"
            axes.plot(numbers, values, style, color=colour, markersize=3, label=label)
    unit = {"loss": "cross-entropy, nats a picture", "accuracy": "right answers"}[quantity]
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
def confusion(matrix: numpy.ndarray, class_names: Sequence[str], title: str = "Confusion matrix"):
    """How many pictures of each class (rows) were taken for which (columns): matrix int (classes, classes).

    Colours are shares of a row. With few classes the numbers stand in the cells. With many the colour scale follows the root
    of the share, or all but the diagonal would look empty.
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
        axes.set(xlabel="answer (number of the class)", ylabel="true class (number)")
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


def blues():
    """White to dark blue, or on a dark page from its colour to light blue."""
    import matplotlib
    from matplotlib.colors import LinearSegmentedColormap

    if matplotlib.rcParams["figure.facecolor"] == PAPER:
        return LinearSegmentedColormap.from_list("blues", [PAPER, "#1d4f8b", "#9fd0ff"])
    return LinearSegmentedColormap.from_list("blues", ["#ffffff", "#5a9bd8", "#08306b"])


Caption = Sequence[
    tuple[str, str | None]
]  # lines of text with their colours, None for the text's own


@drawing
def sheet(pictures: numpy.ndarray, captions: Sequence[Caption], title: str, columns: int = 6):
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
):
    """Pictures uint8 (N, S, S, C) and below each, laid over it in grey, its map (S, S) in colours, with a colour bar.

    Each scale runs from 0 to the map's largest value, in `unit`; `shares` are shown as percentages, up to the next 5%.
    """
    from matplotlib.ticker import PercentFormatter

    columns = min(6, len(pictures))
    lines = max(len(caption) for caption in captions)
    figure, cells = grid(
        2 * -(-len(pictures) // columns), columns, title, size=1.9, below=0.2 + 0.16 * max(2, lines)
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
):
    """(figure, axes (rows, columns)): squares of `size` inches with `below` inches of room under each, and `apart` more beside
    the first column."""
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


def show(axes, picture: numpy.ndarray) -> None:
    """Draws a picture, uint8 (S, S, C) with one or three channels; small ones keep their pixels."""
    grey = dict(cmap="gray", vmin=0, vmax=255) if picture.shape[2] == 1 else {}
    axes.imshow(
        picture.squeeze(2) if grey else picture,
        interpolation="nearest" if len(picture) <= 64 else None,
        **grey,
    )


def write_below(axes, caption: Caption) -> None:
    """Writes the lines of a caption under the axes."""
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


def shortened(text: str, length: int) -> str:
    """The text, or as much of it as fits `length` characters with … at the end."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"
