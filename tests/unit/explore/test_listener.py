"""Who connects to the explorer's server can neither hold it up nor fill its memory."""

import json
import threading

import pytest
from data_helpers import random_pictures
from explore_client import POSTS, TOKEN, an_explorer
from explored import as_file

pytest.importorskip("flask", reason="the page needs Flask")
pytest.importorskip("waitress", reason="the page needs waitress")

from listening import Listening

from minialex.explore.access import MOST_JSON
from minialex.explore.pictures import MOST_BYTES
from minialex.explore.server import create_app

#: More than is waited for in any test.
NEVER = 10**6


@pytest.fixture(autouse=True)
def quiet(caplog, capfd):
    """Whatever connects, the terminal shows nothing."""
    yield
    assert caplog.get_records("call") == []
    assert capfd.readouterr() == ("", "")


@pytest.fixture
def listening(monkeypatch, finished):
    """Makes a listener, of the explorer unless another application is given."""
    made = []

    def make(app=None, **limits):
        def make_app(port):
            return app or create_app(an_explorer(finished.path), TOKEN, port)

        made.append(Listening(make_app, monkeypatch, **limits))
        return made[-1]

    yield make
    for one in made:
        one.close()


def request(port, path="/api/network", *headers, method="GET", token=TOKEN, body=b"", version=1.1):
    """A request as a browser sends it."""
    lines = [f"{method} {path} HTTP/{version}", f"Host: 127.0.0.1:{port}", *headers]
    lines += [f"Authorization: Bearer {token}"] if token else []
    return "\r\n".join([*lines, "", ""]).encode() + body


def upload(port, length, path="/api/pictures", *headers, body=b"", **more):
    """One that says how much will follow."""
    length = f"Content-Length: {length}"
    return request(port, path, length, *headers, method="POST", body=body, **more)


def assert_answers(at):
    """A real page is answered."""
    status, _, body = at.answer(at.connect(request(at.port)))
    assert (status, b"conv1" in body) == (200, True)


def test_a_page_is_answered_several_times_over_one_connection(listening):
    at = listening()
    peer = at.connect()
    for path, body in POSTS.items():
        content = json.dumps(body).encode()
        peer.send(upload(at.port, len(content), path, body=content))
        assert at.answer(peer)[0] == 200
        peer.taken = b""
    picture = as_file(random_pictures(1, 12)[0])
    peer.send(upload(at.port, len(picture), body=picture))
    assert at.answer(peer)[0] == 200
    assert len(at.connections) == 1


@pytest.mark.parametrize("expect", [(), ("Expect: 100-continue",)], ids=["", "expects"])
@pytest.mark.parametrize(
    "length, path, token, status",
    [
        (1, "/api/pictures", None, 401),
        (MOST_BYTES, "/api/pictures", "wrong", 401),
        (10**14, "/api/look", None, 401),
        (MOST_BYTES + 1, "/api/pictures", TOKEN, 413),
        (10**14, "/api/pictures", TOKEN, 413),
        (MOST_JSON + 1, "/api/look", TOKEN, 413),
        (MOST_BYTES, "/api/unit", TOKEN, 413),
        (10**9, "/page/main.js", None, 405),
        (10**9, "/nowhere", None, 404),
    ],
)
def test_what_is_refused_is_not_waited_for(length, path, token, status, expect, listening):
    """The answer comes although the body does not, and then the connection ends."""
    at = listening(silence=NEVER, whole=NEVER)
    peer = at.connect(upload(at.port, length, path, *expect, token=token))
    found, headers, body = at.answer(peer)
    assert (found, headers["Connection"]) == (status, "close")
    assert json.loads(body)["error"]
    at.ends(peer)
    assert_answers(at)


def test_of_a_huge_upload_hardly_anything_is_read(listening):
    at = listening()
    peer = at.connect(upload(at.port, 10**10, token=None))
    sent = 0
    while not peer.ended and sent < 10**9:
        sent += peer.send(bytes(1_000_000))
        peer.take()
        at.turn()
    assert sent < 50_000_000
    assert_answers(at)


def test_whoever_may_send_is_asked_to_continue(listening):
    at = listening()
    picture = as_file(random_pictures(1, 12)[0])
    peer = at.connect(upload(at.port, len(picture), "/api/pictures", "Expect: 100-continue"))
    at.until(lambda: peer.take() or peer.taken)
    assert peer.taken == b"HTTP/1.1 100 Continue\r\n\r\n"
    peer.taken = b""
    peer.send(picture)
    assert at.answer(peer)[0] == 200


@pytest.mark.parametrize("token", [TOKEN, None])
@pytest.mark.parametrize(
    "codings, version",
    [("chunked", 1.1), ("gzip, chunked", 1.1), ("gzip", 1.1), ("CHUNKED", 1.1), ("chunked", 1.0)],
)
def test_a_body_of_no_declared_length_is_refused(codings, version, token, listening):
    at = listening()
    for more in ((), ("Content-Length: 5",), ("Expect: 100-continue",)):
        headers = (f"Transfer-Encoding: {codings}", *more)
        content = request(
            at.port, "/api/look", *headers, method="POST", token=token, version=version
        )
        peer = at.connect(content)
        assert at.answer(peer)[0] == 501
        at.ends(peer)
    assert_answers(at)


@pytest.mark.parametrize("ended", [False, True])
def test_headers_that_are_too_long_are_refused(ended, listening):
    at = listening()
    header = request(at.port, "/", f"Cookie: {70_000 * 'x'}")
    peer = at.connect(header if ended else header[:68_000])
    assert at.answer(peer)[0] == 431
    at.ends(peer)
    assert_answers(at)


NO_REQUESTS = {
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) + b"\r\n\r\n",
    "zeros": bytes(100) + b"\r\n\r\n",
    "no address": b"GET\r\n\r\n",
    "half an IPv6 address": b"GET http://[x/ HTTP/1.1\r\n\r\n",
    "a bare line feed": b"GET / HTTP/1.1\r\nHost: x\nX: y\r\n\r\n",
    "no name": b"GET / HTTP/1.1\r\n: x\r\n\r\n",
    "a continued line": b"GET / HTTP/1.1\r\n x\r\n\r\n",
    "a negative length": b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "a long length": b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 16 + b"\r\n\r\n",
    "thousands of digits": b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("content", NO_REQUESTS.values(), ids=NO_REQUESTS)
def test_what_is_no_request_is_refused(content, listening):
    at = listening()
    peer = at.connect(content)
    assert at.answer(peer)[0] == 400
    at.ends(peer)
    assert_answers(at)


@pytest.mark.parametrize("cut", [0, 20, -10], ids=["nothing", "a start", "most of the body"])
def test_who_falls_silent_is_sent_away_after_10_seconds(cut, listening):
    at = listening(whole=NEVER)
    picture = as_file(random_pictures(1, 12)[0])
    content = upload(at.port, len(picture), body=picture)
    silent = at.connect(content[:cut])
    at.until(lambda: at.connections)
    at.turn()
    at.later(9)
    assert len(at.connections) == 1
    at.later(2)
    at.ends(silent)
    assert at.connections == []


def test_who_was_silent_for_less_is_answered(listening):
    at = listening()
    content = request(at.port)
    peer = at.connect(content[:20])
    at.until(lambda: at.connections)
    at.later(9)
    peer.send(content[20:])
    assert at.answer(peer)[0] == 200
    at.later(9)  # of reading, say, until the next question
    peer.taken = b""
    peer.send(content)
    assert at.answer(peer)[0] == 200


def test_a_request_has_a_minute_although_each_byte_comes_in_time(listening):
    at = listening()
    slow = at.connect(b"G")
    (connection,) = at.until(lambda: at.connections)
    at.until(lambda: connection.request)
    for sent in range(1, 13):
        at.later(5)
        assert at.connections == [connection]
        slow.send(request(at.port)[sent : sent + 1])
        at.until(lambda: connection.last_activity == at.now)
    at.later(5)
    at.ends(slow)
    assert at.connections == []


def constantly(body):
    """An application that answers everything with `body`."""

    def app(environ, start_response):
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]

    return app


def test_an_answer_that_is_not_taken_is_given_up(listening):
    at = listening(constantly(bytes(30_000_000)), whole=NEVER)
    at.connect(request(at.port))
    (connection,) = at.until(lambda: at.connections)
    at.until(lambda: connection.total_outbufs_len and not connection.requests)
    at.until(lambda: at.later(1) or not at.connections)
    assert 10 < at.now - connection.last_activity <= 12


def test_an_answer_that_is_taken_too_slowly_is_given_up(listening):
    at = listening(constantly(bytes(60_000_000)))
    slow = at.connect(request(at.port))
    (connection,) = at.until(lambda: at.connections)
    at.until(lambda: connection.total_outbufs_len and not connection.requests)
    for _ in range(12):
        at.later(5)
        assert at.connections == [connection]
        at.until(lambda: slow.take(100_000) or connection.last_activity == at.now)
    at.later(5)
    assert at.connections == []


@pytest.fixture
def computing():
    """(an application that answers everything with the bytes in a list, once the event is set; the
    list; the event)"""
    answer, event = [b"done"], threading.Event()

    def app(environ, start_response):
        assert event.wait(60)
        return constantly(*answer)(environ, start_response)

    yield app, answer, event
    event.set()


def test_an_answer_may_take_long_to_compute(computing, listening):
    app, answer, event = computing
    answer[0] = bytes(30_000_000)
    at = listening(app)
    peer = at.connect(request(at.port))
    (connection,) = at.until(lambda: at.connections)
    at.until(lambda: connection.requests)
    at.later(1000)
    event.set()
    at.until(lambda: connection.total_outbufs_len and not connection.requests)
    at.later(5)
    assert at.answer(peer)[2] == answer[0]


@pytest.mark.parametrize("sent", [b"", b"GET / HT"], ids=["idle", "with half a request"])
def test_many_connections_do_not_keep_a_page_from_being_answered(sent, listening):
    at = listening(connections=5)
    for _ in range(30):
        at.connect(sent)
        at.turn()
    assert_answers(at)
    assert len(at.connections) <= 6


def test_who_waits_for_an_answer_is_not_closed_for_others(computing, listening):
    app, answer, event = computing
    at = listening(app, connections=5)
    peer = at.connect(request(at.port))
    at.until(lambda: at.connections and at.connections[0].requests)
    for _ in range(30):
        at.connect()
        at.turn()
    event.set()
    assert at.answer(peer)[2] == answer[0]


def test_where_all_wait_for_an_answer_others_have_to_wait(computing, listening):
    app, answer, event = computing
    at = listening(app, connections=5)
    peers = [at.connect(request(at.port)) for _ in range(30)]
    for _ in range(60):
        at.turn(0.001)
    assert len(at.connections) <= 10
    event.set()
    for peer in peers:
        assert at.answer(peer)[2] == answer[0]
