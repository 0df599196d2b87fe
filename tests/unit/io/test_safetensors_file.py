""".safetensors files: written and read back, types that NumPy lacks, and damaged files."""

import json
import struct

import numpy
import pytest

from minialex.errors import InputError
from minialex.io import safetensors_file


def raw(path, tensors, metadata=None):
    """Writes the format by hand: the header's length, the header, the bytes.

    tensors: {name: (type, shape, bytes)}.
    """
    header, content = {"__metadata__": metadata} if metadata else {}, b""
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {
            "dtype": dtype,
            "shape": shape,
            "data_offsets": [len(content), len(content) + len(data)],
        }
        content += data
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content)
    return path


def test_tensors_and_metadata_are_read_back(tmp_path):
    tensors = {
        "b.weight": numpy.arange(6, dtype=numpy.float32).reshape(2, 3),
        "a": numpy.zeros((0, 3), numpy.float32),
    }
    safetensors_file.write(tmp_path / "a.safetensors", tensors, {"classes": '["ä"]'})
    found, metadata = safetensors_file.read(tmp_path / "a.safetensors")
    assert metadata == {"classes": '["ä"]'}
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert numpy.array_equal(found[name], tensor) and found[name].shape == tensor.shape


def test_all_types_are_read(tmp_path):
    numbers = {
        "F64": "<f8",
        "F32": "<f4",
        "F16": "<f2",
        "I64": "<i8",
        "I32": "<i4",
        "I16": "<i2",
        "I8": "i1",
        "U8": "u1",
    }
    arrays = {dtype: numpy.array([1, 2, 3]).astype(name) for dtype, name in numbers.items()}
    arrays["BOOL"] = numpy.array([True, False, True])
    path = raw(
        tmp_path / "a.safetensors",
        {dtype: (dtype, [3], array.tobytes()) for dtype, array in arrays.items()},
    )
    found, metadata = safetensors_file.read(path)
    assert metadata == {}
    for dtype, array in arrays.items():
        assert found[dtype].dtype == array.dtype
        assert numpy.array_equal(found[dtype], array)


def test_bfloat16_becomes_float32(tmp_path):
    path = raw(
        tmp_path / "a.safetensors", {"a": ("BF16", [2, 1], struct.pack("<HH", 0x3F80, 0xC049))}
    )
    ((_, found),) = safetensors_file.read(path)[0].items()
    assert found.dtype == numpy.float32
    assert found.tolist() == [[1.0], [-3.140625]]


def test_tensors_are_in_the_order_of_their_layers(tmp_path):
    sizes = {"a10.bias": [1], "a2.weight": [1, 1], "b.bias": [1], "b.weight": [1, 1, 1, 1]}
    path = raw(tmp_path / "a.safetensors", {n: ("F32", s, bytes(4)) for n, s in sizes.items()})
    assert list(safetensors_file.read(path)[0]) == ["b.weight", "b.bias", "a2.weight", "a10.bias"]


HEADER_LENGTH = b"\x40\0\0\0\0\0\0\0"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x10\0\0\0\0\0\0\0{",
        b"\xff\xff\xff\xff\xff\xff\xff\x7f{}",
        b"\x02\0\0\0\0\0\0\0[]",
        HEADER_LENGTH
        + b'{"a":{"dtype":"F32","shape":[1000000000],"data_offsets":[0,4]}}  \0\0\0\0',
        HEADER_LENGTH
        + b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4000000000]}}  \0\0\0\0',
    ],
)
def test_other_files_are_refused(content, tmp_path):
    (tmp_path / "a.safetensors").write_bytes(content)
    with pytest.raises(
        InputError, match=r"a\.safetensors cannot be read as a \.safetensors file"
    ) as caught:
        safetensors_file.read(tmp_path / "a.safetensors")
    assert "\n" not in str(caught.value)


def test_an_unsupported_type_is_named(tmp_path):
    path = raw(tmp_path / "a.safetensors", {"w": ("F8_E4M3", [1], bytes(1))})
    with pytest.raises(InputError, match=r"w has numbers of type F8_E4M3, expected one of"):
        safetensors_file.read(path)
