"""Contact sheets and maps over pictures: what is drawn where, on white and on dark."""

import os
import subprocess
import sys

import numpy
import pytest
from data_helpers import random_pictures
from pngs import assert_nothing_is_cut_off, figure_of, opened, texts_of

from minialex import figures


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(
    "draw",
    [
        lambda dark: figures.sheet(
            random_pictures(7), [[("caption", None)]] * 7, "title", dark=dark
        ),
        lambda dark: figures.overlays(
            random_pictures(7), numpy.ones((7, 8, 8)), [[]] * 7, "title", "unit", dark=dark
        ),
    ],
)
def test_each_figure_is_a_png_on_white_or_dark(draw, dark):
    pixels = opened(draw(dark))
    assert (pixels[0, 0] < 40).all() if dark else (pixels[0, 0] == 255).all()


def test_a_contact_sheet_has_each_caption_below_its_picture():
    pictures = random_pictures(8)
    captions = [[(f"is {i}", "red"), (f"no. {i}", None)] for i in range(8)]
    figure = figure_of(figures.sheet, pictures, captions, "title", columns=3)
    shown = [axes for axes in figure.axes if axes.images]
    assert len(shown) == 8
    for i, axes in enumerate(shown):
        numpy.testing.assert_array_equal(axes.images[0].get_array(), pictures[i])
        assert texts_of(axes) == [f"is {i}", f"no. {i}"]
        assert axes.texts[0].get_color() == "red"
    assert shown[3].get_position().y1 < shown[0].get_position().y0  # the next row, below
    assert shown[1].get_position().x0 > shown[0].get_position().x1
    assert_nothing_is_cut_off(figure)


def test_a_contact_sheet_may_be_empty():
    assert opened(figures.sheet([], [], "not one")).size


def test_grey_pictures_are_shown_from_black_to_white():
    (axes,) = figure_of(
        figures.sheet, numpy.full((1, 4, 4, 1), 100, numpy.uint8), [[]], "t", columns=1
    ).axes
    assert axes.images[0].get_clim() == (0, 255)
    assert axes.images[0].get_cmap().name == "gray"


@pytest.mark.parametrize("count", [1, 2, 6, 7])
def test_each_map_is_drawn_over_its_grey_picture_with_its_own_scale(count):
    pictures = random_pictures(count)
    maps = numpy.linspace(0, 1, 64).reshape(1, 8, 8) * numpy.arange(1, count + 1).reshape(-1, 1, 1)
    title = (
        "A title that is much longer than a single picture is wide, and that nobody would like to "
        "see cut off"
    )
    figure = figure_of(
        figures.overlays,
        pictures,
        maps,
        [[(f"no. {i}", None)] for i in range(count)],
        title,
        "the unit",
    )
    shown = [axes for axes in figure.axes if len(axes.images) == 1]
    overlaid = [axes for axes in figure.axes if len(axes.images) == 2]
    assert len(shown) == len(overlaid) == count
    for i, (above, below) in enumerate(zip(shown, overlaid, strict=True)):
        assert above.get_position().x0 == pytest.approx(below.get_position().x0)
        assert above.get_position().y0 > below.get_position().y0
        grey, heat = below.images
        numpy.testing.assert_allclose(grey.get_array(), pictures[i].mean(axis=2))
        numpy.testing.assert_array_equal(heat.get_array(), maps[i])
        assert heat.get_clim() == (0, i + 1)
        assert texts_of(above) == [f"no. {i}"]
    assert "the unit" in [child.get_xlabel() for axes in overlaid for child in axes.child_axes]
    assert_nothing_is_cut_off(figure)


@pytest.mark.parametrize(
    ("largest", "scale"), [(0.9991, 1), (0.961, 1), (0.16, 0.2), (0.05, 0.05), (0, 1)]
)
def test_the_scale_of_shares_ends_at_the_next_multiple_of_5_percent(largest, scale):
    figure = figure_of(
        figures.overlays,
        random_pictures(1),
        numpy.full((1, 8, 8), largest),
        [[]],
        "title",
        "unit",
        True,
    )
    (overlaid,) = (axes for axes in figure.axes if len(axes.images) == 2)
    assert overlaid.images[1].get_clim() == pytest.approx((0, scale))
    assert {tick.get_text()[-1] for tick in overlaid.child_axes[0].get_xticklabels()} == {"%"}


@pytest.mark.parametrize(
    ("text", "length", "shown"),
    [
        *[("cat", 3, "cat"), ("kitten", 5, "kitt…"), ("a cat", 3, "a…"), ("", 5, "")],
        ("caf\udce9", 9, "caf?"),
        ("red\x1b[31m\ncat\0", 99, "red?[31m?cat?"),
        ("\u202etac\u2069", 99, "?tac?"),
    ],
)
def test_long_names_are_shortened(text, length, shown):
    assert figures.shortened(text, length) == shown


@pytest.mark.parametrize(("named", "kept"), [("nonsense", False), ("svg", True), ("", False)])
def test_no_figure_needs_the_backend_that_the_environment_names(named, kept, tmp_path):
    """Which stays that of who imports matplotlib later, if it is one."""
    program = [
        "import os, minialex.charts",
        "minialex.charts.curves({'run': []})",
        f"assert os.environ['MPLBACKEND'] == {named!r}",
        "import matplotlib; backend = dict.__getitem__(matplotlib.rcParams, 'backend')",
        f"assert (backend == {named!r}) == {kept}",
        "from minialex.lessons import figure",
        "with figure('picture'): pass",
    ]
    environment = os.environ | {"MPLBACKEND": named}
    command = [sys.executable, "-c", "\n".join(program)]
    subprocess.run(command, env=environment, cwd=tmp_path, check=True)


def test_commands_do_not_show_what_matplotlib_says_of_its_folder(tmp_path):
    (tmp_path / "file").write_text("")
    unset = {"XDG_CONFIG_HOME", "XDG_CACHE_HOME", "MPLCONFIGDIR"}
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    program = [
        "from minialex.command import run",
        "from minialex.charts import curves",
        "run(lambda arguments: curves({'run': []}) and None)",
    ]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(program)],
        env=environment | {"HOME": str(tmp_path / "file")},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
