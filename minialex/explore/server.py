"""The server: hands the page to a browser on this machine, and what the explorer answers.

Only who has the token, from the address that the terminal shows, is answered. The token is not in a
cookie, so no other page can make a browser send it; the Host and the Origin of each request are
checked as well, so that no other name can be made to lead here.
"""

import json
from importlib import resources
from typing import Any

import safetensors.numpy
from flask import Flask, Response, abort, jsonify, request
from werkzeug.exceptions import HTTPException

from minialex.errors import InputError
from minialex.explore.access import NO_TOKEN, Access
from minialex.explore.explorer import Explorer, as_float32
from minialex.explore.state import integer, mapping, read_index, read_question, read_state, text
from minialex.explore.unit import Explanation

#: What the page consists of, by the ends of the files' names.
KINDS = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}

#: Nothing is loaded from elsewhere or sent there, and no other page may frame this one.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        "media-src 'self' blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

#: How many test pictures a page may ask for at once.
MOST_ON_SHEET = 100


def create_app(explorer: Explorer, token: str, port: int) -> Flask:
    """The web application.

    token: what each request must bring. port: where it will listen, which the Host must name.
    """
    app = Flask("minialex.explore", static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    access = Access(token, port)
    files = page_files()

    @app.before_request
    def check() -> None:
        sent = request.headers
        authorization = sent.get("Authorization", "")
        refused = access.refusal(request.path, request.host, sent.get("Origin"), authorization)
        if refused:
            abort(*refused)
        request.max_content_length = access.longest_body(request.path, authorization)

    @app.after_request
    def add_headers(response: Response) -> Response:
        response.headers.update(HEADERS)
        return response

    @app.errorhandler(InputError)
    def wrong(error: InputError) -> tuple[Response, int]:
        return jsonify(error=str(error)), 400

    @app.errorhandler(RecursionError)
    def nested(error: RecursionError) -> tuple[Response, int]:
        return jsonify(error="this JSON is nested too deeply"), 400

    @app.errorhandler(MemoryError)
    def full(error: MemoryError) -> tuple[Response, int]:
        return jsonify(error="there is not enough memory for this"), 507

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> tuple[Response, int | None]:
        if request.path == "/":  # somebody reads it
            return Response(error.description, mimetype="text/plain"), error.code
        return jsonify(error=error.description), error.code

    @app.get("/")
    def page() -> Response:
        if not access.is_known(request.args.get("token", "")):
            abort(401, NO_TOKEN)
        return Response(files["index.html"], mimetype="text/html")

    @app.get("/page/<name>")
    def file(name: str) -> Response:
        if name not in files:
            abort(404)
        return Response(files[name], mimetype=KINDS[name[name.rindex(".") :]])

    @app.get("/api/network")
    def network() -> Response:
        return jsonify(explorer.network())

    @app.get("/api/pictures")
    def sheet() -> Response:
        start, count = (request.args.get(name, 0, type=int) for name in ("start", "count"))
        if not (start >= 0 and 0 <= count <= MOST_ON_SHEET):
            raise InputError(f"expected a start and at most {MOST_ON_SHEET} pictures")
        return jsonify(explorer.sheet(start, count))

    @app.post("/api/pictures")
    def send() -> Response:
        return jsonify(explorer.send(request.get_data()))

    @app.post("/api/look")
    def look() -> Response:
        return in_numbers(explorer.look(read_state(asked()["state"])))

    @app.post("/api/gradients")
    def gradients() -> Response:
        given = asked()
        return in_numbers(
            explorer.look_back(read_state(given["state"]), read_question(given.get("question")))
        )

    @app.post("/api/unit")
    def unit() -> Response:
        given = asked()
        place = read_index(given.get("unit"), "unit")
        layer = text(given.get("layer"), "layer")
        return in_numbers(explorer.explain(read_state(given["state"]), layer, place))

    @app.post("/api/proof")
    def proof() -> Response:
        given = asked()
        question = read_question(given.get("question"))
        layer, key = (text(given.get(name), name) for name in ("layer", "key"))
        place = read_index(given.get("index"), "index")
        power = integer(given.get("power"), "power")
        if power > 12:
            raise InputError(f"power: expected a nudge of at least 1e-12, got 1e-{power}")
        state = read_state(given["state"])
        return jsonify(explorer.prove(state, question, layer, key, place, 10.0**-power))

    @app.get("/api/kernels/<moment>")
    def kernels(moment: str) -> Response:
        return in_numbers(explorer.kernels(moment))

    @app.get("/api/training")
    def training() -> Response:
        return jsonify(explorer.training())

    return app


def asked() -> dict[str, Any]:
    """The JSON that a page has sent; it has a "state"."""
    given = mapping(request.get_json(force=True), "request")
    return {"state": None, **given}


def in_numbers(found: Explanation) -> Response:
    """The arrays as float32 in the format of safetensors, with the rest as JSON in its metadata."""
    arrays = {name: as_float32(array) for name, array in found.arrays.items()}
    content = safetensors.numpy.save(arrays, {"about": json.dumps(found.about)})
    return Response(content, mimetype="application/octet-stream")


def page_files() -> dict[str, bytes]:
    """The files of the page by name."""
    folder = resources.files("minialex.explore").joinpath("page")
    return {
        file.name: file.read_bytes()
        for file in folder.iterdir()
        if file.name[file.name.rfind(".") :] in KINDS
    }
