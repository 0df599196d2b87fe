"""Numbers are not seen before they are predicted."""

import pytest
from explore_page import assert_shown, value
from explore_subjects import PICTURE, UNIT, rounding_of

#: The elements in which a text can be read, or which say it when they are pointed at.
READABLE = """(text) => [...document.querySelectorAll("body *")].filter((element) => {
  if (!element.checkVisibility({ visibilityProperty: true })) return false;
  const isClear = getComputedStyle(element).color.endsWith(", 0)");
  const own = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE);
  const isWritten = own.some((node) => node.data.includes(text));
  return element.title.includes(text) || (isWritten && !isClear);
}).map((element) => `${element.tagName} ${element.id} ${element.className}`)"""


def test_a_number_is_not_seen_before_it_is_predicted(page, outputs):
    page.open(**UNIT)
    page.labelled("Let me predict it first").check()
    for layer, *unit in (("conv2", 6, 7, 9), ("norm1", 12, 13, 20), ("fc6", 3)):
        page.point(layer, *unit)
        y = outputs[layer][tuple(unit)]
        text = f"{abs(y):.5g}"[:-1]  # the last digit may be rounded otherwise
        assert page.page.evaluate(READABLE, text) == []
        assert page.text("#unit-said") == page.text("#unit-heading")
        page.labelled("Your prediction").fill("-2.5")
        page.page.keyboard.press("Enter")
        guess, _, y_shown = page.text(".guess").partition(": it is ")
        said, _, off = guess.partition(", off by ")
        assert said == "You said −2.5000"
        assert value(off) == pytest.approx(abs(y + 2.5), rel=0.01)
        assert_shown(y_shown, y, rounding_of(outputs[layer]))
        assert page.text("#unit-said") == page.text(".guess")
        assert "SPAN  answer" in page.page.evaluate(READABLE, text)


def test_all_channels_can_be_seen_before_a_prediction_but_no_sums(page):
    page.open(picture=f"test/{PICTURE}", layer="conv1", unit="6,7,9")
    page.labelled("Let me predict it first").check()
    options = page.settle().find("#channel option")
    assert options.all_text_contents() == ["red", "green", "blue"]
    windows = []
    for colour in ("red", "green", "blue"):
        page.find("#channel").select_option(colour)
        windows.append([cell.text for cell in page.cells(0)])
        assert page.find("#channel").is_visible()
    assert len({tuple(window) for window in windows}) == 3
    page.button("Look", exact=True).click()
    assert all(": " in text for text in options.all_text_contents())


def test_neither_a_divisor_nor_the_end_of_the_scale_gives_the_answer_away(page):
    page.open(picture=f"test/{PICTURE}", layer="norm1", unit="12,13,20")
    divisor = page.find("#unit-body .sum").nth(1).text_content().rpartition(" = ")[2]
    page.labelled("Let me predict it first").check()
    assert page.settle().page.evaluate(READABLE, divisor) == []
    assert not page.find("#bar-high").is_visible()
    page.point("softmax", 3)
    assert not page.find("#answers-said").is_visible()


def test_an_answer_is_not_seen_beside_its_prediction(page, outputs):
    """The probabilities and logits of the answers are the numbers of the last layers."""
    page.open(picture=f"test/{PICTURE}", layer="fc8", unit="4")
    page.labelled("Let me predict it first").check()
    for layer in ("fc8", "softmax"):
        page.point(layer, 4)
        assert not page.find("#answers li").first.is_visible()
        page.button("Look", exact=True).click()
        assert page.find("#answers li").first.is_visible()
    page.point("conv2", 6, 7, 9)
    assert page.find("#answers li").first.is_visible()


def test_a_guess_that_is_being_typed_outlives_new_numbers(page, outputs):
    page.open(**UNIT)
    page.labelled("Let me predict it first").check()
    page.settle().labelled("Your prediction").focus()
    page.page.keyboard.type("12")
    page.page.evaluate("""async () => (await import("/page/store.js")).refresh()""")
    page.settle().page.keyboard.type(".5")
    assert page.labelled("Your prediction").input_value() == "12.5"
    page.page.keyboard.press("Enter")
    said = page.text(".guess")
    assert said.startswith("You said 12.500, off by ")
    page.page.evaluate("""async () => (await import("/page/store.js")).refresh()""")
    assert page.settle().text(".guess") == said
    assert page.text(".value") != "y ="
    page.labelled("Switch kernel 9 off").check()  # which is to be predicted anew
    assert page.settle().text(".guess").startswith("Your prediction")
    page.labelled("Switch kernel 9 off").uncheck()
    page.settle().button("Look", exact=True).click()
    said = page.text(".guess")
    page.find("#unit-body select").focus()
    page.page.keyboard.press("ArrowDown")  # another channel of the same unit
    assert page.text(".guess") == said
    page.point("conv2", 6, 7, 10)
    assert page.labelled("Your prediction").input_value() == ""


def test_the_winner_of_a_pool_is_not_marked_before_it_is_predicted(page):
    page.open(picture=f"test/{PICTURE}", layer="pool1", unit="3,3,20")
    look = "(td) => [getComputedStyle(td).outlineStyle, getComputedStyle(td).fontWeight]"
    best, other = page.find(".grid td.best"), page.find(".grid td:not(.best)").first
    assert best.evaluate(look) != other.evaluate(look)
    page.labelled("Let me predict it first").check()
    page.settle()
    assert best.evaluate(look) == other.evaluate(look)
    assert not page.find("#unit-body .secret").is_visible()  # where else it wins
    page.button("Look").click()
    assert best.evaluate(look) != other.evaluate(look)
    assert page.find("#unit-body .secret").is_visible()


def test_the_next_number_is_not_seen_while_its_explanation_is_awaited(page, outputs):
    page.open(**UNIT)
    page.labelled("Let me predict it first").check()
    page.settle().button("Look").click()
    held = []
    page.page.route("**/api/unit", lambda route: held.append(route), times=1)
    page.find("#map").press("ArrowRight")
    page.eventually(lambda: bool(held))
    text = page.find("#map-heading").text_content().removeprefix("Map 9: ")
    assert_shown(text, outputs["conv2"][6, 8, 9], rounding_of(outputs["conv2"]))
    seen = page.page.evaluate(READABLE, text)
    held[0].continue_()
    page.settle()
    assert seen == []
