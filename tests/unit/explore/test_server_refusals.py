"""Whatever is sent to the server, its answer is an error in a sentence and no crash."""

import json

import numpy
import pytest
from data_helpers import random_pictures
from explore_client import (
    CHANGED,
    PORT,
    POSTS,
    TOKEN,
    Client,
    an_explorer,
    assert_has_headers,
    said,
)
from explored import STATE, as_file, damaged

from minialex.explore.access import MOST_JSON
from minialex.explore.pictures import MOST_BYTES

pytest.importorskip("flask", reason="the page needs Flask")

from minialex.explore.server import create_app


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"state", b"\xff\xfe\x00", b'{"state": }', b"{'state': 1}", b"null", b"true"),
        *(b"[]", b'[{"state": {}}]', b'"state"', b"7", b"NaN", b"{}", b'{"state": null}', b"\x00"),
        *(b"[" * 90_000, b"[" * 900 + b"]" * 900, b'{"state":' * 3_000, b'{"a":' * 150_000),
        *(b'{"state": ' + b"9" * 5_000 + b"}", b'{"state": ' + b"9" * 4_000 + b"}"),
        b'{"state": ' + b"[" * 800 + b"]" * 800 + b"}",
    ],
    ids=range(23),
)
def test_what_is_no_question_is_refused_in_a_sentence(body, path, page):
    answer = page.post(path, body)
    assert answer.status_code == 400
    assert said(answer)


@pytest.mark.parametrize("path", POSTS)
def test_a_question_that_is_too_long_is_refused(path, page):
    body = json.dumps(POSTS[path]).encode()
    assert page.post(path, body + b" " * (MOST_JSON - len(body))).status_code == 200
    answer = page.post(path, body + b" " * (MOST_JSON - len(body) + 1))
    assert answer.status_code == 413
    assert said(answer)


def test_a_picture_that_is_too_large_is_refused(page):
    content = as_file(random_pictures(1, 12)[0])
    assert page.post("/api/pictures", content + bytes(MOST_BYTES - len(content))).status_code == 200
    answer = page.post("/api/pictures", content + bytes(MOST_BYTES - len(content) + 1))
    assert answer.status_code == 413
    assert said(answer)


@pytest.mark.parametrize(
    "content",
    [b"", b"no picture", b"\x89PNG\r\n\x1a\n", as_file(random_pictures(1, 40)[0])[:2000]],
    ids=["empty", "a text", "a start", "a half"],
)
def test_a_broken_picture_is_refused_in_a_sentence(content, page):
    answer = page.post("/api/pictures", content)
    assert answer.status_code == 400
    assert "not a readable picture" in said(answer)


@pytest.mark.parametrize(
    "path, change, words",
    [
        ("/api/look", {"state": STATE | {"picture": "test/7"}}, "there is no picture 'test/7'"),
        ("/api/look", {"state": STATE | {"picture": "../x"}}, "there is no picture"),
        ("/api/look", {"state": STATE | {"moment": "step-9"}}, "there are no weights 'step-9'"),
        ("/api/look", {"state": STATE | {"covered": [1, 2]}}, "covered: expected row, column"),
        ("/api/look", {"state": STATE | {"changes": {"dropping": ["fc3"]}}}, "cannot be dropping"),
        ("/api/gradients", {"question": {"class": 3}}, "expected a class from 0 to 2, got 3"),
        ("/api/gradients", {"question": None}, "question: expected an object"),
        ("/api/unit", {"layer": "conv9"}, "there is no layer 'conv9'"),
        ("/api/unit", {"layer": None}, "layer: expected a text"),
        ("/api/unit", {"unit": [1, 2]}, "has units of the shape"),
        ("/api/unit", {"unit": [1, 2, 6]}, "has units of the shape"),
        ("/api/unit", {"unit": [-1, 2, 3]}, "unit: expected a whole number from 0"),
        ("/api/proof", {"key": "weights"}, "there is no parameter fc4.weights"),
        ("/api/proof", {"index": [3, 0]}, "fc4.weight has the shape"),
        ("/api/proof", {"index": 3}, "index: expected a list"),
        ("/api/proof", {"power": 13}, "power: expected a nudge of at least 1e-12, got 1e-13"),
        ("/api/proof", {"power": -1}, "power: expected a whole number from 0"),
        ("/api/proof", {"power": 2.5}, "power: expected a whole number from 0"),
        ("/api/proof", {"question": {"class": 7}}, "expected a class from 0 to 2, got 7"),
    ],
    ids=range(19),
)
def test_what_is_wrong_with_a_question_is_said(path, change, words, page):
    answer = page.post(path, POSTS[path] | change)
    assert answer.status_code == 400
    assert words in said(answer)


@pytest.mark.parametrize(
    "query",
    [
        "start=-1&count=3",
        "start=0&count=-1",
        "start=0&count=101",
        "start=3&count=99999999999999999",
    ],
)
def test_too_many_test_pictures_at_once_are_refused(query, page):
    answer = page.get(f"/api/pictures?{query}")
    assert answer.status_code == 400
    assert said(answer)


@pytest.mark.parametrize(
    "query", ["", "start=x&count=y", "start=7&count=5", f"start={10**18}&count=5", "start=1.5"]
)
def test_a_sheet_without_pictures_is_empty(query, page):
    answer = page.get(f"/api/pictures?{query}")
    assert (answer.status_code, answer.get_json()) == (200, [])


@pytest.mark.parametrize("start", [2**63, 10**30, 10**4000], ids=["64 bits", "large", "huge"])
def test_a_sheet_that_begins_far_beyond_the_last_picture_is_no_crash(start, page):
    assert page.get(f"/api/pictures?start={start}&count=5").status_code in (200, 400)


@pytest.mark.parametrize(
    "moment", ["nothing", "step-00000001", "%2e%2e%2fcheckpoint", "%F0%9F%A5%9A"]
)
def test_kernels_of_weights_that_are_not_there_are_refused(moment, page):
    answer = page.get(f"/api/kernels/{moment}")
    assert answer.status_code in (400, 404)
    assert said(answer)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "TRACE", "NONSENSE"])
@pytest.mark.parametrize("path", ["/api/look", "/api/proof", "/nowhere"])
def test_other_methods_are_refused(method, path, page):
    answer = page.ask(method, path)
    assert answer.status_code in (404, 405)
    assert said(answer)


@pytest.mark.parametrize(
    "error, code",
    [(MemoryError(), 507), (RecursionError(), 400), (ValueError("/secret/path"), 500)],
)
def test_a_failure_says_nothing_of_the_inside(error, code, finished, monkeypatch):
    def failing():
        raise error

    explorer = an_explorer(finished.path)
    monkeypatch.setattr(explorer, "training", failing)
    page = Client(create_app(explorer, TOKEN, PORT))
    answer = page.get("/api/training")
    assert answer.status_code == code
    assert "secret" not in said(answer)
    assert_has_headers(answer)
    assert page.get("/api/network").status_code == 200


def test_whatever_a_page_sends_the_server_answers(page):
    """Questions with something in them replaced, left out or added."""
    rng = numpy.random.default_rng(1)
    codes = []
    for number in range(150):
        for path, body in POSTS.items():
            whole = body if number % 2 else {**body, "state": CHANGED}
            sent = damaged(whole, rng)
            for _ in range(rng.integers(2)):
                sent = damaged(sent, rng)
            answer = page.post(path, sent)
            codes.append(answer.status_code)
            assert answer.status_code in (200, 400), (path, str(sent)[:500])
            if answer.status_code == 400:
                said(answer)
    assert codes.count(200) > 50
    assert codes.count(400) > 200
