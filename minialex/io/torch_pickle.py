"""Tensors as torch's pickles describe them: views of storages, which are runs of numbers.

The pickle names functions of torch that would build these objects; the ones here take their place
(see pickle_machine.py). Their arguments come from the file and may be anything.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy

from minialex.io.pickle_machine import Record, Unknown, expect

MOST_AXES = 8

#: The keys under which programs save a state dict, or a network, next to other things.
NESTED = ("state_dict", "model_state_dict", "model", "net", "network")

#: The keys under which training scripts save the names of classes.
CLASSES = ("classes", "class_names", "class_to_idx")

#: The most layers and networks in networks that are looked at.
MOST_MODULES = 10_000


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


def rebuild_parameter(data: Any, requires_grad: Any, hooks: Any, *state: Any) -> Tensor:
    """In place of torch._utils._rebuild_parameter: the parameter's tensor."""
    return expect(data, Tensor)


def rebuild_from_type(function: Any, kind: Any, arguments: Any, state: Any) -> Tensor:
    """In place of torch._tensor._rebuild_from_type_v2: a tensor of a class of its own, as a
    tensor."""
    if function not in (rebuild_tensor, rebuild_parameter):
        raise ValueError("it has a tensor in an unknown format")
    return function(*expect(arguments, tuple))


def parse_storage(persistent_id: Any, known: dict[str, Storage]) -> Any:
    """The storage for a pickle's persistent id ("storage", type, key, device, count, …).

    Adds it to `known`; ValueError if the id is malformed or contradicts an earlier one. Older files
    have ids of classes, too: ("module", class, file, source).
    """
    if expect(persistent_id, tuple)[:1] == ("module",):
        return expect(persistent_id[1], Unknown)
    tag, kind, key, _, count, *view = persistent_id
    if isinstance(kind, Unknown):
        raise ValueError(f"it has numbers of the type {kind.name}, which is not supported")
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
    "torch._utils._rebuild_parameter_with_state": rebuild_parameter,
    "torch._tensor._rebuild_from_type_v2": rebuild_from_type,
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


@dataclass
class Beside:
    """What a file holds beside tensors.

    unknown   the names of classes of which there are objects that are ignored
    classes   the names of the network's classes, in order, if the file says them
    """

    unknown: set[str] = field(default_factory=set)
    classes: list[str] | None = None


def state_dict(saved: Any, beside: Beside) -> dict[str, Tensor]:
    """The tensors by name in the unpickled object: a state dict, a whole network, or a dict that
    holds one of them; ValueError if there are none. Notes the names of classes in `beside`."""
    beside.classes = class_names(saved)
    for key in NESTED:
        if isinstance(saved, dict) and isinstance(saved.get(key), dict | Record):
            saved = saved[key]
    found = parameters(saved) if isinstance(saved, Record) else saved
    found = found if isinstance(found, dict) else {}
    tensors = {str(name): value for name, value in found.items() if isinstance(value, Tensor)}
    if not tensors:
        raise ValueError("it holds no state dict (a dict of tensors)")
    return tensors


def class_names(saved: Any) -> list[str] | None:
    """The names of the classes, as training scripts keep them: in a list, or as torchvision's
    ImageFolder has them, {name: number}."""
    for key in CLASSES:
        names = saved.get(key) if isinstance(saved, dict) else None
        if isinstance(names, dict) and all(isinstance(n, int) for n in names.values()):
            names = sorted(names, key=names.__getitem__)
        if isinstance(names, list | tuple) and all(isinstance(name, str) for name in names):
            return list(names)
    return None


def parameters(network: Record) -> dict[str, Any]:
    """What a torch.nn.Module has of tensors, by the names that its state_dict() would give them."""
    found: dict[str, Any] = {}
    waiting, looked_at = [("", network)], 0
    while waiting:
        prefix, module = waiting.pop()
        looked_at += 1
        if looked_at > MOST_MODULES:
            raise ValueError(f"it has more than {MOST_MODULES:,} layers")
        state = module.state if isinstance(module.state, dict) else {}
        own = {**part(state, "_parameters"), **part(state, "_buffers")}
        found |= {f"{prefix}{name}": value for name, value in own.items()}
        inner = [
            (f"{prefix}{name}.", value)
            for name, value in part(state, "_modules").items()
            if isinstance(value, Record)
        ]
        waiting += reversed(inner)
    return found


def part(state: dict, name: str) -> dict:
    """The dict called so, or an empty one."""
    found = state.get(name)
    return found if isinstance(found, dict) else {}


def tensors_of(
    found: dict[str, Tensor], content: Callable[[Storage], bytes]
) -> dict[str, numpy.ndarray]:
    """The tensors as arrays. content: returns the bytes of a storage."""
    storages = {tensor.storage for tensor in found.values()}
    read = {storage: numbers(storage, content(storage)) for storage in storages}
    return {name: view(tensor, read[tensor.storage]) for name, tensor in found.items()}
