"""How the page looks: on a phone, in light and in the dark."""

from explore_page import tab, value
from explore_subjects import PICTURE, UNIT


def test_a_phone_does_not_scroll_sideways(chromium, address):
    with tab(chromium, address, viewport={"width": 375, "height": 800}) as found:
        found.open(**UNIT)
        wide = {}

        def measure(what):
            wide[what] = found.page.evaluate("() => document.documentElement.scrollWidth")

        for layer in ("conv1", "conv2", "norm1", "pool1"):
            found.point(layer, 3, 4, 5)
            measure(layer)
        for layer in ("flatten", "fc6", "softmax"):
            found.point(layer, 5)
            measure(layer)
        found.panel("Training").click()
        found.find("#loss-chart svg").wait_for()
        measure("training")
        found.panel("Look inside").click()
        found.point("conv2", 3, 4, 5).find("#unit-body .sum button").click()
        found.find("#proof[aria-busy=false] table").wait_for()
        measure("proof")
        assert {what: width for what, width in wide.items() if width > 375} == {}


#: Texts with less contrast than 4.5 : 1, or 3 : 1 for large ones, as WCAG 2.2 (1.4.3) computes it.
FAINT = """() => {
  const rgba = (text) => text.match(/[0-9.]+/g).map(Number);
  const light = (rgb) => rgb.slice(0, 3).map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, c) => sum + v * [0.2126, 0.7152, 0.0722][c], 0);
  const ground = (element) => {
    const colour = rgba(getComputedStyle(element).backgroundColor);
    return colour[3] === 0 && element.parentElement ? ground(element.parentElement) : colour;
  };
  const isText = (node) => node.nodeType === Node.TEXT_NODE && node.data.trim();
  return [...document.querySelectorAll("body *")].filter((element) => {
    const isSeen = element.checkVisibility({ visibilityProperty: true }) && !element.disabled;
    if (!isSeen || ![...element.childNodes].some(isText)) return false;
    const { color, fontSize } = getComputedStyle(element);
    const [dark, bright] = [light(rgba(color)), light(ground(element))].sort((a, b) => a - b);
    return (bright + 0.05) / (dark + 0.05) < (parseFloat(fontSize) >= 24 ? 3 : 4.5);
  }).map((element) => `${element.tagName} ${element.className} ${element.textContent}`);
}"""


def test_all_texts_can_be_read_in_light_and_in_the_dark(full, refused):
    refused.open()
    refused.give(b"")
    refused.message.wait_for()
    refused.panel("Training").click()
    refused.find("#loss-chart svg").wait_for()
    full.labelled("Let me predict it first").uncheck()
    for scheme in ("light", "dark"):
        for found in (full, refused):
            found.page.emulate_media(color_scheme=scheme)
            shade = found.page.evaluate("() => getComputedStyle(document.body).backgroundColor")
            assert (value(shade.split(",")[1]) > 128) == (scheme == "light")
        full.point("conv1", 0, 5, 5)  # its numbers get their colours
        assert full.page.evaluate(FAINT) + refused.page.evaluate(FAINT) == []


def test_maps_are_drawn_anew_where_light_becomes_dark(page):
    page.open(picture=f"test/{PICTURE}", layer="conv1", unit="0,4,5")
    maps = "() => [...document.querySelectorAll('#map, #sheet')].map((map) => map.toDataURL())"
    light = page.page.evaluate(maps)
    assert len(set(light)) == 2  # all maps, and the chosen one
    page.page.emulate_media(color_scheme="dark")
    page.eventually(lambda: not set(light) & set(page.page.evaluate(maps)))
    page.page.emulate_media(color_scheme="light")
    page.eventually(lambda: page.page.evaluate(maps) == light)


def test_numbers_get_other_colours_where_light_becomes_dark_and_a_guess_stays(page):
    page.open(**UNIT)
    page.labelled("Let me predict it first").check()
    page.settle().labelled("Your prediction").fill("3")
    colours = "() => [...document.querySelectorAll('.grid td')].map((td) => td.style.background)"
    light = page.page.evaluate(colours)
    page.page.emulate_media(color_scheme="dark")
    page.eventually(lambda: page.page.evaluate(colours) != light)
    assert page.labelled("Your prediction").input_value() == "3"


def test_places_without_a_unit_do_not_look_like_zeros(page, net):
    """Ten units are drawn in three rows of four."""
    page.open(picture=f"test/{PICTURE}", layer="fc8", unit="0")
    shades = page.find("#sheet").evaluate(
        """(canvas) => {
          const side = canvas.width / 4, pen = canvas.getContext("2d");
          return [9, 10, 11].map((n) => new Set(new Uint32Array(pen.getImageData(
            (n % 4) * side, Math.floor(n / 4) * side, side, side).data.buffer)).size);
        }"""
    )
    assert len(net.class_names) == 10
    assert shades[0] == 1
    assert min(shades[1:]) > 1


def test_the_picture_among_the_layers_is_drawn_in_whole_pixels(page, pixels):
    page.open(picture=f"test/{PICTURE}")
    width = page.find("#river canvas").first.evaluate("(canvas) => canvas.width")
    assert width >= 240
    assert width % pixels.shape[1] == 0


def test_a_finger_scrolls_on_the_picture_unless_it_drags_a_square(page):
    page.open()
    touch = "(canvas) => getComputedStyle(canvas).touchAction"
    assert page.find("#picture").evaluate(touch) == "auto"
    page.labelled("Cover a square").check()
    assert page.settle().find("#picture").evaluate(touch) == "none"
