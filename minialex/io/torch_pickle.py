"""Tensors as torch's pickles describe them: views of storages, which are runs of numbers.

The pickle names functions of torch that would build these objects; the ones here take their place
(see pickle_machine.py). Their arguments come from the file and may be anything.
"""

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy

from minialex.io.pickle_machine import expect

MOST_AXES = 8


class StorageType(NamedTuple):
    """The type of a storage's numbers: NumPy's name, or "bfloat16", which NumPy lacks."""

    dtype: str

    @property
    def itemsize(self) -> int:
        return 2 if self.dtype == "bfloat16" else numpy.dtype(self.dtype).itemsize


class Storage(NamedTuple):
    """A run of `count` numbers, stored in the file under `key`."""

    type: StorageType
    key: str
    count: int


class Tensor(NamedTuple):
    """A view of a storage: element i, j, … is number offset + i · stride[0] + j · stride[1] + …"""

    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


def ordered_dict(items: Iterable[tuple[str, Any]] = ()) -> dict[str, Any]:
    """In place of collections.OrderedDict(items): a dict, which keeps its order too."""
    return {expect(key, str): value for key, value in items}


def rebuild_tensor(
    storage: Any, offset: Any, size: Any, stride: Any, *gradient_and_hooks: Any
) -> Tensor:
    """In place of torch._utils._rebuild_tensor_v2; ValueError unless it fits its storage."""
    storage = expect(storage, Storage)
    size, stride = tuple(size), tuple(stride)
    for number in (offset, *size, *stride):
        if type(number) is not int or number < 0:
            got = number if type(number) is int else f"a {type(number).__name__}"
            raise ValueError(
                "expected whole numbers of at least 0 as the offset, sizes and strides of a "
                f"tensor, got {got}"
            )
    if len(size) != len(stride) or len(size) > MOST_AXES:
        raise ValueError(
            f"a tensor has {len(size)} sizes and {len(stride)} strides, expected as many strides "
            f"as sizes, at most {MOST_AXES}"
        )
    count = math.prod(size)
    last = (
        offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True)) if count else 0
    )
    if count > storage.count or (count and last >= storage.count):
        raise ValueError(
            f"a tensor of shape {size} does not fit into its storage of {storage.count:,} numbers"
        )
    return Tensor(storage, offset, size, stride)


def rebuild_parameter(data: Any, requires_grad: Any, hooks: Any) -> Tensor:
    """In place of torch._utils._rebuild_parameter: the parameter's tensor."""
    return expect(data, Tensor)


def parse_storage(persistent_id: Any, known: dict[str, Storage]) -> Storage:
    """The storage for a pickle's persistent id ("storage", type, key, device, count, …).

    Adds it to `known`; ValueError if the id is malformed or contradicts an earlier one.
    """
    tag, kind, key, _, count, *view = expect(persistent_id, tuple)
    if tag != "storage" or not isinstance(kind, StorageType) or type(count) is not int or count < 0:
        raise ValueError("it describes a storage in an unknown format")
    if view not in ([], [None]):
        raise ValueError("it has a storage that is a view of another one, which is refused")
    storage = Storage(kind, expect(key, str), count)
    if known.setdefault(key, storage) != storage:
        raise ValueError(f"it describes storage {key} in two ways")
    return storage


#: The only names that the pickle may use, and what they mean here.
KNOWN = {
    "collections.OrderedDict": ordered_dict,
    "torch._utils._rebuild_tensor": rebuild_tensor,
    "torch._utils._rebuild_tensor_v2": rebuild_tensor,
    "torch._utils._rebuild_parameter": rebuild_parameter,
    "torch.FloatStorage": StorageType("<f4"),
    "torch.DoubleStorage": StorageType("<f8"),
    "torch.HalfStorage": StorageType("<f2"),
    "torch.BFloat16Storage": StorageType("bfloat16"),
    "torch.LongStorage": StorageType("<i8"),
    "torch.IntStorage": StorageType("<i4"),
    "torch.ShortStorage": StorageType("<i2"),
    "torch.CharStorage": StorageType("i1"),
    "torch.ByteStorage": StorageType("u1"),
    "torch.BoolStorage": StorageType("?"),
}


def numbers(storage: Storage, content: bytes) -> numpy.ndarray:
    """The storage's numbers as a flat array; ValueError if `content` has too few bytes."""
    expected = storage.count * storage.type.itemsize
    if len(content) < expected:
        raise ValueError(
            f"storage {storage.key} has {len(content):,} bytes, expected {expected:,} for "
            f"{storage.count:,} numbers"
        )
    if storage.type.dtype == "bfloat16":  # the upper half of a float32's bits
        upper = numpy.frombuffer(content, "<u2", storage.count)
        return (upper.astype(numpy.uint32) << 16).view(numpy.float32)
    return numpy.frombuffer(content, storage.type.dtype, storage.count)


def view(tensor: Tensor, numbers: numpy.ndarray) -> numpy.ndarray:
    """The tensor as a read-only view of its storage's numbers."""
    strides = [step * numbers.itemsize for step in tensor.stride]
    return numpy.lib.stride_tricks.as_strided(
        numbers[tensor.offset :], tensor.size, strides, writeable=False
    )
