"""The memory that decoding pictures may take: one bound for all threads of the process.

A file of a few bytes may announce a picture of gigabytes, and pools of threads decode many at once.
"""

import contextlib
import threading
from collections.abc import Iterator

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

#: What decoding and resizing may take at a time, in bytes: in all threads together.
BYTES = 800_000_000

#: What a pixel takes, in bytes: 4 as Pillow decodes it, and 4 more turned upright or converted.
PIXEL = 8

#: What a pixel takes in a decoder, beside that, in bytes.
IN_DECODER = {"WEBP": 12, "AVIF": 12, "TIFF": 8}

#: What a JPEG's pixel takes per channel, in bytes, where its decoder has to see all of the file
#: before it has the first pixel.
COEFFICIENT = 2


class Room:
    """So many bytes, of which threads take a part for a while."""

    def __init__(self, size: int):
        self.size = self.free = size
        self.changed = threading.Condition()

    @contextlib.contextmanager
    def taken(self, size: int) -> Iterator[None]:
        """A block for which `size` bytes are taken, once they are free. ValueError if there are
        never as many."""
        if size > self.size:
            raise ValueError(
                f"decoding it takes {size / 1e6:,.0f} MB of memory, expected at most "
                f"{self.size / 1e6:,.0f} MB"
            )
        with self.changed:
            self.changed.wait_for(lambda: size <= self.free)
            self.free -= size
        try:
            yield
        finally:
            with self.changed:
                self.free += size
                self.changed.notify_all()


#: That of this process.
ROOM = Room(BYTES)


def needed(picture: Image.Image, full_size: tuple[int, int]) -> int:
    """The bytes that it takes at most to decode the opened picture, turn and convert it.

    full_size: its width and height before it was drafted.
    """
    width, height = picture.size
    pixel = PIXEL + IN_DECODER.get(picture.format or "", 0)
    coefficients = 0
    if isinstance(picture, JpegImageFile) and not read_in_one_go(picture):
        coefficients = COEFFICIENT * picture.layers * full_size[0] * full_size[1]
    return pixel * width * height + coefficients


def read_in_one_go(picture: JpegImageFile) -> bool:
    """Whether the JPEG's first scan has all there is of its channels, so that rows of pixels follow
    each other in the file."""
    if "progressive" in picture.info:
        return False
    begin_of_scan = bytes([0, 6 + 2 * picture.layers, picture.layers])
    place = picture.fp.tell()  # behind this
    picture.fp.seek(place - begin_of_scan[1])
    begun = picture.fp.read(3) == begin_of_scan
    picture.fp.seek(place)
    return begun
