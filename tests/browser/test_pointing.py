"""Units are pointed at: by a click, and by the page's address."""

import pytest
from explore_page import assert_shown, tab
from explore_subjects import PICTURE, UNIT, rounding_of

#: Where the first yellow unit of a canvas has its middle, in shares of its width and height.
BRIGHTEST = """(canvas) => {
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  const isYellow = (p) => "253,231,37" === data.slice(4 * p, 4 * p + 3).join();
  let p = 0, zoom = 0;
  while (!isYellow(p)) p++;
  while (isYellow(p + zoom)) zoom++;
  return [(p % width + zoom / 2) / width, (Math.floor(p / width) + zoom / 2) / height];
}"""


def test_a_click_on_the_brightest_spot_explains_the_largest_unit(page, outputs):
    page.open(picture=f"test/{PICTURE}", layer="relu5", unit="0,0,0")
    page.labelled("Colours").select_option("one scale for each layer")  # then yellow is the largest
    largest, near = outputs["relu5"].max(), rounding_of(outputs["relu5"])
    for maps in (page.find("#sheet"), page.find("#river .selected canvas").first):
        page.point("relu5", 0, 0, 0)
        maps.scroll_into_view_if_needed()
        shares, box = maps.evaluate(BRIGHTEST), maps.bounding_box()
        spot = {"x": shares[0] * box["width"], "y": shares[1] * box["height"]}
        maps.hover(position=spot)
        hint = page.text("#river .selected .range")
        maps.click(position=spot)
        row, column, number = unit = tuple(page.settle().store("selected.unit"))
        place, y = f"map {number}, row {row}, column {column}", outputs["relu5"][unit]
        assert row != column  # else rows for columns would not be noticed
        assert y == pytest.approx(largest, rel=0.003)  # the last of 256 colours
        assert page.text("#unit-heading") == f"relu5, {place}"
        assert_shown(page.text(".value"), y, near)
    there, _, y_there = hint.rpartition(": ")
    assert there == place
    assert_shown(y_there, y, near)


def test_a_click_into_the_large_map_explains_the_unit_that_is_there(page):
    page.open(**UNIT)
    page.find("#map").scroll_into_view_if_needed()
    box = page.find("#map").bounding_box()
    for row, column in ((0, 0), (6, 11), (15, 15)):
        x, y = ((at + 0.5) / 16 * box["width"] for at in (column, row))
        page.find("#map").click(position={"x": x, "y": y})
        page.settle()
        assert page.text("#unit-heading") == f"conv2, map 9, row {row}, column {column}"


def test_an_explanation_that_comes_late_does_not_replace_a_newer_one(page):
    page.open(**UNIT)
    held = []
    page.page.route("**/api/unit", lambda route: held.append(route), times=1)
    page.find("#map").press("ArrowRight")
    page.eventually(lambda: bool(held))
    page.find("#map").press("ArrowRight")
    newest = "conv2, map 9, row 6, column 9"
    assert page.settle().text("#unit-heading") == newest
    held[0].continue_()
    page.page.wait_for_timeout(200)
    assert page.text("#unit-heading") == newest


def test_the_address_opens_a_unit_and_follows_the_reader(page):
    page.open(layer="fc8", unit="2", picture="test/5")
    assert page.text("#unit-heading") == "fc8, unit 2, triangle"
    assert page.text("#picture-title").startswith("picture 5: ")
    page.choose(8).point("conv2", 3, 4, 7)
    assert page.page.url == f"{page.address}#picture=test/8&layer=conv2&unit=3,4,7"
    page.page.reload()
    assert page.settle().text("#picture-title").startswith("picture 8: ")
    assert page.text("#unit-heading") == "conv2, map 7, row 3, column 4"


def test_what_a_unit_depends_on_is_said_in_words(page):
    for layer, unit, said in (
        ("conv2", "8,8,0", "11×11 pixels of the picture: rows 11 to 21, columns 11 to 21."),
        ("conv3", "0,7,0", "12×15 pixels of the picture: rows 0 to 11, columns 17 to 31."),
        ("fc6", "3", "32×32 pixels of the picture: rows 0 to 31, columns 0 to 31."),
        ("flatten", "0", "24×24 pixels of the picture: rows 0 to 23, columns 0 to 23."),
    ):
        page.open(layer=layer, unit=unit)
        assert f"It depends on {said}" in page.text("#unit-body")


def test_another_address_of_the_page_is_followed(page):
    page.open(**UNIT)
    page.page.evaluate("() => { location.hash = '#picture=test/5&layer=fc8&unit=2'; }")
    page.eventually(lambda: page.text("#unit-heading") == "fc8, unit 2, triangle")
    assert page.settle().text("#picture-title").startswith("picture 5: ")


def test_a_layer_is_closed_again(page):
    page.open(**UNIT)
    page.button("Close").click()
    assert not page.find("#layer").is_visible()
    assert page.text("#unit-heading") == "Point at a unit"
    assert page.page.evaluate("() => document.activeElement.innerText") == "conv2"
    assert "layer=" not in page.page.url
    is_shaded = """(over) => over.getContext("2d")
      .getImageData(0, 0, over.width, over.height).data.some(Boolean)"""
    assert not page.find("#river .over").first.evaluate(is_shaded)


def test_gradients_are_not_shaded(page):
    page.open(**UNIT)
    shaded = "(over) => over.getContext('2d').getImageData(1, 1, 1, 1).data[3] > 0"
    assert page.find("#river .over").first.evaluate(shaded)
    page.labelled("gradients, flowing back from").check()
    assert not page.settle().find("#river .over").first.evaluate(shaded)


def test_a_click_brings_the_explanation_into_view(chromium, address):
    with tab(chromium, address, viewport={"width": 1300, "height": 800}) as found:
        found.open()
        found.find("#river canvas").nth(2).click()
        found.settle()
        heading = found.find("#layer-heading")
        found.eventually(lambda: found.page.evaluate("() => scrollY") > 0)
        found.eventually(lambda: 0 <= heading.bounding_box()["y"] < 700)
        assert heading.inner_text() == "conv1"


def test_a_channel_that_was_chosen_is_followed_over_the_map(page):
    page.open(**UNIT)
    chosen = page.find("#channel option").nth(5).get_attribute("value")
    page.find("#channel").select_option(chosen)
    page.find("#map").press("ArrowRight")
    assert page.settle().find("#channel").input_value() == chosen
    page.point("conv3", 3, 3, 3).point("conv2", 6, 7, 9)
    largest = page.find("#channel option").first.get_attribute("value")
    assert page.find("#channel").input_value() == largest


def test_a_number_that_is_wiped_is_not_taken_for_0(page):
    page.open(**UNIT)
    page.find("#at-row").fill("")
    page.find("#at-row").press("Enter")
    assert page.settle().text("#unit-heading") == "conv2, map 9, row 6, column 7"
    assert page.find("#at-row").input_value() == "6"


def test_nonsense_about_units_in_the_address_is_ignored(page):
    for layer, unit in (("conv9", "1,2,3"), ("conv1", "32,0,0"), ("conv1", "1,2"), ("fc8", "<b>")):
        page.open(layer=layer, unit=unit)
        assert page.text("#picture-title").startswith("picture 0: ")
        assert page.text("#unit-heading") == "Point at a unit"
        assert not page.message.is_visible()


def test_instead_of_a_picture_that_is_not_there_the_first_is_shown(refused):
    for picture in ("test/60", "sent/" + 500 * "0"):
        refused.open(picture=picture, layer="fc8", unit="2")
        assert refused.text("#picture-title").startswith("picture 0: ")
        assert len(refused.answers()) == 5
        assert "not there any more" in refused.text("#message")
        assert refused.text("#unit-heading") == "fc8, unit 2, triangle"
