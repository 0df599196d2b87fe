"""Gradients on the page are those of the layers, and are proven."""

import numpy
import pytest
from explore_page import assert_shown, backward, forward, tab, value
from explore_subjects import UNIT, logits


def of_logit(k):
    """The gradient of logit k with respect to the logits."""
    return lambda z: numpy.arange(len(z)) == k


def of_loss(k):
    """The same of the loss, if class k were right."""
    return lambda z: numpy.exp(z) / numpy.exp(z).sum() - (numpy.arange(len(z)) == k)


def test_gradients_flow_back_to_every_layer(page, exact, pixels):
    page.open(**UNIT)
    page.labelled("gradients, flowing back from").check()
    page.find("#class").select_option(exact.class_names[4])
    for quantity, of, of_what in (
        ("logit", of_logit, "the logit of star"),
        ("loss", of_loss, "the loss, if the class were star"),
    ):
        page.find("#quantity").select_option(quantity)
        page.settle()
        expected, _ = backward(exact, pixels, of(4))
        for layer in (None, *exact.network.layers):
            dy = expected[layer or ""]
            near = 1e-4 * abs(dy).max()
            numpy.testing.assert_allclose(page.shown(layer), dy, rtol=1e-3, atol=near)
        dy, near = expected["conv2"], 1e-4 * abs(expected["conv2"]).max()
        unit = numpy.unravel_index(abs(dy).argmax(), dy.shape)
        page.point("conv2", *unit)
        _, _, said = page.text("#unit-body").partition(f"dy, the gradient of {of_what}, is ")
        assert_shown(said.removesuffix(" here."), dy[unit], near)
        heading, _, shown = page.text("#map-heading").partition(": ")
        assert heading == f"Map {unit[2]}"
        assert_shown(shown, dy[unit], near)


def test_softmax_is_opened_where_gradients_are_shown_too(page):
    page.open(**UNIT)
    page.labelled("gradients, flowing back from").check()
    page.settle().button("softmax").click()
    assert page.settle().text("#layer-heading") == "softmax"
    assert page.text("#unit-heading").startswith("softmax, unit ")
    assert not page.text("#map-heading").startswith("Map ")  # of the layer before


def test_gradients_are_of_the_picture_s_class_until_the_reader_chooses_one(page, drawn):
    page.open()
    page.choose(3)
    assert page.find("#class").input_value() == str(drawn.test.labels[3])
    page.find("#class").select_option("0")
    page.choose(4)
    assert page.find("#class").input_value() == "0"


def proof(page):
    """The heading of a weight's proof and its rows."""
    page.find("#proof[aria-busy=false] table").wait_for()
    return page.text("#proof h3"), dict(page.rows("#proof table"))


def test_a_pressed_weight_shows_its_gradient_and_a_finite_difference_that_agrees(
    page, exact, pixels
):
    page.open(**UNIT)
    page.find("#class").select_option("4")
    weights = exact.network.layers["conv2"].params["weight"]
    for quantity, of, symbol, power in (("logit", of_logit, "z", 5), ("loss", of_loss, "L", 6)):
        page.find("#quantity").select_option(quantity)
        channel = int(page.settle().find("#unit-body select").input_value())
        page.find("#unit-body .grid button").nth(1 * 3 + 2).click()
        proof(page)
        page.labelled("The nudge δ").select_option(f"1e−{power}")
        heading, rows = proof(page)
        assert heading.startswith(f"conv2.weight[9,1,2,{channel}]: the gradient of the {quantity}")
        place, nudge = (9, 1, 2, channel), 10.0**-power
        _, of_weights = backward(exact, pixels, of(4))
        gradient, weight = of_weights["conv2"]["weight"][place], float(weights[place])
        answers = []
        for nudged in (weight + nudge, weight - nudge):
            weights[place] = nudged
            z = logits(forward(exact, pixels))
            answers.append(z[4] if quantity == "logit" else numpy.log(numpy.exp(z - z[4]).sum()))
        weights[place] = weight
        assert_shown(rows["the weight w"], weight)
        backwards = rows["its gradient, from the layer's backward"]
        assert_shown(backwards, gradient, 1e-4 * abs(gradient))
        for sign, answer in zip("+−", answers, strict=True):
            assert_shown(rows[f"{symbol} at w {sign} δ"], answer, 1e-11)
        difference = value(rows[f"({symbol}(w + δ) − {symbol}(w − δ)) / 2δ"])
        assert difference == pytest.approx((answers[0] - answers[1]) / (2 * nudge), rel=1e-4)
        assert difference == pytest.approx(gradient, rel=1e-3)
        assert value(rows["apart by, relative to the larger"]) < 1e-3


def test_a_proof_can_be_read_on_a_phone(chromium, address):
    with tab(chromium, address, viewport={"width": 390, "height": 800}) as found:
        found.open(**UNIT)
        found.find("#unit-body .sum button").click()
        found.find("#proof[aria-busy=false] table").wait_for()
        within = found.find("#proof .scroll").bounding_box()
        for cell in found.find("#proof td").all():
            box = cell.bounding_box()
            assert box["x"] + box["width"] <= within["x"] + within["width"] + 1


def test_a_proof_does_not_stand_under_another_unit(page):
    page.open(**UNIT)
    press = page.find("#unit-body .grid button").first
    press.click()
    proof(page)
    page.find("#map").press("ArrowRight")
    page.settle().find("#proof").wait_for(state="hidden")
    held = []
    page.page.route("**/api/proof", lambda route: held.append(route), times=1)
    press.click()
    page.eventually(lambda: bool(held))
    page.find("#map").press("ArrowRight")
    page.settle()
    with page.page.expect_response("**/api/proof"):
        held[0].continue_()
    assert not page.settle().find("#proof").is_visible()


def test_an_open_proof_is_of_what_the_page_shows(page):
    page.open(**UNIT)
    page.find("#unit-body .grid button").first.click()
    heading, rows = proof(page)
    page.labelled("Colours").select_option("one scale for each layer")
    assert proof(page) == (heading, rows)
    page.choose(5)
    page.eventually(lambda: proof(page)[1] != rows)
    assert proof(page)[0].partition(":")[0] == heading.partition(":")[0]


def test_of_proofs_that_are_asked_for_in_a_hurry_the_last_is_shown(page):
    page.open(**UNIT)
    held = []
    page.page.route("**/api/proof", lambda route: held.append(route), times=1)
    page.find("#unit-body .grid button").nth(0).click()
    page.eventually(lambda: bool(held))
    page.find("#unit-body .grid button").nth(1).click()
    heading, _ = proof(page)
    assert heading.startswith("conv2.weight[9,0,1,")
    with page.page.expect_response("**/api/proof"):
        held[0].continue_()
    assert proof(page)[0] == heading


def test_biases_and_the_weights_of_linear_units_can_be_pressed_too(page, exact, pixels):
    page.open(**UNIT)
    page.find("#class").select_option("4")
    _, of_weights = backward(exact, pixels, of_logit(4))
    for layer, *unit in (("conv1", 6, 7, 9), ("fc7", 11), ("fc8", 4)):
        page.settle().point(layer, *unit)
        for number, key in enumerate(("bias", "weight")):
            if (layer, key) == ("conv1", "weight"):
                continue
            page.find("#unit-body button").nth(number).click()
            place = unit[-1:]
            if key == "weight":
                place.append(int(page.rows("#unit-body table")[0][0].split()[-1]))
            name = f"{layer}.{key}[{','.join(map(str, place))}]"
            page.find("#proof h3", has_text=f"{name}: ").wait_for()
            gradients = of_weights[layer][key]
            backwards = proof(page)[1]["its gradient, from the layer's backward"]
            assert_shown(backwards, gradients[tuple(place)], 1e-4 * abs(gradients).max())
