"""What files are, and what is said of files that hold no weights."""

import gzip
import os
import zipfile

import numpy
import pytest
from data_helpers import needs_pipes, refusal
from torch_files import WRITERS, in_tar, tensors

from minialex import load
from minialex.io.kind import CHECKPOINT, SAFETENSORS, TORCH, kind_of

ARRAYS = {"weight": numpy.ones(3, numpy.float32)}


def test_what_can_be_read_is_told_by_its_beginning(tmp_path):
    path = tmp_path / "a.bin"
    for write in WRITERS:
        assert kind_of(write(path, *tensors(ARRAYS))) == TORCH
    assert kind_of(in_tar(path, ARRAYS)) == TORCH
    numpy.savez(path.open("wb"), about="{}")
    assert kind_of(path) == CHECKPOINT
    path.write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    assert kind_of(path) == SAFETENSORS


@needs_pipes
@pytest.mark.parametrize("name", ["a.safetensors", "a.pth", "a.npz"])
def test_a_pipe_is_not_waited_for(name, tmp_path):
    os.mkfifo(tmp_path / name)
    assert "it is a folder, a pipe or a device" in refusal(load, tmp_path / name)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\n<!DOCTYPE html><html>Sign in", "is a web page, not weights"),
        (b"<html><head>", "is a web page, not weights"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "run git lfs pull"),
        (gzip.compress(b"weights", mtime=0), "compressed with gzip: unpack it"),
        (b"\x89HDF\r\n\x1a\n", "HDF5, as Keras writes it"),
        (b"\xff\xd8\xff\xe0", "a picture, not weights"),
        (b'{"lr": 0.1}', "holds no weights that can be read: expected a checkpoint (.npz), .pth"),
    ],
)
def test_what_is_no_weight_file_is_named_in_one_line(content, said, tmp_path):
    path = tmp_path / "alexnet.pth"
    path.write_bytes(content)
    message = refusal(kind_of, path)
    assert message.startswith(str(path)) and said in message


def test_an_archive_of_other_files_is_to_be_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("net.pth", b"1")
        archive.writestr("readme.txt", b"2")
    message = refusal(kind_of, tmp_path / "a.zip")
    assert message.endswith("is a zip archive with net.pth and 1 more files: unpack it")


def test_an_archive_that_no_program_can_open_yet_is_refused_in_one_line(tmp_path):
    """Its directory asks for a later version of the format."""
    path = tmp_path / "a.npz"
    numpy.savez(path, a=numpy.zeros(3))
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 6] = 85
    path.write_bytes(content)
    assert "a.npz is not a whole minialex checkpoint: zip file version 8.5" in refusal(load, path)
