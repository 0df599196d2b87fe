"""The server: who is answered and who is not, and which files are served."""

import re
from importlib import resources

import pytest
from data_helpers import random_pictures
from explore_client import (
    GETS,
    PORT,
    POSTS,
    TOKEN,
    Client,
    an_explorer,
    assert_has_headers,
    said,
)
from explored import as_file

pytest.importorskip("flask", reason="the page needs Flask")

from minialex.explore.server import create_app

ROUTES = [("GET", path) for path in GETS] + [("POST", path) for path in [*POSTS, "/api/pictures"]]


def test_the_page_comes_with_the_token_in_its_address(page):
    answer = page.get(f"/?token={TOKEN}", token=None)
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    assert b"<title>minialex explore</title>" in answer.data


WRONG_TOKENS = f"""
    ?token ?token= ?token=wrong ?token={TOKEN}x ?token={TOKEN[:-1]} ?token=%C3%A4 ?token=%ff%fe
    ?Token={TOKEN} ?token=x&token={TOKEN} ?{TOKEN}
"""


@pytest.mark.parametrize("query", ["", *WRONG_TOKENS.split()])
def test_the_page_does_not_come_without_it(query, page):
    answer = page.get(f"/{query}")
    assert answer.status_code == 401
    assert "the token is missing" in said(answer)


@pytest.mark.parametrize("method, path", ROUTES, ids=str)
@pytest.mark.parametrize(
    "header",
    [
        *(None, "", "Bearer", "Bearer ", "Bearer wrong", f"Bearer {TOKEN}x", f"Bearer {TOKEN[1:]}"),
        *(f"Basic {TOKEN}", TOKEN, f"bearer {TOKEN}", "Bearer \xff\xe4", f"Bearer Bearer {TOKEN}"),
    ],
)
def test_no_question_is_answered_without_the_token(header, method, path, page):
    headers = {} if header is None else {"Authorization": header}
    body = POSTS.get(path, b"") if method == "POST" else None
    answer = page.ask(method, path, body, token=None, headers=headers)
    assert answer.status_code == 401
    assert "the token is missing" in said(answer)


@pytest.mark.parametrize("path", GETS)
def test_the_token_counts_in_no_other_place(path, page):
    page.client.set_cookie("token", TOKEN)
    joined = "&" if "?" in path else "?"
    assert page.get(f"{path}{joined}token={TOKEN}", token=None).status_code == 401


@pytest.mark.parametrize(
    "path", ["//api/network", "/./api/network", "/page/../api/network", "api/network"]
)
def test_no_other_spelling_of_an_address_needs_no_token(path, page):
    for token in (None, "wrong"):
        answer = page.get("/", token=token, environ_overrides={"PATH_INFO": path})
        assert answer.status_code in (308, 401, 404)
        assert b"conv1" not in answer.data


@pytest.mark.parametrize("method, path", ROUTES, ids=str)
def test_every_question_is_answered_with_the_token(method, path, page):
    body = POSTS.get(path, as_file(random_pictures(1, 12)[0])) if method == "POST" else None
    assert page.ask(method, path, body).status_code == 200


ALL = ["/", f"/?token={TOKEN}", "/page/main.js", "/api/network", "/nowhere"]


@pytest.mark.parametrize("path", ALL)
@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", f"evil.example:{PORT}", f"127.0.0.1.evil.example:{PORT}", "127.0.0.1"),
        *("localhost", "127.0.0.1:80", f"127.0.0.1:{PORT + 1}", f"127.0.0.2:{PORT}", "[::1]:2345"),
        *(f"0.0.0.0:{PORT}", f"user@127.0.0.1:{PORT}", f"127.0.0.1:{PORT}.", "", "a b", "\xff"),
    ],
)
def test_another_host_is_refused(host, path, page):
    """A name of another page can be made to lead to this machine (DNS rebinding)."""
    answer = page.get(path, headers={"Host": host})
    assert answer.status_code in (400, 403)
    assert said(answer)


@pytest.mark.parametrize("host", [f"127.0.0.1:{PORT}", f"localhost:{PORT}"])
def test_both_names_of_this_machine_are_answered(host, page):
    for path in ALL[1:-1]:
        assert page.get(path, headers={"Host": host}).status_code == 200


def test_on_port_80_browsers_leave_the_port_out(finished):
    page = Client(create_app(an_explorer(finished.path), TOKEN, 80))
    headers = {"Host": "127.0.0.1", "Origin": "http://127.0.0.1"}
    assert page.get(f"/?token={TOKEN}", headers=headers).status_code == 200
    assert page.get("/api/network", headers=headers).status_code == 200
    assert page.get("/api/network", headers={"Host": "evil.example"}).status_code == 403


@pytest.mark.parametrize(
    "origin",
    [
        *("null", "", "http://evil.example", f"http://evil.example:{PORT}", "http://127.0.0.1"),
        *(f"http://127.0.0.1:{PORT + 1}", f"https://127.0.0.1:{PORT}", f"127.0.0.1:{PORT}"),
        *(f"http://127.0.0.1:{PORT}.evil.example", f"http://127.0.0.1:{PORT}/", "file://"),
    ],
)
def test_another_page_is_refused(origin, page):
    for method, path in [*ROUTES, ("GET", f"/?token={TOKEN}"), ("GET", "/page/main.js")]:
        answer = page.ask(method, path, POSTS.get(path), headers={"Origin": origin})
        assert answer.status_code == 403, path
        assert "another page" in said(answer)


@pytest.mark.parametrize("origin", [f"http://127.0.0.1:{PORT}", f"http://localhost:{PORT}"])
def test_the_page_s_own_origin_is_accepted(origin, page):
    for path, body in POSTS.items():
        assert page.post(path, body, headers={"Origin": origin}).status_code == 200


@pytest.mark.parametrize(
    "method, path, token",
    [
        ("GET", f"/?token={TOKEN}", None),
        ("GET", "/page/style.css", None),
        ("GET", "/page/nothing.js", None),
        ("GET", "/page//main.js", None),
        ("GET", "/", None),
        ("GET", "/api/network", TOKEN),
        ("GET", "/api/network", "wrong"),
        ("POST", "/api/look", TOKEN),
        ("GET", "/api/look", TOKEN),
        ("OPTIONS", "/api/look", TOKEN),
        ("HEAD", f"/?token={TOKEN}", None),
        ("GET", "/nowhere", TOKEN),
    ],
)
def test_every_answer_forbids_what_a_page_could_be_misused_for(method, path, token, page):
    assert_has_headers(page.ask(method, path, token=token))


FOLDER = resources.files("minialex.explore").joinpath("page")
FILES = sorted(file.name for file in FOLDER.iterdir())
KINDS = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


def test_the_page_s_files_come_with_their_kind(page):
    for name in FILES:
        answer = page.get(f"/page/{name}", token=None)
        assert (answer.status_code, answer.mimetype) == (200, KINDS[name.rpartition(".")[2]])
        assert answer.data == FOLDER.joinpath(name).read_bytes()


def test_whatever_the_page_loads_is_there(page):
    index = page.get(f"/?token={TOKEN}").get_data(as_text=True)
    wanted = set(re.findall(r'(?:src|href)="(/[^"]*)"', index))
    for name in FILES:
        text = page.get(f"/page/{name}").get_data(as_text=True)
        wanted |= {f"/page/{file}" for file in re.findall(r'(?:from|import) "\./([^"]+)"', text)}
    assert "/page/main.js" in wanted and len(wanted) > 5
    for path in wanted:
        assert page.get(path).status_code == 200, path


NOT_SERVED = """
    /page/server.py /page/../server.py /page/%2e%2e/server.py /page/..%2fserver.py
    /page/%2e%2e%2fserver.py /page/..%5cserver.py /page/....//server.py /page/__init__.py
    /page /page/ /page/. /page/.. /page//etc/passwd /page/%2fetc%2fpasswd /etc/passwd
    /page/file:///etc/passwd /page/C:%5Cwindows /page/main.js/ /page/main.js%00
    /page/main.js%00.css /page/x/../main.js /page/MAIN.JS /main.js /server.py /index.html
    /static/main.js /favicon.ico /.git/config
"""


@pytest.mark.parametrize("path", NOT_SERVED.split())
def test_no_other_file_is_served(path, page):
    """Neither as a browser would send it nor just so."""
    raw = path.replace("%2e", ".").replace("%2f", "/").replace("%5c", "\\").replace("%00", "\0")
    for answer in (page.get(path), page.get("/", environ_overrides={"PATH_INFO": raw})):
        if answer.status_code != 308:  # to an address with fewer slashes
            assert answer.status_code == 404
            assert said(answer)
        assert b"import" not in answer.data and b"root:" not in answer.data
