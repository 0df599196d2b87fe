"""NumPy's .npz files: what NumPy writes is read, and no size is believed that is only announced."""

import io
import struct
import zipfile

import numpy
import pytest

from minialex import available_memory
from minialex.errors import DAMAGED
from minialex.io import npz_file
from minialex.io.npz_file import Npz, checksum


def read(path):
    with Npz(path) as archive:
        return archive.arrays()


def npy(array):
    """The bytes of a .npy file."""
    file = io.BytesIO()
    numpy.save(file, array)
    return file.getvalue()


def zipped(path, **members):
    """Writes an archive of these members, a.npy say, without a checksum that is wrong."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return path


def header(text, version=(1, 0), content=b""):
    """A .npy file with this header."""
    size = struct.pack("<H" if version == (1, 0) else "<I", len(text))
    return b"\x93NUMPY" + bytes(version) + size + text.encode() + content


ARRAYS = {
    "floats": numpy.arange(6, dtype=numpy.float32).reshape(2, 3),
    "columns": numpy.asfortranarray(numpy.arange(6.0).reshape(2, 3)),
    "big": numpy.arange(4, dtype=">i8"),
    "one": numpy.array(3),
    "none": numpy.zeros((0, 3)),
    "text": numpy.array("text"),
    "texts": numpy.array([["a", "bcd"]]),
    "bytes": numpy.array([b"x", b"yz"]),
    "flags": numpy.array([True, False]),
    "large": numpy.arange(npz_file.PIECE // 4 + 3, dtype=numpy.float32),
}


@pytest.mark.parametrize("write", [numpy.savez, numpy.savez_compressed])
def test_what_numpy_writes_is_read_as_numpy_reads_it(write, tmp_path):
    write(tmp_path / "a.npz", **ARRAYS)
    found = read(tmp_path / "a.npz")
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        assert found[name].tobytes() == array.tobytes()


WHOLE = npy(numpy.zeros(3, numpy.float32))
NUMBERS = "{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "magic"),
        (b"\x93NUMPY\x01\x00\xff\xff{", "header"),
        (header("{'descr': '<f4', 'fortran_order': False, 'shape': (3,"), ""),
        (header("[" * 9000), ""),
        (header("()"), ""),
        (header(NUMBERS % "250_000_000_000,"), "announces the shape"),
        (header(NUMBERS % "2**40,"), ""),
        (header(NUMBERS % "4,", content=bytes(12)), "announces the shape"),
        (header(NUMBERS % "2,", content=bytes(12)), "announces the shape"),
        (header(NUMBERS % "-1, -3", content=bytes(12)), "announces the shape"),
        (header("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}"), "never loaded"),
        (header("{'descr': '|V0', 'fortran_order': False, 'shape': (9,)}"), "no bytes"),
        (header("{'descr': 'float', 'fortran_order': 1, 'shape': (3,)}"), ""),
        (header(NUMBERS % "3,", (9, 0), bytes(12)), "version (9, 0)"),
        (WHOLE[:-1], "announces the shape"),
        (WHOLE + b"\0", "announces the shape"),
    ],
)
def test_members_that_are_no_arrays_are_refused(content, said, tmp_path):
    with pytest.raises(DAMAGED) as caught:
        read(zipped(tmp_path / "a.npz", a=content))
    assert said in str(caught.value)


def test_another_file_among_the_arrays_is_refused(tmp_path):
    numpy.savez(tmp_path / "a.npz", a=numpy.zeros(3))
    with zipfile.ZipFile(tmp_path / "a.npz", "a") as archive:
        archive.writestr("notes.txt", "text")
    with pytest.raises(ValueError, match=r"notes\.txt is not an array"):
        read(tmp_path / "a.npz")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_arrays_of_one_name_are_refused(tmp_path):
    zipped(tmp_path / "a.npz", a=WHOLE)
    with zipfile.ZipFile(tmp_path / "a.npz", "a") as archive:
        archive.writestr("a.npy", WHOLE)
    with pytest.raises(ValueError, match="two arrays called a"):
        read(tmp_path / "a.npz")


def test_sizes_beyond_what_the_bytes_can_stand_for_are_refused(tmp_path):
    """The size in the archive's directory is changed, of an array and of what it is packed into."""
    numpy.savez_compressed(tmp_path / "a.npz", a=numpy.zeros(1000, numpy.float32))
    content = bytearray((tmp_path / "a.npz").read_bytes())
    directory = content.index(b"PK\x01\x02")
    for place, said in ((24, "more than its bytes can stand for"), (20, "it announces")):
        changed = content.copy()
        struct.pack_into("<I", changed, directory + place, 0xFFFFFFF0)
        (tmp_path / "b.npz").write_bytes(changed)
        with pytest.raises(DAMAGED, match=said):
            read(tmp_path / "b.npz")


def test_more_than_the_memory_that_is_free_is_refused(tmp_path, monkeypatch):
    """Of one array, of which there is enough, and of all."""
    numpy.savez_compressed(tmp_path / "a.npz", a=numpy.zeros(200_000), b=numpy.zeros(200_000))
    monkeypatch.setattr(available_memory, "available_memory", lambda: 2_000_000)
    with Npz(tmp_path / "a.npz") as archive:
        assert archive.array("a").shape == (200_000,)
        with pytest.raises(MemoryError, match="announces"):
            archive.arrays()


def test_a_checksum_tells_names_types_shapes_and_numbers_apart():
    a, b = numpy.arange(6, dtype=numpy.float32), numpy.ones(2)
    before = checksum({"a": a, "b": b})
    assert before == checksum({"b": b, "a": a.copy()})
    others = [
        {"a": a},
        {"b": a, "a": b},
        {"a": a.reshape(2, 3), "b": b},
        {"a": a.view(numpy.int32), "b": b},
        {"a": a[::-1], "b": b},
    ]
    found = [checksum(each) for each in others]
    assert len({before, *found}) == 6
