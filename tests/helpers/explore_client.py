"""Asks the explorer's server as its page does, without a browser; and what the page asks."""

import json

import numpy
import safetensors.numpy
from explored import QUESTION, STATE, small_dataset

from minialex.explore.explorer import Explorer
from minialex.explore.moments import Moments

TOKEN, PORT = "a-secret-token", 2345
HERE = f"http://127.0.0.1:{PORT}"

GETS = ["/api/network", "/api/pictures?start=0&count=3", "/api/training", "/api/kernels/latest"]
POSTS = {
    "/api/look": {"state": STATE},
    "/api/gradients": {"state": STATE, "question": QUESTION},
    "/api/unit": {"state": STATE, "layer": "conv2", "unit": [1, 2, 3]},
    "/api/proof": {
        **{"state": STATE, "question": QUESTION},
        **{"layer": "fc4", "key": "weight", "index": [1, 2], "power": 3},
    },
}
CHANGED = STATE | {
    "covered": [2, 3, 5],
    "changes": {
        "silenced": [["conv1", 2], ["fc3", 0]],
        **{"bypassed": ["norm1"], "unpadded": ["conv2"], "dropping": ["drop3"], "seed": 5},
    },
}


class Client:
    """Asks the application as a page does."""

    def __init__(self, app):
        self.app, self.client = app, app.test_client()

    def ask(self, method, path, body=None, token=TOKEN, headers=(), **more):
        sent = {"Authorization": f"Bearer {token}"} if token is not None else {}
        if not isinstance(body, bytes | None):
            body = json.dumps(body)
        sent |= dict(headers)
        return self.client.open(path, method=method, base_url=HERE, headers=sent, data=body, **more)

    def get(self, path, **more):
        return self.ask("GET", path, **more)

    def post(self, path, body=None, **more):
        return self.ask("POST", path, body, **more)


def an_explorer(folder) -> Explorer:
    """An explorer of a run, with the pictures that it is tested with."""
    return Explorer(Moments(str(folder)), small_dataset())


def numbers(response):
    """The arrays of an answer, and what is said about them."""
    assert response.status_code == 200, response.data
    length = int.from_bytes(response.data[:8], "little")
    header = json.loads(response.data[8 : 8 + length])
    arrays = safetensors.numpy.load(response.data)
    assert all(array.dtype == numpy.float32 for array in arrays.values())
    return arrays, json.loads(header["__metadata__"]["about"])


def said(response):
    """The sentence of an answer that is an error: in JSON, or where a person reads it, plain."""
    is_read = response.request.path == "/"
    assert response.mimetype == ("text/plain" if is_read else "application/json")
    text = response.text if is_read else response.get_json()["error"]
    assert isinstance(text, str) and text
    assert "Traceback" not in text and "\n" not in text
    return text


def assert_has_headers(answer):
    """The answer forbids a browser what other pages could misuse it for."""
    headers = answer.headers
    policy = dict(
        part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";")
    )
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert "Access-Control-Allow-Origin" not in headers
    assert "Set-Cookie" not in headers
