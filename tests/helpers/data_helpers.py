"""What several tests share: a picture with no two pixels alike, small sets in memory and in files, a local web server."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy
from PIL import Image

from minialex.data import shapes
from minialex.data.augment import Views
from minialex.data.dataset import ArrayImages


def random_pictures(n, size=8, channels=3, seed=0):
    return numpy.random.default_rng(seed).integers(
        0, 256, (n, size, size, channels), dtype=numpy.uint8
    )


def photograph(width, height):
    """Pixels that change slowly, as most in photographs do, no two corners alike."""
    y, x = numpy.mgrid[0:height, 0:width] / [[[height]], [[width]]]
    return numpy.stack(
        [255 * x, 255 * y, 127 + 120 * numpy.sin(9 * x) * numpy.cos(7 * y)], axis=2
    ).astype(numpy.uint8)


def numbered_images(n, size=8, channels=3):
    """ArrayImages of n random pictures, whose number is both their label and their first channel's value all over."""
    pictures = random_pictures(n, size, channels)
    pictures[..., 0] = numpy.arange(n)[:, numpy.newaxis, numpy.newaxis]
    return ArrayImages(pictures, numpy.arange(n), padding=2, fill=7)


def picture_folder(root):
    """root/train with 40 pictures and root/val with 20, 16×16, half of them in each of two classes; returns root."""
    drawn = shapes.load(seed=1, train_size=40, test_size=20)
    for split, images in (("train", drawn.train.images), ("val", drawn.test.images)):
        for i, image in enumerate(images):
            path = root / split / ("even", "odd")[i % 2] / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).resize((16, 16)).save(path)
    return root


def views(top=0.5, left=0.5, mirror=False, n=1, angle=None):
    """n equal views."""
    return Views(
        numpy.full(n, top),
        numpy.full(n, left),
        numpy.full(n, mirror),
        angle=None if angle is None else numpy.full(n, angle),
    )


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
