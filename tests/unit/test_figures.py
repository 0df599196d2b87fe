"""What stands where in the pictures that several commands draw, and that it can be read, on white and on dark."""

import numpy
import pytest
from data_helpers import random_pictures
from pngs import assert_nothing_is_cut_off, figure_of, opened, texts_of

from minialex import figures

MATRIX = numpy.array([[5, 2, 0], [0, 0, 0], [1, 1, 1_234]])


def run(epochs):
    """The metrics of a run whose figures all differ."""
    keys = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
    return [
        {"epoch": e} | {key: e / 10 + place / 100 for place, key in enumerate(keys)}
        for e in range(1, epochs + 1)
    ]


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(
    "draw",
    [
        lambda dark: figures.curves({"one": run(3)}, dark=dark),
        lambda dark: figures.confusion(MATRIX, ["a", "b", "c"], dark=dark),
        lambda dark: figures.sheet(
            random_pictures(7), [[("caption", None)]] * 7, "title", dark=dark
        ),
        lambda dark: figures.overlays(
            random_pictures(7), numpy.ones((7, 8, 8)), [[]] * 7, "title", "unit", dark=dark
        ),
    ],
)
def test_each_is_a_png_on_white_or_on_dark(draw, dark):
    pixels = opened(draw(dark))
    assert (pixels[0, 0] < 40).all() if dark else (pixels[0, 0] == 255).all()


def test_the_confusion_matrix_has_true_classes_in_rows_and_counts_in_its_cells():
    axes, bar = figure_of(figures.confusion, MATRIX, ["a", "b", "c"]).axes
    counts = {
        tuple(reversed(text.get_position())): text.get_text() for text in axes.texts
    }  # at (row, column)
    assert counts == {(0, 0): "5", (0, 1): "2", (2, 0): "1", (2, 1): "1", (2, 2): "1,234"}
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["a", "b", "c"]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["a", "b", "c"]
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("true class", "answer")
    expected = [[5 / 7, 2 / 7, 0], [0, 0, 0], [1 / 1236, 1 / 1236, 1234 / 1236]]
    numpy.testing.assert_allclose(axes.images[0].get_array(), expected)
    assert bar.get_ylabel() == "share of the pictures of the true class"


@pytest.mark.parametrize("dark", [False, True])
def test_counts_can_be_read_on_every_colour(dark):
    matrix = numpy.diag(numpy.arange(0, 20))
    matrix[:, 0] += 19 - numpy.arange(20)  # shares of 0 to 1 along the diagonal
    axes = figure_of(figures.confusion, matrix, list(map(str, range(20))), dark=dark).axes[0]
    colours = axes.images[0].to_rgba(axes.images[0].get_array())
    for text in axes.texts:
        column, row = text.get_position()
        assert contrast(colours[row, column], text.get_color()) > 3.5, text


def contrast(colour, name):
    """The contrast ratio of the Web Content Accessibility Guidelines between an RGBA colour and "black" or "white"."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
    brightness = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    other = {"black": 0.0, "white": 1.0}[name]
    return (max(brightness, other) + 0.05) / (min(brightness, other) + 0.05)


@pytest.mark.parametrize(
    ("classes", "counts", "names"), [(20, True, True), (21, False, True), (101, False, False)]
)
def test_many_classes_have_no_counts_and_very_many_no_names(classes, counts, names):
    figure = figure_of(
        figures.confusion, numpy.eye(classes, dtype=int), [f"class {i}" for i in range(classes)]
    )
    axes = figure.axes[0]
    assert bool(axes.texts) == counts
    assert ("class 7" in [tick.get_text() for tick in axes.get_yticklabels()]) == names
    assert_nothing_is_cut_off(figure)


def test_a_thousand_classes_have_a_pixel_each():
    axes = figure_of(
        figures.confusion, numpy.eye(1000, dtype=int), list(map(str, range(1000)))
    ).axes[0]
    assert min(axes.get_window_extent().size) >= 1000


def test_class_names_are_no_formulas():
    names = ["$x$", "a_b^2", "50$ off, $5"]
    figure = figure_of(figures.confusion, MATRIX, names)
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == names
    assert not any(tick.get_parse_math() for tick in figure.axes[0].get_yticklabels())


def test_the_curves_of_one_run():
    loss, accuracy = figure_of(figures.curves, {"a run": run(3)}).axes
    for axes, expected in (
        (loss, {"training": 0.0, "test": 0.02}),
        (accuracy, {"training": 0.01, "test": 0.03}),
    ):
        for line in axes.lines:
            assert list(line.get_xdata()) == [1, 2, 3]
            numpy.testing.assert_allclose(
                line.get_ydata(), numpy.array([0.1, 0.2, 0.3]) + expected.pop(line.get_label())
            )
        assert not expected
    assert loss.get_xlabel() == "epoch"
    assert "nats" in loss.get_ylabel()
    assert [text.get_text() for text in loss.get_legend().get_texts()] == ["training", "test"]


def test_the_curves_of_several_runs_tell_them_apart():
    figure = figure_of(figures.curves, {"first": run(2), "second": run(5), "third": run(1)})
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["first", "second", "third"]
    for axes in figure.axes:
        training, test = axes.lines[0::2], axes.lines[1::2]
        assert {line.get_linestyle() for line in training} == {"--"}
        assert {line.get_linestyle() for line in test} == {"-"}
        assert [line.get_color() for line in training] == [line.get_color() for line in test]
        assert len({line.get_color() for line in test}) == 3
    assert_nothing_is_cut_off(figure)


def test_one_quantity_can_be_drawn_alone():
    (axes,) = figure_of(figures.curves, {"a run": run(3)}, ("accuracy",)).axes
    assert axes.get_title() == "Accuracy"


def test_a_contact_sheet_has_each_caption_under_its_picture():
    pictures = random_pictures(8)
    captions = [[(f"is {i}", "red"), (f"no. {i}", None)] for i in range(8)]
    figure = figure_of(figures.sheet, pictures, captions, "title", columns=3)
    shown = [axes for axes in figure.axes if axes.images]
    assert len(shown) == 8
    for i, axes in enumerate(shown):
        numpy.testing.assert_array_equal(axes.images[0].get_array(), pictures[i])
        assert texts_of(axes) == [f"is {i}", f"no. {i}"]
        assert axes.texts[0].get_color() == "red"
    assert shown[3].get_position().y1 < shown[0].get_position().y0  # the next row is below
    assert shown[1].get_position().x0 > shown[0].get_position().x1
    assert_nothing_is_cut_off(figure)


def test_a_sheet_of_nothing_still_has_its_title():
    assert opened(figures.sheet([], [], "not one")).size


def test_grey_pictures_are_shown_from_black_to_white():
    (axes,) = figure_of(
        figures.sheet, numpy.full((1, 4, 4, 1), 100, numpy.uint8), [[]], "t", columns=1
    ).axes
    assert axes.images[0].get_clim() == (0, 255)
    assert axes.images[0].get_cmap().name == "gray"


@pytest.mark.parametrize("count", [1, 2, 6, 7])
def test_maps_lie_over_the_pictures_with_a_scale_of_their_own_each(count):
    pictures = random_pictures(count)
    maps = numpy.linspace(0, 1, 64).reshape(1, 8, 8) * numpy.arange(1, count + 1).reshape(-1, 1, 1)
    title = "A title that is much longer than a single picture is wide, and that nobody would like to see cut off"
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
def test_shares_have_a_scale_up_to_the_next_5_percent(largest, scale):
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
    [("cat", 3, "cat"), ("kitten", 5, "kitt…"), ("a cat", 3, "a…"), ("", 5, "")],
)
def test_long_names_are_shortened(text, length, shown):
    assert figures.shortened(text, length) == shown
