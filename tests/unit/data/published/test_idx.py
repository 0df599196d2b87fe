"""IDX files, plain and compressed, good and damaged."""

import gzip
import tracemalloc

import numpy
import pytest
from data_helpers import refusal
from mnist_files import idx

from minialex import available_memory
from minialex.data.published.idx import read_idx


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 3, 4), (70000,)])
def test_bytes_are_read_as_they_are(tmp_path, shape):
    array = numpy.random.default_rng(0).integers(0, 256, shape, dtype=numpy.uint8)
    (tmp_path / "file").write_bytes(idx(array))
    numpy.testing.assert_array_equal(read_idx(tmp_path / "file"), array)


def test_integers_are_big_endian(tmp_path):
    content = b"\0\0\x0c\2" + b"\0\0\0\1" + b"\0\0\0\3" + b"\0\0\1\2" + b"\xff" * 4 + bytes(4)
    (tmp_path / "file").write_bytes(content)
    assert read_idx(tmp_path / "file").tolist() == [[258, -1, 0]]


@pytest.mark.parametrize("name", ["file", "file.gz"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_what_is_compressed_shows_in_the_content_and_not_in_the_name(tmp_path, name, pack):
    """Browsers unpack .gz files and keep their names."""
    (tmp_path / name).write_bytes(pack(idx(numpy.arange(6))))
    assert read_idx(tmp_path / name).tolist() == [0, 1, 2, 3, 4, 5]


GOOD = idx(numpy.arange(6).reshape(2, 3))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "starts with"),
        (b"\0\0\x08", "starts with 00 00 08"),
        (b"PK\3\4" + GOOD[4:], "starts with 50 4b 03 04, expected 00 00 08"),
        (b"<html>", "starts with 3c 68 74 6d, expected 00 00 08"),
        (b"\0\0\x0d\2" + GOOD[4:], "starts with 00 00 0d 02"),  # floats
        (GOOD[:9], "expected a header of 12 bytes, got 9 bytes"),
        (b"\0\0\x08\x41" + b"\0\0\0\x01" * 65 + b"\x07", "expected 1 to 3 dimensions, got 65"),
        (GOOD[:-1], "expected 18 bytes for an array of shape (2, 3), got"),
        (GOOD + b"\0", "expected 18 bytes for an array of shape (2, 3), got more"),
        # The product of these sizes is 0 in 64 bits.
        (b"\0\0\x08\3" + b"\x80\0\0\0" * 2 + b"\0\0\0\4", "got up to "),
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_other_files_are_refused(tmp_path, content, said, pack):
    path = tmp_path / "file"
    path.write_bytes(pack(content))
    message = refusal(read_idx, path)
    assert said in message
    assert str(path) in message


@pytest.mark.parametrize(
    "damage",
    [
        lambda packed: packed[:-5],
        lambda packed: packed[:12],
        lambda packed: packed[:10] + b"\xff" + packed[11:],  # no deflate stream
        lambda packed: packed[:-8] + b"\0\0\0\0" + packed[-4:],  # another checksum
    ],
)
def test_a_damaged_gz_file_is_refused(tmp_path, damage):
    path = tmp_path / "file.gz"
    path.write_bytes(damage(gzip.compress(GOOD)))
    assert f"{path}: cannot be read" in refusal(read_idx, path)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_false_claims_take_no_memory(tmp_path, pack):
    path = tmp_path / "file"
    path.write_bytes(pack(b"\0\0\x08\2" + b"\0\1\0\0" * 2 + b"abc"))  # 4 GB
    tracemalloc.start()
    try:
        assert "expected 4294967308 bytes" in refusal(read_idx, path)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_what_unpacks_to_more_than_the_memory_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "file.gz"
    path.write_bytes(gzip.compress(idx(numpy.zeros((10, 1000, 1000)))))
    monkeypatch.setattr(available_memory, "available_memory", lambda: 5_000_000)
    assert "announces 10 MB, more than the 5 MB of memory that are free" in refusal(read_idx, path)


def test_no_more_is_unpacked_than_the_header_announces(tmp_path):
    path = tmp_path / "file.gz"
    path.write_bytes(gzip.compress(GOOD + bytes(50_000_000)))
    tracemalloc.start()
    try:
        assert "expected 18 bytes for an array of shape (2, 3), got more" in refusal(read_idx, path)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
