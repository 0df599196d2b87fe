"""Files taken out of archives, and nothing but them."""

import io
import tarfile
import zipfile

import pytest
from data_helpers import refusal

from minialex.data.published.archive import unpack

FILES = {"set/a.bin": b"a" * 5000, "set/deep/b.bin": b"b", "other.bin": b"o", "../evil.bin": b"e"}


def zipped(path):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in FILES.items():
            archive.writestr(name, content)


def tarred(path, mode="w:gz"):
    with tarfile.open(path, mode) as archive:
        for name, content in FILES.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


@pytest.mark.parametrize("pack", [zipped, tarred, lambda path: tarred(path, "w")])
def test_the_named_files_are_taken_from_any_folder(tmp_path, pack):
    pack(tmp_path / "archive")
    (tmp_path / "out").mkdir()
    unpack(tmp_path / "archive", ["a.bin", "b.bin", "absent.bin", ""], tmp_path / "out")
    found = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert found == {"a.bin": b"a" * 5000, "b.bin": b"b"}
    assert not (tmp_path / "evil.bin").exists()


@pytest.mark.parametrize("pack", [zipped, tarred])
@pytest.mark.parametrize("damage", [lambda whole: whole[:40], lambda whole: b"<html>"])
def test_a_damaged_archive_is_refused(tmp_path, pack, damage):
    path = tmp_path / "archive"
    pack(path)
    path.write_bytes(damage(path.read_bytes()))
    assert f"cannot unpack {path}" in refusal(unpack, path, ["a.bin"], tmp_path)
    assert list(tmp_path.iterdir()) == [path]


def test_an_archive_that_ends_in_a_file_leaves_nothing_of_it(tmp_path):
    path = tmp_path / "archive"
    tarred(path, "w")
    path.write_bytes(path.read_bytes()[:2000])
    assert f"cannot unpack {path}" in refusal(unpack, path, ["a.bin"], tmp_path)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "about",
    [
        dict(type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        dict(type=tarfile.SYMTYPE, linkname="../secret"),
        dict(type=tarfile.LNKTYPE, linkname="../secret"),
        dict(type=tarfile.FIFOTYPE),
        dict(type=tarfile.CHRTYPE, devmajor=1, devminor=5),
        dict(type=tarfile.DIRTYPE),
        dict(type=tarfile.GNUTYPE_SPARSE),
        dict(pax_headers={"GNU.sparse.map": "0,1", "GNU.sparse.size": str(1 << 20)}),
    ],
)
@pytest.mark.parametrize("name", ["a.bin", "../a.bin", "/a.bin"])
def test_what_is_no_plain_file_is_left_where_it_is(tmp_path, name, about):
    (tmp_path / "secret").write_bytes(b"secret")
    with tarfile.open(tmp_path / "archive", "w:gz") as archive:
        member = tarfile.TarInfo(name)
        for key, value in about.items():
            setattr(member, key, value)
        archive.addfile(member)
    (tmp_path / "out").mkdir()
    unpack(tmp_path / "archive", ["a.bin"], tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
    assert {path.name for path in tmp_path.iterdir()} == {"secret", "archive", "out"}


def test_headers_of_headers_without_end_are_refused(tmp_path):
    """Each says that the next one has a long name: Python's reader calls itself for each."""
    header = tarfile.TarInfo("././@LongLink")
    header.type = tarfile.GNUTYPE_LONGNAME
    path = tmp_path / "archive"
    path.write_bytes(header.tobuf(tarfile.GNU_FORMAT) * 5000)
    assert f"cannot unpack {path}" in refusal(unpack, path, ["a.bin"], tmp_path)
