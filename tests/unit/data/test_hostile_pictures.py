"""Harmless stand-ins for what somebody might slip into a data set: wrong sizes, odd paths."""

import io
import os
import struct
import tarfile
import zlib

import pytest
from data_helpers import photograph
from PIL import Image

from minialex import data
from minialex.data.augment import centre_views
from minialex.data.folder_images import FolderImages
from minialex.errors import InputError
from tests.fuzz.mutate import png_repaired

#: Where each format says its width and height, how, and the largest that it can say.
SIZES = {
    "png": (">II", 16, 0x7FFFFFFF),
    "bmp": ("<ii", 18, 0x7FFFFFFF),
    "gif": ("<HH", 6, 0xFFFF),
    "jpg": (">HH", 163, 65_500),
    "webp": ("<HH", 26, 0x3FFF),
}


def content_of(kind):
    """A small picture."""
    file = io.BytesIO()
    Image.fromarray(photograph(12, 12)).save(file, {"jpg": "JPEG"}.get(kind, kind))
    return bytearray(file.getvalue())


def refused(path):
    images = FolderImages([path], [0], 8)
    with pytest.raises(InputError) as caught:
        images.read([0], centre_views(1))
    return str(caught.value)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("kind", SIZES)
def test_a_picture_of_an_absurd_size_is_refused(kind, tmp_path, monkeypatch):
    """Also where a script has lifted Pillow's own limit."""
    form, place, most = SIZES[kind]
    content = content_of(kind)
    assert struct.unpack_from(form, content, place) == (12, 12)
    struct.pack_into(form, content, place, most, most)
    if kind == "gif":  # which says it for the first frame, too
        place = content.index(b"\x2c" + bytes(4) + struct.pack("<HH", 12, 12))
        struct.pack_into("<HH", content, place + 5, most, most)
    (tmp_path / f"a.{kind}").write_bytes(png_repaired(content) if kind == "png" else content)
    assert "DecompressionBombError" in refused(tmp_path / f"a.{kind}")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    if kind in ("png", "bmp", "gif"):  # which are decoded at their full size
        assert "expected at most" in refused(tmp_path / f"a.{kind}")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("of", [b"P5 30000 30000 255\n", b"P6 99999999 1 255\n"])
def test_so_is_one_whose_header_is_text(of, tmp_path):
    (tmp_path / "a.ppm").write_bytes(of + bytes(100))
    said = refused(tmp_path / "a.ppm")
    assert "DecompressionBombError" in said or "expected at most" in said


@pytest.mark.parametrize("name", [b"zTXt", b"iCCP"])
def test_a_note_that_unpacks_to_very_much_does_no_harm(name, tmp_path):
    """It is left out, or the picture is refused; what it unpacks to is bounded by Pillow."""
    whole = bytes(content_of("png"))
    note = b"note\0\0" + zlib.compress(bytes(8_000_000))
    chunk = struct.pack(">I", len(note)) + name + note + bytes(4)
    (tmp_path / "a.png").write_bytes(png_repaired(whole[:33] + chunk + whole[33:]))
    assert "too large" in refused(tmp_path / "a.png")


def test_what_a_table_names_elsewhere_is_read_only_if_it_is_a_picture(tmp_path):
    (tmp_path / "diary.png").write_text("what nobody shall read")
    (tmp_path / "photo.png").write_bytes(content_of("png"))
    (tmp_path / "set").mkdir()
    rows = [f"{'../photo.png' if i else '../diary.png'},{'ab'[i]}" for i in range(2)]
    for i in range(4):
        (tmp_path / "set" / f"{i}.png").write_bytes(content_of("png"))
        rows.append(f"{i}.png,{'ab'[i % 2]}")
    (tmp_path / "set" / "some.csv").write_text("path,label\n" + "\n".join(rows))
    dataset = data.load("folder", tmp_path / "set" / "some.csv", image_size=8, val_share=0.3)
    problems = {}
    for images in (dataset.train, dataset.test):
        problems |= images.read_good(range(len(images)), centre_views(len(images)))[2]
    assert list(problems) == [str(tmp_path / "diary.png")]
    assert "nobody" not in " ".join(problems.values())


def test_links_out_of_the_folder_are_followed_to_pictures_only(tmp_path):
    (tmp_path / "photo.png").write_bytes(content_of("png"))
    for name in ("cat", "dog"):
        (tmp_path / "set" / name).mkdir(parents=True)
        for i in range(3):
            (tmp_path / "set" / name / f"{i}.png").write_bytes(content_of("png"))
    (tmp_path / "set" / "cat" / "linked.png").symlink_to(tmp_path / "photo.png")
    (tmp_path / "set" / "cat" / "nowhere.png").symlink_to(tmp_path / "absent.png")
    (tmp_path / "set" / "cat" / "zeros.png").symlink_to("/dev/zero")
    dataset = data.load("folder", tmp_path / "set", image_size=8)
    problems = {}
    for images in (dataset.train, dataset.test):
        problems |= images.read_good(range(len(images)), centre_views(len(images)))[2]
    assert sorted(map(os.path.basename, problems)) == ["nowhere.png", "zeros.png"]


def test_nothing_in_an_archive_is_written_anywhere(tmp_path):
    (tmp_path / "set").mkdir()
    with tarfile.open(tmp_path / "set" / "some.tar", "w") as archive:
        for i in range(6):
            for ending, content in ((".png", content_of("png")), (".cls", b"%d" % (i % 2))):
                member = tarfile.TarInfo(f"../../{i}{ending}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    before = sorted(tmp_path.rglob("*"))
    dataset = data.load("folder", tmp_path / "set", image_size=8)
    assert len(dataset.train) + len(dataset.test) == 6
    dataset.train.read(range(len(dataset.train)), centre_views(len(dataset.train)))
    assert sorted(tmp_path.rglob("*")) == before
