"""The page without a mouse, and for those who do not see it."""

import itertools

import pytest
from explore_subjects import UNIT

#: The element that has the focus: its text or its name, and whether a frame shows that.
FOCUSED = """() => {
  const element = document.activeElement, framed = element.closest(".button") ?? element;
  const { outlineStyle, outlineWidth } = getComputedStyle(framed);
  const isFramed = outlineStyle !== "none" && parseFloat(outlineWidth) >= 1;
  return [element.id || element.ariaLabel || element.innerText, isFramed];
}"""


def test_a_unit_is_found_with_the_keyboard_alone(page):
    press = page.open().page.keyboard.press

    def tab_to(wanted):
        for _ in range(200):
            press("Tab")
            name, is_framed = page.page.evaluate(FOCUSED)
            assert is_framed, f"nothing shows that {name} has the focus"
            if name == wanted:
                return
        pytest.fail(f"the Tab key does not lead to {wanted}")

    tab_to("Skip to the unit")
    assert page.find(".skip").bounding_box()["x"] >= 0
    tab_to("open-conv2")
    press("Enter")
    assert page.settle().text("#layer-heading") == "conv2"
    row, column, number = page.store("selected.unit")
    tab_to("sheet")
    press("ArrowLeft" if number else "ArrowRight")
    number += -1 if number else 1
    tab_to("map")
    for key, down, right in (("ArrowUp", -1, 0), ("ArrowLeft", 0, -1), ("ArrowDown", 1, 0)):
        press(key)
        row, column = max(row + down, 0), max(column + right, 0)
        place = f"conv2, map {number}, row {row}, column {column}"
        assert page.settle().text("#unit-heading") == place
    for field, typed in (("at-map", "70"), ("at-row", "0"), ("at-column", "15")):
        tab_to(field)
        page.page.keyboard.type(typed)
    press("Enter")
    assert page.settle().text("#unit-heading") == "conv2, map 70, row 0, column 15"
    page.page.keyboard.type("9")  # there is no column 159
    press("Enter")
    assert page.settle().text("#unit-heading") == "conv2, map 70, row 0, column 15"
    assert page.find("#at-column").input_value() == "15"
    assert (
        page.message.text_content() == "conv2 has maps 0 to 95, rows 0 to 15 and columns 0 to 15."
    )
    tab_to("weight 0, 0: " + page.cells(1)[0].in_full)
    press("Enter")
    page.find("#proof[aria-busy=false] table").wait_for()


def test_what_is_used_with_the_keyboard_keeps_the_focus(page):
    page.open(**UNIT)
    page.find("#unit-body .sum button").click()
    page.find("#proof[aria-busy=false] table").wait_for()
    lost = []
    for what, control, key in (
        ("weight", page.find("#unit-body .grid button").first, "Enter"),
        ("nudge", page.labelled("The nudge δ"), "ArrowDown"),
        ("channel", page.find("#unit-body select"), "ArrowDown"),
        ("switch", page.labelled("Switch kernel 9 off"), "Space"),
    ):
        control.focus()
        page.page.keyboard.press(key)
        if what in ("weight", "nudge"):
            page.find("#proof[aria-busy=false] table").wait_for()
        if page.settle().page.evaluate("() => document.activeElement === document.body"):
            lost.append(what)
    assert lost == []


def test_what_goes_away_when_it_is_used_leaves_the_focus_nearby(page):
    page.open(**UNIT)
    for label in ("Switch kernel 9 off", "Cover a square", "Let me predict it first"):
        page.labelled(label).check()
        page.settle()
    focused = "() => document.activeElement.id"
    for control, nearby in (
        (page.button("Undo: conv2: kernel 9 is off"), "show-heading"),
        (page.button("Undo all"), "show-heading"),
        (page.button("Look", exact=True), "outcome"),
    ):
        control.press("Enter")
        assert page.settle().page.evaluate(focused) == nearby
    for control, other, first in (  # three sheets
        ("later", "earlier", "24"),
        ("later", "earlier", "48"),
        ("earlier", "later", "24"),
        ("earlier", "later", "0"),
    ):
        page.find(f"#{control}").press("Enter")
        page.find(f"#thumbnails button[value='test/{first}']").wait_for()
        is_end = first in ("48", "0")
        assert page.find(f"#{control}").is_disabled() == is_end
        assert page.page.evaluate(focused) == (other if is_end else control)


def test_there_is_one_main_part_whichever_panel_is_open(page):
    page.open()
    for panel in ("Training", "Look inside"):
        page.panel(panel).click()
        assert page.page.get_by_role("main").get_by_role("tabpanel").count() == 1


def test_the_arrow_keys_lead_from_one_panel_to_the_other(page):
    look, training = page.open().panel("Look inside"), page.panel("Training")
    assert page.page.get_by_role("tab").count() == 2
    look.focus()
    for chosen, other in ((training, look), (look, training)):
        page.page.keyboard.press("ArrowRight")
        assert chosen.evaluate("(tab) => tab === document.activeElement")
        for button, selected, index in ((chosen, "true", "0"), (other, "false", "-1")):
            assert button.get_attribute("aria-selected") == selected
            assert button.get_attribute("tabindex") == index
        panels = page.page.get_by_role("tabpanel")
        assert panels.count() == 1
        assert panels.get_attribute("aria-labelledby") == chosen.get_attribute("id")


def test_what_has_changed_is_said_to_those_who_do_not_see_it(page):
    page.open(**UNIT)

    def is_said(text):
        said = page.page.locator("[aria-live=polite]").all_text_contents()
        return any(text in each for each in said)

    for picture in (3, 9):
        best = page.choose(picture).answers()[0]
        assert is_said(f"{best.name}, {best.share}%")
    for key, row in (("ArrowDown", 7), ("ArrowDown", 8)):
        page.find("#map").press(key)
        page.settle()
        assert is_said(f"conv2, map 9, row {row}, column 7 is ")


#: Roles in the accessibility tree of what is of no use without a name.
NAMED = {"Canvas", "button", "checkbox", "combobox", "dialog", "heading", "image", "link", "radio"}


NAMED |= {"region", "slider", "spinbutton", "tab", "tablist", "tabpanel", "textbox"}


def nameless(found):
    """What a screen reader meets on the page without a name: its role and its attributes."""
    session, bare = found.page.context.new_cdp_session(found.page), []
    for node in session.send("Accessibility.getFullAXTree")["nodes"]:
        role, name = (node.get(key, {}).get("value", "") for key in ("role", "name"))
        if not node["ignored"] and role in NAMED and not name.strip():
            place = {"backendNodeId": node["backendDOMNodeId"]}
            attributes = session.send("DOM.describeNode", place)["node"]["attributes"]
            bare.append(" ".join([role, *attributes]))
    return bare


def test_all_controls_and_canvases_have_names(full):
    assert nameless(full) == []


def test_controls_are_called_what_they_do(full):
    for role, name in (("combobox", "Gradients of"), ("combobox", "class")):
        assert full.page.get_by_role(role, name=name, exact=True).count() == 1


def test_headings_go_down_one_level_at_a_time(full):
    levels = full.page.evaluate(
        """() => [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")]
          .filter((heading) => heading.checkVisibility())
          .map(({ tagName }) => Number(tagName[1]))"""
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert levels.count(3) >= 4
    assert all(level <= above + 1 for above, level in itertools.pairwise(levels))


def test_the_training_and_the_windows_have_names_too(page, grey_page):
    page.open().panel("Training").click()
    page.find("#loss-chart svg").wait_for()
    grey_page.open().button("Draw").click()
    grey_page.button("Camera").click()
    for name in ("Draw", "Camera"):
        grey_page.page.get_by_role("dialog", name=name).wait_for()
    inside = [bare for bare in nameless(grey_page) if not bare.startswith("Canvas")]
    assert nameless(page) + inside == []
