"""Training curves and confusion matrices: what they show and how readable they are."""

import numpy
import pytest
from pngs import assert_nothing_is_cut_off, figure_of, opened

from minialex import charts

MATRIX = numpy.array([[5, 2, 0], [0, 0, 0], [1, 1, 1_234]])


def run(epochs):
    """The metrics of a run, all different."""
    keys = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
    return [
        {"epoch": e} | {key: e / 10 + place / 100 for place, key in enumerate(keys)}
        for e in range(1, epochs + 1)
    ]


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(
    "draw",
    [
        lambda dark: charts.curves({"one": run(3)}, dark=dark),
        lambda dark: charts.confusion(MATRIX, ["a", "b", "c"], dark=dark),
    ],
)
def test_each_chart_is_a_png_on_white_or_dark(draw, dark):
    pixels = opened(draw(dark))
    assert (pixels[0, 0] < 40).all() if dark else (pixels[0, 0] == 255).all()


def test_the_confusion_matrix_has_true_classes_in_rows_and_counts_in_cells():
    axes, bar = figure_of(charts.confusion, MATRIX, ["a", "b", "c"]).axes
    # {(row, column): text}
    counts = {tuple(reversed(text.get_position())): text.get_text() for text in axes.texts}
    assert counts == {(0, 0): "5", (0, 1): "2", (2, 0): "1", (2, 1): "1", (2, 2): "1,234"}
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["a", "b", "c"]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["a", "b", "c"]
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("true class", "answer")
    expected = [[5 / 7, 2 / 7, 0], [0, 0, 0], [1 / 1236, 1 / 1236, 1234 / 1236]]
    numpy.testing.assert_allclose(axes.images[0].get_array(), expected)
    assert bar.get_ylabel() == "share of the pictures of the true class"


@pytest.mark.parametrize("dark", [False, True])
def test_counts_are_readable_on_every_colour(dark):
    matrix = numpy.diag(numpy.arange(0, 20))
    matrix[:, 0] += 19 - numpy.arange(20)  # shares of 0 to 1 along the diagonal
    axes = figure_of(charts.confusion, matrix, list(map(str, range(20))), dark=dark).axes[0]
    colours = axes.images[0].to_rgba(axes.images[0].get_array())
    for text in axes.texts:
        column, row = text.get_position()
        assert contrast(colours[row, column], text.get_color()) > 3.5, text


def contrast(colour, name):
    """The contrast of an RGBA colour with "black" or "white".

    The ratio defined in the Web Content Accessibility Guidelines.
    """
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
    brightness = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    other = {"black": 0.0, "white": 1.0}[name]
    return (max(brightness, other) + 0.05) / (min(brightness, other) + 0.05)


@pytest.mark.parametrize(
    ("classes", "counts", "names"), [(20, True, True), (21, False, True), (101, False, False)]
)
def test_many_classes_have_no_counts_and_even_more_have_no_names(classes, counts, names):
    figure = figure_of(
        charts.confusion, numpy.eye(classes, dtype=int), [f"class {i}" for i in range(classes)]
    )
    axes = figure.axes[0]
    assert bool(axes.texts) == counts
    assert ("class 7" in [tick.get_text() for tick in axes.get_yticklabels()]) == names
    assert_nothing_is_cut_off(figure)


def test_a_thousand_classes_have_at_least_a_pixel_each():
    axes = figure_of(
        charts.confusion, numpy.eye(1000, dtype=int), list(map(str, range(1000)))
    ).axes[0]
    assert min(axes.get_window_extent().size) >= 1000


def test_class_names_are_not_parsed_as_formulas():
    names = ["$x$", "a_b^2", "50$ off, $5"]
    figure = figure_of(charts.confusion, MATRIX, names)
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == names
    assert not any(tick.get_parse_math() for tick in figure.axes[0].get_yticklabels())


def test_the_curves_of_one_run():
    loss, accuracy = figure_of(charts.curves, {"a run": run(3)}).axes
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


def test_the_curves_of_several_runs_have_different_colours():
    figure = figure_of(charts.curves, {"first": run(2), "second": run(5), "third": run(1)})
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
    (axes,) = figure_of(charts.curves, {"a run": run(3)}, ("accuracy",)).axes
    assert axes.get_title() == "Accuracy"
