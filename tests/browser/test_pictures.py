"""Pictures on the page: the data set's, files, drawings, the camera's."""

import base64
import io
import os

import numpy
from data_helpers import photograph
from explore_page import assert_answers, assert_shares, forward
from explore_subjects import PICTURE, logits, png
from PIL import Image

from minialex.inference import load


def test_the_test_pictures_are_chosen_from_sheets(page, exact, drawn):
    page.open()
    thumbnails = page.find("#thumbnails button")
    titles = [
        f"picture {n}, {exact.class_names[label]}" for n, label in enumerate(drawn.test.labels)
    ]
    assert page.text("#picture-title") == titles[0].replace(",", ":")
    assert page.button("Earlier test pictures").is_disabled()
    for first, last in ((0, 23), (24, 47), (48, 59)):
        thumbnails.first.and_(page.page.get_by_title(titles[first])).wait_for()
        assert thumbnails.count() == last - first + 1
        page.choose(last - first)
        title, label = titles[last], exact.class_names[drawn.test.labels[last]]
        assert page.text("#picture-title") == title.replace(",", ":")
        pressed = page.find("#thumbnails [aria-pressed=true]")
        assert pressed.get_attribute("title") == title
        assert_answers(page, logits(forward(exact, drawn.test.images[last])), exact.class_names)
        assert page.text("#answers-note") == f"It is: {label}."
        assert set(page.texts("#answers .right .class")) <= {f"{label} ✓"}
        if last < 59:
            page.button("Later test pictures").click()
    assert page.button("Later test pictures").is_disabled()
    page.button("Earlier test pictures").click()
    thumbnails.first.and_(page.page.get_by_title(titles[24])).wait_for()


def test_a_net_that_sees_colours_has_a_blank_picture_but_no_paper(page, exact):
    page.open()
    assert page.button("Draw").count() == 0
    page.button("Blank").click()
    blank = forward(exact, numpy.zeros((32, 32, 3), numpy.uint8), covered=(0, 0, 32))
    assert_answers(page.settle(), logits(blank), exact.class_names)
    assert page.text("#picture-title") == "blank"
    bias = exact.network.params["conv1.bias"]
    numpy.testing.assert_allclose(page.shown("conv1"), numpy.tile(bias, (32, 32, 1)), rtol=1e-6)


def test_of_pictures_that_are_chosen_in_a_hurry_the_last_is_shown(page, exact, drawn):
    page.open()
    page.find("#thumbnails button").evaluate_all("(all) => all.forEach((button) => button.click())")
    assert page.settle().text("#picture-title").startswith("picture 23: ")
    assert_answers(page, logits(forward(exact, drawn.test.images[23])), exact.class_names)


def test_of_files_that_are_given_in_a_hurry_the_last_is_shown(page, net):
    page.open()
    held = []
    page.page.route("**/api/pictures", lambda route: held.append(route), times=1)
    page.give(png(photograph(40, 40)))
    page.eventually(lambda: bool(held))
    last = photograph(90, 60)
    with page.looks():
        page.give(png(last))
    page.settle()
    held[0].continue_()
    page.page.wait_for_timeout(500)
    assert_shares(page.settle(), net.predict(Image.fromarray(last))[0], net.class_names)


#: In the page: gives it a file by "drop" or "paste".
GIVE = """([way, content]) => {
  const given = new DataTransfer();
  given.items.add(new File([Uint8Array.from(content)], "picture.png", { type: "image/png" }));
  const options = { bubbles: true, cancelable: true, dataTransfer: given, clipboardData: given };
  const event = way === "drop" ? new DragEvent(way, options) : new ClipboardEvent(way, options);
  document.getElementById("picture").dispatchEvent(event);
}"""


def test_a_picture_from_a_file_gets_the_answers_of_predict(page, net):
    page.open()
    for turns, way in enumerate(("choose", "drop", "paste")):
        picture = numpy.rot90(photograph(90, 60), turns).copy()
        with page.looks():
            if way == "choose":
                page.give(png(picture))
            else:
                page.page.evaluate(GIVE, [way, list(png(picture))])
        (shares,) = net.predict(Image.fromarray(picture))
        assert_shares(page.settle(), shares, net.class_names)
        assert page.text("#picture-title") == "your picture"
        assert page.text("#answers-note") == ""


def test_a_file_that_is_no_picture_is_refused_and_the_page_goes_on(refused, tmp_path):
    unreadable = "this is not a readable picture: expected JPEG, PNG, WEBP, GIF or BMP"
    many = "this picture is too large: expected at most 50,000,000 pixels, got 9000 × 9000"
    refused.open(picture="test/7")
    answers = refused.answers()
    for name, content, said in [
        ("empty", b"", unreadable),
        ("text", b"To be read.\n", unreadable),
        ("vectors", b"<svg xmlns='http://www.w3.org/2000/svg'/>", unreadable),
        ("half", png(photograph(90, 60))[:2000], "not a readable picture"),
        ("many", png(numpy.zeros((9000, 9000), bool)), many),
        ("large", b"", "That file is too large: expected at most 20 MB."),
    ]:
        file = tmp_path / name
        file.write_bytes(content)
        if name == "large":
            os.truncate(file, 20_000_001)
        refused.give(file)
        refused.message.wait_for()
        assert said in refused.message.inner_text()
        assert refused.settle().text("#picture-title").startswith("picture 7: ")
        assert refused.answers() == answers
        with refused.looks():
            refused.give(png(photograph(40, 40)))
        assert refused.settle().text("#picture-title") == "your picture"
        assert not refused.message.is_visible()
        refused.choose(7)


def test_the_camera_is_looked_through_until_it_is_stopped(page):
    page.open()
    is_on = "() => document.getElementById('video').srcObject !== null"
    page.button("Camera").click()
    for _ in range(2):  # it goes on by itself
        with page.looks():
            pass
    assert page.page.evaluate(is_on)
    page.button("Stop").click()
    page.eventually(lambda: not page.page.evaluate(is_on))
    assert not page.find("#camera").is_visible()
    assert page.settle().text("#picture-title") == "your picture"


def test_what_is_drawn_on_the_paper_of_a_grey_net_is_answered(grey, grey_page):
    net = load(grey, backend_name="numpy")
    blank = grey_page.open().answers()
    grey_page.button("Draw").click()
    paper, mouse = grey_page.labelled("Draw here with the mouse or a finger"), grey_page.page.mouse
    box = paper.bounding_box()
    mouse.move(box["x"] + 60, box["y"] + 50)
    mouse.down()
    for x, y in ((220, 60), (120, 240)):
        mouse.move(box["x"] + x, box["y"] + y, steps=4)
    mouse.up()
    url = paper.evaluate("(paper) => paper.toDataURL('image/png')")
    picture = Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))
    (shares,) = net.predict(picture)
    best = net.class_names[shares.argmax()], f"{100 * shares.max():.1f}"

    def is_answered():
        first = grey_page.settle().answers()[0]
        return (first.name, first.share) == best

    grey_page.eventually(is_answered)
    assert_shares(grey_page, shares, net.class_names)
    drawn = grey_page.answers()
    assert drawn != blank
    grey_page.button("Wipe").click()
    grey_page.eventually(lambda: grey_page.settle().answers() != drawn)
    (shares,) = net.predict(numpy.zeros((28, 28), numpy.uint8))
    assert_shares(grey_page, shares, net.class_names)
    with grey_page.looks():
        paper.click()  # a point
    wiped = grey_page.settle().answers()
    assert wiped != drawn
    grey_page.page.keyboard.press("Escape")
    assert not paper.is_visible()


def test_what_is_covered_shows_the_mean_colour(page, exact, pixels):
    page.open(picture=f"test/{PICTURE}")
    page.labelled("Cover a square").check()
    row, column, side = page.settle().store("state.covered")
    seen = page.store("look.arrays.pixels")
    shown = numpy.reshape(seen["data"], seen["shape"])
    mean = numpy.broadcast_to(exact.standardize.mean, 3).round()
    expected = pixels.astype(float)
    expected[row : row + side, column : column + side] = mean
    numpy.testing.assert_array_equal(shown, expected)
