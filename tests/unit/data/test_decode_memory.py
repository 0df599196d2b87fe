"""The memory that decoding may take: one bound for all threads, and what each picture takes."""

import io
import struct
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy
import pytest
from data_helpers import photograph
from PIL import Image, ImageOps

from minialex.data import decode, decode_memory
from minialex.data.augment import centre_views
from minialex.data.decode_memory import Room
from minialex.data.folder_images import FolderImages
from minialex.data.torchvision_images import TorchvisionImages
from minialex.errors import InputError


def test_no_more_is_taken_than_there_is():
    room, taken, most = Room(100), [0], [0]
    lock = threading.Lock()

    def take(size):
        with room.taken(size):
            with lock:
                taken[0] += size
                most[0] = max(most[0], taken[0])
            with lock:
                taken[0] -= size

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(take, [1, 100, 60, 50, 30] * 100))
    assert 0 < most[0] <= room.size == room.free


def test_a_thread_waits_until_there_is_room():
    room, order = Room(100), []

    def take():
        with room.taken(60):
            order.append("second")

    second = threading.Thread(target=take)
    with room.taken(50):
        second.start()
        second.join(0.05)
        order.append("first")
    second.join()
    assert order == ["first", "second"]


def test_what_fails_gives_its_room_back():
    room = Room(100)
    with pytest.raises(KeyError), room.taken(70):
        raise KeyError
    too_much = pytest.raises(ValueError, match="takes 1 MB of memory, expected at most 0 MB")
    with too_much, Room(100).taken(1_000_000):
        pass
    assert room.free == 100


def png_of(width, height, depth, kind):
    """A PNG that announces so many pixels and has none."""
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0),
        b"IDAT": zlib.compress(b""),
        b"IEND": b"",
    }
    content = b"\x89PNG\r\n\x1a\n"
    for name, held in chunks.items():
        content += struct.pack(">I", len(held)) + name + held
        content += struct.pack(">I", zlib.crc32(name + held))
    return content


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("kind", [FolderImages, TorchvisionImages])
def test_a_picture_that_announces_too_much_is_refused_before_it_is_decoded(tmp_path, kind):
    """170 million pixels, which Pillow would decode: 680 MB, and as much again for what is done
    with their transparency."""
    (tmp_path / "a.png").write_bytes(png_of(13_000, 13_000, 16, 6))
    with pytest.raises(InputError, match=r"a\.png: .*decoding it takes 1,\d+ MB of memory"):
        kind([tmp_path / "a.png"], [0], 32).read([0], centre_views(1))


def test_many_threads_take_no_more_than_one_bound_together(tmp_path, monkeypatch):
    """Each picture needs most of what there is: they are decoded one after the other."""
    Image.fromarray(photograph(300, 200)).save(tmp_path / "a.png")
    images = FolderImages([tmp_path / "a.png"] * 20, range(20), 32)
    expected = images.read(range(20), centre_views(20))
    room, at_work, most = Room(600_000), [0], [0]
    monkeypatch.setattr(decode, "ROOM", room)
    plain = decode.decode

    def counted(*arguments):
        at_work[0] += 1
        most[0] = max(most[0], at_work[0])
        try:
            return plain(*arguments)
        finally:
            at_work[0] -= 1

    monkeypatch.setattr(decode, "decode", counted)
    assert numpy.array_equal(images.read(range(20), centre_views(20)), expected)
    assert (most[0], room.free) == (1, room.size)


def needed(content):
    with decode.open_picture(io.BytesIO(content)) as picture:
        return decode_memory.needed(picture, picture.size)


def jpeg(**options):
    file = io.BytesIO()
    Image.fromarray(photograph(64, 48)).save(file, "JPEG", **options)
    return file.getvalue()


def test_a_jpeg_that_has_to_be_seen_whole_takes_its_coefficients_too():
    pixels, plain = 64 * 48, jpeg()
    assert needed(plain) == 8 * pixels
    assert needed(jpeg(progressive=True)) == 14 * pixels
    scan = plain.index(b"\xff\xda\0\x0c\3")
    one_channel = b"\xff\xda\0\x08\1\1\0\0\x3f\0"
    assert needed(plain[:scan] + one_channel + plain[scan + 14 :]) == 14 * pixels


@pytest.mark.parametrize("size", [(90, 7), (7, 90), (40, 40)])
@pytest.mark.parametrize("kind", ["RGBA", "P", "LA", "I;16", "CMYK"])
@pytest.mark.parametrize("channels", [1, 3])
def test_parts_are_converted_to_the_same_as_the_whole(tmp_path, monkeypatch, size, kind, channels):
    picture = Image.fromarray(photograph(*size)).convert("RGBA" if kind != "CMYK" else "RGB")
    if kind != "CMYK":
        picture.putalpha(ImageOps.mirror(picture.convert("L")))
    if kind == "I;16":
        numbers = numpy.arange(size[0] * size[1], dtype=numpy.uint16) * 60
        picture = Image.fromarray(numbers.reshape(size[::-1]))
    options = dict(transparency=3) if kind == "P" else {}
    file = tmp_path / f"a.{'tif' if kind == 'CMYK' else 'png'}"
    (picture if kind == "I;16" else picture.convert(kind)).save(file, **options)

    def decoded():
        with decode.open_picture(file) as opened:
            return decode.decode(opened, 64, channels)

    whole = decoded()
    monkeypatch.setattr(decode, "PART", 100)
    assert len(list(decode.in_parts(*size))) > 1
    assert decoded().mode == whole.mode
    assert numpy.array_equal(decoded(), whole)
