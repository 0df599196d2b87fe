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
    assert not (tmp_path / "a.bin").exists()
