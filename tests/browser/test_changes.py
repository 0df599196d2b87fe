"""What a reader changes in the network, or covers of a picture, changes the answers."""

import numpy
import pytest
from explore_page import assert_answers, assert_shown, forward
from explore_subjects import PICTURE, UNIT, logits, rounding_of


def off(layer, number):
    def change(name, x, y):
        if name == layer:
            y[..., number] = 0
        return y

    return change


def left_out(layer):
    return lambda name, x, y: x if name == layer else y


def unpadded(layer, padding):
    """Units of a convolution with stride 1 whose window reaches beyond the edge are 0."""
    inside = slice(padding, -padding)

    def change(name, x, y):
        if name == layer:
            kept = numpy.zeros_like(y)
            kept[:, inside, inside] = y[:, inside, inside]
            return kept
        return y

    return change


OFF = "it is switched off, so y is 0"
LEFT_OUT = "the normalisation is left out, so y is x"
UNPADDED = "its window reaches into the padding, so y is 0"


@pytest.mark.parametrize(
    ("layer", "unit", "label", "change", "said"),
    [
        ("conv2", "6,7,9", "Switch kernel 9 off", off("conv2", 9), OFF),
        ("fc7", "{largest}", "Switch unit {largest} off", None, OFF),
        ("fc8", "6", "Switch unit 6 off", off("fc8", 6), OFF),
        ("norm1", "3,3,20", "Leave the normalisation out", left_out("norm1"), LEFT_OUT),
        ("conv1", "0,3,5", "No padding: units", unpadded("conv1", 2), UNPADDED),
    ],
    ids=["kernel", "unit", "class", "normalisation", "padding"],
)
def test_a_changed_network_answers_as_such_a_network_does(
    layer, unit, label, change, said, page, exact, outputs, pixels
):
    number = int(outputs["fc7"].argmax())  # of a unit that is 0 nothing would be seen
    unit, label = (text.replace("{largest}", str(number)) for text in (unit, label))
    page.open(picture=f"test/{PICTURE}", layer=layer, unit=unit)
    answers, y = page.answers(), page.text(".value")
    page.labelled(label).check()
    page.settle()
    expected = forward(exact, pixels, change=change or off("fc7", number))
    assert_answers(page, logits(expected), exact.class_names)
    changed = page.answers()
    assert [answer.logit for answer in changed] != [answer.logit for answer in answers]
    shares = {answer.name: answer.share for answer in answers}
    then = {answer.name: answer.share_before for answer in changed}
    assert (shares | then).items() >= shares.items()
    place = tuple(map(int, unit.split(",")))
    assert_shown(page.text(".value"), expected[layer][place], rounding_of(expected[layer]))
    assert f"You have changed this: {said}. Without that:" in page.text("#unit-body")
    *place, last = (int(at) for at in unit.split(","))
    if said != LEFT_OUT:
        page.point(layer, *(6 for _ in place), last - 1)
        assert "You have changed" not in page.text("#unit-body")
        page.point(layer, *place, last)
    # Before the layer nothing has changed.
    page.labelled("what has changed").check()
    page.settle()
    names = list(exact.network.layers)
    for name in names:
        difference = page.shown(name)
        assert difference.any() == (names.index(name) >= names.index(layer))
        near = 2 * rounding_of(outputs[name])
        numpy.testing.assert_allclose(difference, expected[name] - outputs[name], atol=near)
    page.button("Undo all").click()
    page.settle()
    assert (page.answers(), page.text(".value")) == (answers, y)
    assert not page.labelled(label).is_checked()
    assert page.labelled("activations").is_checked()


def test_changes_add_up_and_each_can_be_taken_back(page, exact, outputs, pixels):
    nine, ten = off("conv2", 9), off("conv2", 10)
    page.open(**UNIT)
    page.labelled("Switch kernel 9 off").check()
    page.settle().point("conv2", 0, 0, 10)
    page.labelled("Switch kernel 10 off").check()
    both = forward(exact, pixels, change=lambda name, x, y: nine(name, x, ten(name, x, y)))
    assert_answers(page.settle(), logits(both), exact.class_names)
    assert len(page.texts("#change-list li")) == 2
    page.button("Undo: conv2: kernel 9 is off").click()
    assert_answers(page.settle(), logits(forward(exact, pixels, change=ten)), exact.class_names)
    page.labelled("Switch kernel 10 off").uncheck()
    assert_answers(page.settle(), logits(outputs), exact.class_names)
    assert not page.button("Undo all").is_visible()


def test_dropout_drops_the_same_units_out_until_others_are_drawn(page, exact, drawn):
    answers = page.open(picture=f"test/{PICTURE}", layer="dropout6", unit="3").answers()

    def dropped(picture):
        """Of each unit whether it is out, NaN if it is 0 anyway. All else must follow from that."""
        y, x = page.choose(picture).shown("dropout6"), page.shown("relu6")
        out = (y == 0) & (x > 0)
        numpy.testing.assert_allclose(y[~out], 2 * x[~out], rtol=1e-6)
        assert 0.3 < out[x > 0].mean() < 0.7

        def change(name, x, y):
            return numpy.where(out, 0, 2 * x) if name == "dropout6" else y

        outputs = forward(exact, drawn.test.images[picture], change=change)
        assert_answers(page, logits(outputs), exact.class_names)
        return numpy.where(x > 0, out, numpy.nan)

    page.labelled("Drop units out, as in training").check()
    first = dropped(PICTURE)
    other = dropped(5)
    known = ~numpy.isnan(first + other)
    assert known.sum() > 50
    numpy.testing.assert_array_equal(first[known], other[known])
    page.button("Draw other units").click()
    other = dropped(PICTURE)
    known = ~numpy.isnan(first)
    assert (first != other)[known].mean() > 0.2
    page.labelled("gradients, flowing back from").check()
    dy, dx = page.settle().shown("dropout6"), page.shown("relu6")
    numpy.testing.assert_allclose(dx[known], numpy.where(other == 1, 0, 2 * dy)[known], rtol=1e-6)
    page.labelled("activations").check()
    page.button("Undo all").click()
    assert page.settle().answers() == answers


def test_a_square_covers_the_picture_and_is_moved(page, exact, pixels):
    page.open(picture=f"test/{PICTURE}")
    answers = page.answers()
    canvas, mouse, keyboard = page.find("#picture"), page.page.mouse, page.page.keyboard

    def covers(row, column, side):
        """Checks the answers, and that the square's corners have the mean colour."""
        assert page.settle().store("state.covered") == [row, column, side]
        expected = forward(exact, pixels, covered=(row, column, side))
        assert_answers(page, logits(expected), exact.class_names)
        ends = [[row, column], [row + side - 1, column + side - 1]]
        colours = canvas.evaluate(
            """(canvas, ends) => ends.map((place) => {
              const [y, x] = place.map((at) => (at + 0.5) * canvas.width / 32);
              return [...canvas.getContext("2d").getImageData(x, y, 1, 1).data];
            })""",
            ends,
        )
        mean = numpy.broadcast_to(exact.standardize.mean, 3).round()
        assert colours == [[*mean, 255]] * 2

    page.labelled("Cover a square").check()
    covers(12, 12, 8)
    box = canvas.bounding_box()
    size = box["width"] / 32
    mouse.move(box["x"] + 10 * size, box["y"] + 20 * size)
    mouse.down()
    covers(16, 6, 8)  # its middle is where the mouse is
    mouse.move(box["x"] + 22 * size, box["y"] + 9 * size, steps=3)
    covers(5, 18, 8)
    mouse.move(box["x"] + 60 * size, box["y"] - 9 * size)
    covers(0, 24, 8)  # it stays on the picture
    mouse.up()
    mouse.move(box["x"] + 10 * size, box["y"] + 20 * size)
    covers(0, 24, 8)
    canvas.focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowLeft", "ArrowRight", "ArrowUp", "Shift+ArrowLeft"):
        keyboard.press(key)
    covers(1, 16, 8)
    page.find("#cover-size").fill("20")
    covers(1, 12, 20)
    assert page.text("#cover-size-shown") == "20 × 20"
    page.labelled("Cover a square").uncheck()
    assert page.settle().answers() == answers
