"""Many tabs at once, a server that has ended, a browser without the token."""

from explore_page import Tab, assert_answers, assert_shown, forward, tab
from explore_subjects import UNIT, logits, rounding_of

from benchmarks.browser import serving


def test_ten_tabs_at_once_each_show_their_own_picture(chromium, address, exact, drawn):
    context = chromium.new_context()
    tabs = [Tab(context, address) for _ in range(10)]
    for number, each in enumerate(tabs):
        each.page.goto(f"{address}#picture=test/{number}&layer=conv1&unit=3,4,{number}")
    for number, each in enumerate(tabs):
        each.settle()
        outputs = forward(exact, drawn.test.images[number])
        assert each.text("#picture-title").startswith(f"picture {number}: ")
        assert_answers(each, logits(outputs), exact.class_names)
        y = outputs["conv1"][3, 4, number]
        assert_shown(each.text(".value"), y, rounding_of(outputs["conv1"]))
        assert each.complaints == []
    context.close()


def test_a_page_whose_server_has_ended_says_so_and_does_not_hang(chromium, run):
    with serving(run) as (address, process), tab(chromium, address) as found:
        found.open(**UNIT)
        process.terminate()
        process.wait()
        found.find("#thumbnails button").nth(4).click()
        found.message.wait_for()
        expected = "The server does not answer: has minialex explore been stopped?"
        assert found.message.inner_text() == expected
        found.settle().find("#map").press("ArrowRight")
        assert found.settle().message.inner_text() == expected
        found.panel("Training").click()
        assert found.find("#training").is_visible()


def test_without_the_token_there_is_no_page_but_a_hint(chromium, address):
    page = chromium.new_page()
    for token in ("", "?token=", "?token=wrong", "?token=%00%ff"):
        response = page.goto(address.partition("?")[0] + token)
        assert response.status == 401
        hint = "the token is missing, or of an earlier start: open the address in the terminal"
        assert hint in page.locator("body").inner_text()
    page.close()


def test_a_page_does_not_get_in_with_what_the_browser_remembers(refused):
    refused.open()
    for path in ("/", "/api/network"):
        status = refused.page.evaluate("async (path) => (await fetch(path)).status", path)
        assert status == 401
