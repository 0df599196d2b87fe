"""Reading what torch.save wrote, without torch and without running the pickle that is in it.

Such a file is a pickle that says how tensors lie in storages (runs of numbers), and the storages' bytes. Since PyTorch 1.6
the two are members of a zip archive; before, and with `_use_new_zipfile_serialization=False`, they follow each other.
"""

import math
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy

from minialex.errors import InputError
from minialex.io.pickle_machine import RefusedName, expect, unpickle

#: The first pickle of a file in the older format, and its second, the version.
MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001

#: Under which keys programs save a state dict beside other things.
NESTED = ("state_dict", "model_state_dict", "model")

MOST_AXES = 8


class StorageType(NamedTuple):
    """What the numbers of a storage are: NumPy's name of their type, or "bfloat16", which NumPy has not."""

    dtype: str

    @property
    def itemsize(self) -> int:
        return 2 if self.dtype == "bfloat16" else numpy.dtype(self.dtype).itemsize


class Storage(NamedTuple):
    """A run of `count` numbers, kept in the file under `key`."""

    type: StorageType
    key: str
    count: int


class Tensor(NamedTuple):
    """How a tensor lies in a storage: element i, j, … is number `offset` + i · stride[0] + j · stride[1] + …"""

    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


def ordered_dict(items=()) -> dict:
    """What a pickle means by collections.OrderedDict(items): every dict keeps its order."""
    return {expect(key, str): value for key, value in items}


def rebuilt_tensor(storage, offset, size, stride, *gradient_and_hooks) -> Tensor:
    """What a pickle means by torch._utils._rebuild_tensor_v2: a Tensor; ValueError if it does not lie within its storage."""
    size, stride = tuple(size), tuple(stride)
    numbers = (offset, *size, *stride)
    if not isinstance(storage, Storage) or any(
        type(number) is not int or number < 0 for number in numbers
    ):
        raise ValueError(
            "a tensor's offset, sizes and strides are to be whole numbers of at least 0"
        )
    if len(size) != len(stride) or len(size) > MOST_AXES:
        raise ValueError(f"a tensor has {len(size)} sizes and {len(stride)} strides")
    count = math.prod(size)
    last = (
        offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True)) if count else 0
    )
    if count > storage.count or (count and last >= storage.count):
        raise ValueError(
            f"a tensor of shape {size} does not lie within its storage of {storage.count:,} numbers"
        )
    return Tensor(storage, offset, size, stride)


def rebuilt_parameter(data, requires_grad, hooks) -> Tensor:
    """What a pickle means by torch._utils._rebuild_parameter: its tensor."""
    return expect(data, Tensor)


def storage_said(said: Any, known: dict[str, Storage]) -> Storage:
    """The storage that a pickle speaks of in a tuple ("storage", type, key, device, how many numbers, …); kept in `known`."""
    tag, kind, key, _, count, *view = expect(said, tuple)
    if tag != "storage" or not isinstance(kind, StorageType) or type(count) is not int or count < 0:
        raise ValueError("it speaks of a storage in an unknown way")
    if view not in ([], [None]):
        raise ValueError("a storage is a part of another one, which is refused")
    storage = Storage(kind, expect(key, str), count)
    if known.setdefault(key, storage) != storage:
        raise ValueError(f"it speaks of storage {key} in two ways")
    return storage


KNOWN = {
    "collections.OrderedDict": ordered_dict,
    "torch._utils._rebuild_tensor": rebuilt_tensor,
    "torch._utils._rebuild_tensor_v2": rebuilt_tensor,
    "torch._utils._rebuild_parameter": rebuilt_parameter,
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


def read(path: Path) -> dict[str, numpy.ndarray]:
    """The tensors of the state dict in the file, in its order, in torch's layout; bfloat16 comes as float32.

    A state dict within a dict of other things is found under "state_dict", "model_state_dict" or "model".
    InputError, in one line, if the file is damaged, names anything but tensors, or claims more numbers than it has.
    """
    try:
        with open(path, "rb") as file:
            return from_zip(file) if file.read(4) == b"PK\x03\x04" else from_sequence(file)
    except RefusedName as error:
        hint = "what torch.save(model.state_dict(), FILE) writes has nothing of the kind"
        raise InputError(f"{path} holds more than tensors: {error}; {hint}") from None
    except (
        *(
            ValueError,
            TypeError,
            LookupError,
            EOFError,
            OverflowError,
            AttributeError,
            struct.error,
        ),  # damaged pickles
        *(zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError),  # damaged archives
    ) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path} cannot be read as a file of torch.save: {reason}") from None


def from_zip(file: BinaryIO) -> dict[str, numpy.ndarray]:
    """The state dict in a zip archive with the members NAME/data.pkl, NAME/data/0, NAME/data/1, …"""
    size = file.seek(0, 2)
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise ValueError("it is compressed, which torch.save never does")
        claimed = sum(member.file_size for member in members)
        if claimed > size:
            raise ValueError(f"it has {size:,} bytes, and claims to hold {claimed:,}")
        names = {member.filename for member in members}
        pickles = [name for name in names if name.count("/") == 1 and name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise ValueError(f"it holds {len(pickles)} pickles called data.pkl, expected one")
        folder = pickles[0].removesuffix("data.pkl")
        if folder + "byteorder" in names and archive.read(folder + "byteorder") != b"little":
            raise ValueError("it was written on a machine with the other byte order")
        with archive.open(pickles[0]) as pickled:
            storages: dict[str, Storage] = {}
            saved = unpickle(pickled, KNOWN, lambda said: storage_said(said, storages))
        return arrays(saved, lambda wanted: archive.read(f"{folder}data/{wanted.key}"))


def from_sequence(file: BinaryIO) -> dict[str, numpy.ndarray]:
    """The state dict in the older format: five pickles (magic number, version, sizes, objects, keys), then the storages."""
    size = file.seek(0, 2)
    file.seek(0)
    magic, version, _ = (unpickle(file, {}) for _ in range(3))
    if (magic, version) != (MAGIC, VERSION):
        raise ValueError("it does not begin as torch.save begins")
    storages: dict[str, Storage] = {}
    saved = unpickle(file, KNOWN, lambda said: storage_said(said, storages))
    places = {}
    for key in unpickle(file, {}):
        (count,) = struct.unpack("<q", file.read(8))
        if key not in storages:
            raise ValueError(f"it has a storage {key} that no tensor lies in")
        if count != storages[key].count:
            raise ValueError(
                f"storage {key} has {count:,} numbers where it lies, and {storages[key].count:,} where it is used"
            )
        places[key] = file.tell()
        if file.seek(count * storages[key].type.itemsize, 1) > size:
            raise EOFError("it ends early")

    def content(wanted: Storage) -> bytes:
        if wanted.key not in places:
            raise EOFError(f"storage {wanted.key} is missing")
        file.seek(places[wanted.key])
        return file.read(wanted.count * wanted.type.itemsize)

    return arrays(saved, content)


def arrays(saved: Any, content: Callable[[Storage], bytes]) -> dict[str, numpy.ndarray]:
    """The tensors of the state dict that was `saved`, alone or within a dict; content(storage) gives a storage's bytes."""
    for key in NESTED:
        if isinstance(saved, dict) and isinstance(saved.get(key), dict):
            saved = saved[key]
    tensors = (
        {name: value for name, value in saved.items() if isinstance(value, Tensor)}
        if isinstance(saved, dict)
        else {}
    )
    if not tensors:
        raise ValueError("it holds no state dict, which is a dict of tensors")
    storages = {tensor.storage for tensor in tensors.values()}
    read = {storage: numbers(storage, content(storage)) for storage in storages}
    return {str(name): view(tensor, read[tensor.storage]) for name, tensor in tensors.items()}


def numbers(storage: Storage, content: bytes) -> numpy.ndarray:
    """The storage's numbers, one after the other; ValueError if there are fewer than it says."""
    if len(content) < storage.count * storage.type.itemsize:
        raise ValueError(
            f"storage {storage.key} has {len(content):,} bytes, too few for {storage.count:,} numbers"
        )
    if storage.type.dtype == "bfloat16":  # the upper half of a float32's bits
        upper = numpy.frombuffer(content, "<u2", storage.count)
        return (upper.astype(numpy.uint32) << 16).view(numpy.float32)
    return numpy.frombuffer(content, storage.type.dtype, storage.count)


def view(tensor: Tensor, numbers: numpy.ndarray) -> numpy.ndarray:
    """The tensor within its storage's numbers: read-only, and nothing is copied."""
    strides = [step * numbers.itemsize for step in tensor.stride]
    return numpy.lib.stride_tricks.as_strided(
        numbers[tensor.offset :], tensor.size, strides, writeable=False
    )
