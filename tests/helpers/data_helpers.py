"""Shared by tests of data: pictures, small data sets in memory and in files, and a web server."""

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy
import pytest
from PIL import Image

from minialex.data import shapes
from minialex.data.augment import Views
from minialex.data.dataset import ArrayImages
from minialex.errors import InputError

needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")


def random_pictures(n: int, size: int = 8, channels: int = 3, seed: int = 0) -> numpy.ndarray:
    """n pictures of random pixels: uint8 (n, size, size, channels)."""
    return numpy.random.default_rng(seed).integers(
        0, 256, (n, size, size, channels), dtype=numpy.uint8
    )


def photograph(width: int, height: int) -> numpy.ndarray:
    """A picture whose pixels change slowly, as in a photograph, with four different corners."""
    y, x = numpy.mgrid[0:height, 0:width] / [[[height]], [[width]]]
    return numpy.stack(
        [255 * x, 255 * y, 127 + 120 * numpy.sin(9 * x) * numpy.cos(7 * y)], axis=2
    ).astype(numpy.uint8)


def save_random_picture(
    path: Path, size: tuple[int, int] = (32, 32), seed: int = 0
) -> numpy.ndarray:
    """Writes a random picture of `size` (width, height); returns its pixels uint8 (H, W, 3)."""
    pixels = numpy.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), dtype=numpy.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return pixels


def refusal(function: Callable, *arguments: Any) -> str:
    """The one-line message of the InputError that function(*arguments) raises."""
    with pytest.raises(InputError) as caught:
        function(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def numbered_images(n: int, size: int = 8, channels: int = 3) -> ArrayImages:
    """ArrayImages of n random pictures; label and first channel are the picture's number."""
    pictures = random_pictures(n, size, channels)
    pictures[..., 0] = numpy.arange(n)[:, numpy.newaxis, numpy.newaxis]
    return ArrayImages(pictures, numpy.arange(n), padding=2, fill=7)


def picture_folder(root: Path) -> Path:
    """Writes 40 pictures in root/train and 20 in root/val, 16×16, in two classes; returns root."""
    drawn = shapes.load(seed=1, train_size=40, test_size=20)
    for split, images in (("train", drawn.train.images), ("val", drawn.test.images)):
        for i, image in enumerate(images):
            path = root / split / ("even", "odd")[i % 2] / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).resize((16, 16)).save(path)
    return root


def views(
    top: float = 0.5,
    left: float = 0.5,
    mirror: bool = False,
    n: int = 1,
    angle: float | None = None,
) -> Views:
    """n equal views."""
    return Views(
        numpy.full(n, top),
        numpy.full(n, left),
        numpy.full(n, mirror),
        angle=None if angle is None else numpy.full(n, angle),
    )


def assert_same_batches(some: Iterable[tuple], others: Iterable[tuple]) -> None:
    """Two sequences of batches (x, labels) are equal bit for bit."""
    some, others = list(some), list(others)
    assert len(some) == len(others)
    for (x, labels), (other_x, other_labels) in zip(some, others, strict=True):
        numpy.testing.assert_array_equal(x, other_x)
        numpy.testing.assert_array_equal(labels, other_labels)


def prefetch_threads() -> list[threading.Thread]:
    """The running threads of prefetch."""
    return [thread for thread in threading.enumerate() if thread.name == "prefetch"]


@contextmanager
def no_new_threads() -> Iterator[None]:
    """Checks that the block leaves no new threads, except those that FolderImages decodes with."""
    before = set(threading.enumerate())
    yield
    after = {thread for thread in threading.enumerate() if not thread.name.startswith("decode")}
    assert after <= before


@contextmanager
def web_server(
    files: dict[str, bytes], promised: int | None = None
) -> Iterator[tuple[str, list[str]]]:
    """A server of these files at URL/name; gives (URL, list of the paths requested so far).

    promised: the Content-Length, if it is to differ from the length of the file.
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
