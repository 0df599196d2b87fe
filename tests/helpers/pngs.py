"""What the tests of pictures need: a PNG opened, and the matplotlib figure that a drawing function would have saved."""

import io

import matplotlib
import numpy
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from minialex import figures
from minialex.files import PNG_MARK


def opened(content):
    """The pixels uint8 (H, W, 3) of a PNG, which has minialex's mark near its beginning."""
    assert PNG_MARK in content[:1000]
    with Image.open(io.BytesIO(content)) as picture:
        assert picture.format == "PNG"
        return numpy.asarray(picture.convert("RGB"))


def figure_of(draw, *arguments, dark=False, **named):
    """The figure that draw(…) makes a PNG of, drawn once."""
    with matplotlib.rc_context({**figures.STYLE, **(figures.DARK if dark else {})}):
        figure = draw.__wrapped__(*arguments, **named)
        FigureCanvasAgg(figure).draw()
    return figure


def texts_of(axes):
    """The texts in the axes, in order."""
    return [text.get_text() for text in axes.texts]


def assert_nothing_is_cut_off(figure):
    """All that is drawn lies within the figure."""
    box = figure.get_tightbbox(figure.canvas.get_renderer())  # in inches
    width, height = figure.get_size_inches()
    assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height, (
        box,
        width,
        height,
    )
