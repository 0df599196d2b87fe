"""What several data tests share: a picture with no two pixels alike, a small set in memory, a web server on this machine."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy

from minialex.data.augment import Views
from minialex.data.dataset import ArrayImages


def random_pictures(n, size=8, channels=3, seed=0):
    return numpy.random.default_rng(seed).integers(0, 256, (n, size, size, channels), dtype=numpy.uint8)


def numbered_images(n, size=8, channels=3):
    """ArrayImages of n random pictures, whose number is both their label and their first channel's value all over."""
    pictures = random_pictures(n, size, channels)
    pictures[..., 0] = numpy.arange(n)[:, numpy.newaxis, numpy.newaxis]
    return ArrayImages(pictures, numpy.arange(n), padding=2, fill=7)


def views(top=0.5, left=0.5, mirror=False, n=1):
    """n equal views."""
    return Views(numpy.full(n, top), numpy.full(n, left), numpy.full(n, mirror))


@contextmanager
def web_server(files, promised=None):
    """(its URL, the list of paths asked for) of a server that answers GET /name with files[name], or else with 404.

    `promised` is the length that the header names, where it is not that of the file.
    """
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            content = files.get(self.path[1:])
            if content is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(promised or len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
