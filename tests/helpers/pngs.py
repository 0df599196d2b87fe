"""For tests of what is drawn: the pixels of a PNG, and the matplotlib figure behind one."""

import io
from collections.abc import Callable
from typing import Any

import matplotlib
import numpy
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from minialex import figures
from minialex.files import PNG_MARK


def opened(content: bytes) -> numpy.ndarray:
    """The pixels uint8 (H, W, 3) of a PNG, after checking that it has minialex's mark."""
    assert PNG_MARK in content[:1000]
    with Image.open(io.BytesIO(content)) as picture:
        assert picture.format == "PNG"
        return numpy.asarray(picture.convert("RGB"))


def figure_of(
    draw: Callable[..., bytes], *arguments: Any, dark: bool = False, **named: Any
) -> Figure:
    """The matplotlib figure that draw(*arguments, **named) turns into a PNG, drawn once."""
    with matplotlib.rc_context({**figures.STYLE, **(figures.DARK if dark else {})}):
        figure = draw.__wrapped__(*arguments, **named)
        FigureCanvasAgg(figure).draw()
    return figure


def texts_of(axes: Axes) -> list[str]:
    """The texts in the axes, in order."""
    return [text.get_text() for text in axes.texts]


def assert_nothing_is_cut_off(figure: Figure) -> None:
    """Everything is drawn within the edges of the figure."""
    box = figure.get_tightbbox(figure.canvas.get_renderer())  # in inches
    width, height = figure.get_size_inches()
    assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height, (
        box,
        width,
        height,
    )
