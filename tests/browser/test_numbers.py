"""The numbers on the page are those of the layers."""

import itertools
import shutil
from pathlib import Path

import numpy
import pytest
from data_helpers import photograph
from explore_page import ROUNDING, assert_answers, assert_shares, assert_shown, forward, tab, value
from explore_subjects import before, in_64_bits, logits, png, rounding_of
from trained_runs import change

from benchmarks.browser import serving


@pytest.mark.parametrize(
    ("layer", "unit"),
    [
        ("conv1", (0, 0, 5)),
        ("conv1", (31, 30, 40)),
        ("conv1", (7, 9, 11)),
        ("conv2", (0, 15, 70)),
        ("conv5", (3, 4, 2)),
    ],
)
def test_a_convolution_shows_its_window_its_kernel_and_their_products(
    layer, unit, units, exact, outputs
):
    units.point("fc8", 0).point(layer, *unit)  # no channel has been chosen
    i, j, o = unit
    conv, x = exact.network.layers[layer], before(outputs, layer)
    size, p, near = conv.kernel_size, conv.padding, rounding_of(x)
    window = numpy.pad(x, [(p, p), (p, p), (0, 0)])[i : i + size, j : j + size]
    weights, bias = conv.params["weight"][o], conv.params["bias"][o]
    products = window * weights
    sums = products.sum(axis=(0, 1))
    assert_shown(units.text(".value"), outputs[layer][unit], rounding_of(outputs[layer]))
    ((count, total, shown_bias, y),) = units.sums()
    assert value(count) == weights.size
    assert_shown(total, sums.sum(), near)
    assert_shown(shown_bias, bias)
    assert_shown(y, sums.sum() + bias, near)
    options = dict(text.split(": ") for text in units.texts("#unit-body option"))
    colours = {"red": 0, "green": 1, "blue": 2}
    names = list(colours) if layer == "conv1" else [f"map {c}" for c in range(len(sums))]
    assert sorted(options) == sorted(names)
    for name, channel_sum in zip(names, sums, strict=True):
        assert_shown(options[name], channel_sum, near)
    largest = int(abs(sums).argmax())
    assert units.find("#unit-body select").input_value() == str(largest)
    for c in (largest, (largest + 1) % len(sums)):
        units.find("#unit-body select").select_option(str(c))
        for table, expected in enumerate((window, weights, products)):
            for cell, number in zip(units.cells(table), expected[..., c].ravel(), strict=True):
                assert_shown(cell.text, number, near)
                assert_shown(cell.in_full, number, near)
    for n, cell in enumerate(units.cells(0)):
        row, column = i - p + n // size, j - p + n % size
        outside = not (0 <= row < len(x) and 0 <= column < len(x))
        assert ("outside" in cell.marks) == ("(padding)" in cell.title) == outside
        assert cell.title.startswith(f"row {row}, column {column}".replace("-", "−"))


def test_max_pooling_shows_which_pixel_won_and_where_else_it_wins(units, outputs):
    x, near = before(outputs, "pool1")[..., 20], rounding_of(outputs["norm1"])

    def window(row, column):
        """The pixels under a unit of a 3×3 pool with stride 2 and padding 1, by their places."""
        rows, columns = (range(2 * at - 1, 2 * at + 2) for at in (row, column))
        places = itertools.product(rows, columns)
        return {place: x[place] for place in places if min(place) >= 0 and max(place) < 32}

    for unit in ((0, 0), (3, 3), (15, 8)):
        units.point("pool1", *unit, 20)
        seen = window(*unit)
        winner = max(seen, key=seen.get)  # the first of the largest
        ((largest, row, column),) = units.sums()
        assert (int(row), int(column)) == winner
        assert_shown(largest, seen[winner], near)
        assert_shown(units.text(".value"), outputs["pool1"][(*unit, 20)], near)
        for n, cell in enumerate(units.cells(0)):
            place = (unit[0] * 2 - 1 + n // 3, unit[1] * 2 - 1 + n % 3)
            assert ("best" in cell.marks) == (place == winner)
            assert ("outside" in cell.marks) == (place not in seen)
            if place in seen:
                assert_shown(cell.in_full, seen[place], near)
        said = units.text("#unit-body .secret")
        for other in numpy.ndindex(16, 16):
            there, name = window(*other), f"row {other[0]}, column {other[1]} ("
            assert (name in said) == (winner in there and other != unit)
            if name in said:
                wins = max(there, key=there.get) == winner
                assert f"{name}where {'it wins, too' if wins else 'another is larger'})" in said


@pytest.mark.parametrize("channel", [0, 20, 47])
def test_normalisation_shows_the_neighbours_and_the_divisor(channel, units, exact, outputs):
    norm, x = exact.network.layers["norm1"], before(outputs, "norm1")[12, 13]
    near = rounding_of(outputs["relu1"])
    units.point("norm1", 12, 13, channel)
    neighbours = [c for c in range(channel - 2, channel + 3) if 0 <= c < 48]
    rows = units.rows("#unit-body table")
    own = " (its own)"
    assert [row[0] for row in rows] == [f"map {c}{own * (c == channel)}" for c in neighbours]
    for c, (_, number, square) in zip(neighbours, rows, strict=True):
        assert_shown(number, x[c], near)
        assert_shown(square, x[c] ** 2, near)
    total = sum(x[c] ** 2 for c in neighbours)
    s = norm.k + norm.alpha * total
    (k, alpha, shown_total, shown_s), (_, beta, divisor), (numerator, *_, y) = units.sums()
    assert [value(k), value(alpha), value(beta)] == [norm.k, norm.alpha, norm.beta]
    assert_shown(shown_total, total, near)
    assert_shown(shown_s, s, near)
    assert_shown(divisor, s**norm.beta, near)
    assert_shown(numerator, x[channel], near)
    assert_shown(y, x[channel] / s**norm.beta, near)
    assert_shown(units.text(".value"), outputs["norm1"][12, 13, channel], near)


@pytest.mark.parametrize(("layer", "unit"), [("fc6", 7), ("fc8", 3)])
def test_a_linear_unit_shows_its_largest_products(layer, unit, units, exact, outputs):
    units.point(layer, unit)
    x, linear = before(outputs, layer), exact.network.layers[layer]
    weights, bias = linear.params["weight"][unit], linear.params["bias"][unit]
    products, near = x * weights, rounding_of(x)
    ((count, total, shown_bias, y),) = units.sums()
    assert value(count) == len(x)
    assert_shown(total, products.sum(), near)
    assert_shown(shown_bias, bias)
    assert_shown(y, products.sum() + bias, near)
    assert_shown(units.text(".value"), outputs[layer][unit], near)
    *rows, rest = units.rows("#unit-body table")
    listed = []
    for name, number, weight, product in rows:
        *_, n = places = [int(word) for word in name.replace(",", "").split() if word.isdigit()]
        if layer == "fc6":  # behind Flatten: a place on one of pool5's 96 maps of 4×4
            assert name.startswith("pool5, map ")
            n = (places[1] * 4 + places[2]) * 96 + places[0]
        listed.append(n)
        assert_shown(number, x[n], near)
        assert_shown(weight, weights[n])
        assert_shown(product, products[n], near)
    largest = numpy.sort(abs(products))[::-1][: len(rows)]
    numpy.testing.assert_allclose(abs(products[listed]), largest, atol=near)
    assert value(rest[0]) == len(x) - len(rows)
    assert_shown(rest[-1], numpy.delete(products, listed).sum(), near)


def test_softmax_and_the_answers_are_the_network_s(units, net, outputs, pixels):
    z, names, (shares,) = logits(outputs), net.class_names, net.predict(pixels)
    assert_answers(units, z, names)
    assert_shares(units, shares, names)
    units.point("softmax", 5)
    assert units.text("#unit-heading") == f"softmax, unit 5, {names[5]}"
    assert_shown(units.text(".value"), shares[5], ROUNDING)
    ((_, total, *_, share),) = units.sums()
    assert_shown(total, numpy.exp(z - z.max()).sum(), ROUNDING)
    assert_shown(share, shares[5], ROUNDING)
    rows = units.rows("#unit-body table")
    order = [int(k) for k in numpy.argsort(-z)]
    assert [row[0] for row in rows] == [names[k] + " (this one)" * (k == 5) for k in order]
    for k, (_, logit, power, share) in zip(order, rows, strict=True):
        assert_shown(logit, z[k], rounding_of(z))
        assert_shown(power, numpy.exp(z[k] - z.max()), ROUNDING)
        assert_shown(share, shares[k], ROUNDING)


def test_layers_that_hand_a_number_on_say_from_where(units, outputs):
    units.point("relu1", 12, 13, 5)
    ((x, _, _, y),) = units.sums()
    assert_shown(x, outputs["conv1"][12, 13, 5], rounding_of(outputs["conv1"]))
    assert_shown(y, outputs["relu1"][12, 13, 5], rounding_of(outputs["relu1"]))
    units.point("conv1", 12, 13, 5)
    assert f"relu1 makes of it: {y}" in units.text("#unit-body")
    units.point("flatten", (2 * 4 + 3) * 96 + 50)
    assert "It is map 50, row 2, column 3 of pool5: " in units.text("#unit-body .sum")
    assert_shown(units.sums()[0][-1], outputs["pool5"][2, 3, 50], rounding_of(outputs["pool5"]))
    units.point("dropout6", 9)
    assert_shown(units.text(".value"), outputs["relu6"][9], rounding_of(outputs["relu6"]))
    assert "In training a unit is 0 with probability 0.5, else x / 0.5" in units.text("#unit-body")


def test_a_net_for_grey_pictures_is_explained_too(grey, grey_page):
    exact, pixels = in_64_bits(grey), photograph(28, 28)[..., 2]
    outputs = forward(exact, pixels[..., None])
    grey_page.open()
    assert grey_page.text("#picture-title") == "blank"
    assert f"{grey} does not say what it was trained on" in grey_page.text("#about")
    assert not grey_page.find("#gallery").is_visible()
    assert grey_page.panel("Training").count() == 0  # it is no run
    with grey_page.looks():
        grey_page.give(png(pixels))
    assert_answers(grey_page.settle(), logits(outputs), exact.class_names)
    grey_page.point("pool1", 3, 4, 2)
    averaged = outputs["tanh1"][6:8, 8:10, 2]
    for cell, number in zip(grey_page.cells(0), averaged.ravel(), strict=True):
        assert_shown(cell.in_full, number, ROUNDING)
    assert_shown(grey_page.text(".value"), averaged.mean(), ROUNDING)
    grey_page.point("tanh1", 3, 4, 2)
    ((x, _, y),) = grey_page.sums()
    assert_shown(x, outputs["conv1"][3, 4, 2], rounding_of(outputs["conv1"]))
    assert_shown(y, outputs["tanh1"][3, 4, 2], ROUNDING)
    grey_page.point("conv1", 0, 27, 3)
    assert (
        grey_page.texts("#unit-body .caption")[0]
        == "Window on the picture, grey: (pixel − 108.0) / 58.29"
    )
    assert_shown(
        grey_page.text(".value"), outputs["conv1"][0, 27, 3], rounding_of(outputs["conv1"])
    )


#: The pixels of a picture of 32×32 which the canvas over it, several times as wide, does not shade.
BRIGHT = """(canvas) => {
  const zoom = canvas.width / 32, pen = canvas.getContext("2d");
  return [...Array(32 * 32).keys()].filter((p) => {
    const { data } = pen.getImageData((p % 32) * zoom, Math.floor(p / 32) * zoom, zoom, zoom);
    return data.every((value) => !value);
  });
}"""


@pytest.mark.parametrize(
    ("layer", "unit", "on"),  # rows and columns: first, behind the last, first, behind the last
    [
        ("conv1", (0, 31, 3), {"": [0, 3, 29, 32]}),
        ("pool1", (5, 6, 7), {"norm1": [9, 12, 11, 14], "": [7, 14, 9, 16]}),
        ("conv3", (4, 0, 9), {"pool2": [3, 6, 0, 2], "pool1": [4, 13, 0, 5], "": [5, 28, 0, 12]}),
        ("fc6", (100,), {"pool5": None, "": None}),
    ],
)
def test_what_a_unit_depends_on_is_not_shaded(layer, unit, on, units):
    found = units.point(layer, *unit).store("fields")
    assert {name: found[name] for name in on} == on
    top, bottom, left, right = on[""] or (0, 32, 0, 32)
    inside = numpy.zeros((32, 32), bool)
    inside[top:bottom, left:right] = True
    bright = units.find("#river .over").first.evaluate(BRIGHT)
    assert bright == numpy.flatnonzero(inside).tolist()


def test_logits_that_are_no_numbers_are_said(chromium, run, tmp_path):
    """Their net can still be looked into: the layers before are finite."""
    weights = Path(shutil.copy(run / "checkpoint.npz", tmp_path))
    change(weights, arrays=lambda arrays: arrays["weight/fc8.weight"].fill(3e38))
    with serving(weights) as (address, _), tab(chromium, address) as found:
        found.open()
        assert "so there are no probabilities" in found.text("#answers-note")
        assert found.texts("#answers .share") == 5 * ["no number"]
        assert found.point("pool1", 3, 4, 5).text(".value") not in ("NaN", "0")
        assert found.complaints == []


def test_numbers_are_written_with_the_digits_that_there_is_room_for(page):
    page.open()

    def written(how, *numbers):
        return page.page.evaluate(
            """async ([how, numbers]) => {
              const text = await import("/page/text.js");
              return numbers.map((each) => text[how](each));
            }""",
            [how, numbers],
        )

    cells = {0: "0", 0.00123: ".0012", -0.5612: "−.56", 9.96: "10", 93.2: "93", 99.7: "100"}
    cells |= {-612.4: "−612", 9999.4: "9999", 12345: "1e+4", 2.1e-5: "2e−5"}
    assert written("brief", *cells) == list(cells.values())
    texts = {1.25: "1.2500", -123.456: "−123.46", 99999.7: "99999.7", 123456: "123456"}
    texts |= {1234567: "1.2346e+6", 1e-5: "1.0000e−5"}
    assert written("number", *texts) == list(texts.values())
