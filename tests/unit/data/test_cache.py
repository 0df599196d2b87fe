"""What is kept between runs: believed only whole, and about the same thing."""

import os

import pytest
from data_helpers import needs_pipes
from kept_files import changed

from minialex.data import cache

ABOUT, CONTENT = ["pictures", 3], {"cat": [1, 2.5, None], "d\udce9r": "é"}


@pytest.fixture
def path(tmp_path):
    cache.keep(tmp_path / "new/folder/x.json", ABOUT, CONTENT)
    return tmp_path / "new/folder/x.json"


def read(path, about=ABOUT):
    return cache.read(path, about, lambda content: content)


def test_what_was_kept_is_read(path):
    assert read(path) == CONTENT
    assert os.listdir(path.parent) == ["x.json"]


def test_what_is_about_something_else_is_not(path):
    assert read(path, ["pictures", 4]) is None


def test_any_changed_byte_is_noticed(path):
    whole = path.read_bytes()
    for place in range(len(whole)):
        for bit in (1, 16):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
            assert read(path) is None


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b"\xff\xfe", b"[" * 100_000, b"\n", b"0\n0", b"\0" * 100]
)
def test_other_files_are_not_read(path, content):
    path.write_bytes(content)
    assert read(path) is None
    path.write_bytes(cache.digest(content) + b"\n" + content)
    assert read(path) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda kept: kept.pop("content"),
        lambda kept: kept.pop("about"),
        lambda kept: kept.update(about=None),
    ],
)
def test_a_right_checksum_does_not_make_it_whole(path, damage):
    path.write_bytes(changed(damage)(path.read_bytes()))
    assert read(path) is None


def test_content_that_cannot_be_used_is_not(path):
    assert cache.read(path, ABOUT, lambda content: content["wolf"]) is None
    assert cache.read(path, ABOUT, lambda content: content["cat"][2] + 1) is None


@needs_pipes
def test_a_folder_or_a_pipe_in_its_place_is_nothing(tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("folder", "pipe", "nothing"):
        assert read(tmp_path / name) is None


def test_a_disk_that_is_full_or_read_only_costs_only_time(path, monkeypatch):
    def fails(*_, **__):
        raise OSError(28, "No space left on device")

    for name in ("write_bytes", "mkdir"):
        with monkeypatch.context() as patch:
            patch.setattr(type(path), name, fails)
            cache.keep(path, ABOUT, "other")
        assert read(path) == CONTENT
        assert os.listdir(path.parent) == ["x.json"]
