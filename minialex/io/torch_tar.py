"""Files of torch.save as they were until 2017: tar archives, with the members

storages   how many, and of each (key, device, type), its count and its numbers; then those that are
           views of others: (key, key of the other, offset, count)
tensors    how many, and of each (key, key of its storage, type), and its axes, sizes, strides and
           offset
pickle     the saved object, which names tensors by their keys
"""

import io
import struct
import tarfile
from typing import Any, BinaryIO

import numpy

from minialex.io.pickle_machine import Unknown, expect, unpickle
from minialex.io.torch_pickle import (
    KNOWN,
    MOST_AXES,
    Beside,
    Storage,
    StorageType,
    Tensor,
    rebuild_tensor,
    state_dict,
    tensors_of,
)


def is_tar(start: bytes) -> bool:
    """Whether a file that begins so is a tar archive."""
    return start[257:262] == b"ustar"


def read(file: BinaryIO, beside: Beside) -> dict[str, numpy.ndarray]:
    """The state dict in the file, and in `beside` what else it holds."""
    size = file.seek(0, 2)
    file.seek(0)
    with tarfile.open(fileobj=file, mode="r:") as archive:
        members = {}
        for name in ("storages", "tensors", "pickle"):
            about = archive.getmember(name)
            if not about.isreg() or about.issparse() or about.size > size:
                raise ValueError(f"its member {name} is no ordinary file")
            content = archive.extractfile(about)
            assert content is not None
            members[name] = io.BytesIO(content.read())
    storages, places = read_storages(members["storages"])
    tensors = read_tensors(members["tensors"], storages)

    def by_key(key: Any) -> Any:
        return expect(key[0], Unknown) if isinstance(key, tuple) else tensors[str(key)]

    saved = unpickle(members["pickle"], KNOWN, by_key, beside.unknown)

    def content_of(storage: Storage) -> bytes:
        members["storages"].seek(places[storage.key])
        return members["storages"].read(storage.count * storage.type.itemsize)

    return tensors_of(state_dict(saved, beside), content_of)


def read_storages(file: io.BytesIO) -> tuple[dict[str, tuple[Storage, int]], dict[str, int]]:
    """Each storage by its key, with the offset at which it begins in the one that holds its
    numbers; and where in the file those begin."""
    size = len(file.getbuffer())
    found, places = {}, {}
    for _ in range(expect(unpickle(file, KNOWN), int)):
        key, _, kind = unpickle(file, KNOWN)
        (count,) = struct.unpack("<q", file.read(8))
        storage = Storage(expect(kind, StorageType), str(key), count)
        found[storage.key], places[storage.key] = (storage, 0), file.tell()
        if count < 0 or file.seek(count * storage.type.itemsize, 1) > size:
            raise EOFError("it is truncated")
    for key, root, offset, _ in unpickle(file, KNOWN):
        storage, before = found[str(root)]
        found[str(key)] = storage, before + expect(offset, int)
    return found, places


def read_tensors(file: io.BytesIO, storages: dict[str, tuple[Storage, int]]) -> dict[str, Tensor]:
    """Each tensor by its key."""
    found = {}
    for _ in range(expect(unpickle(file, KNOWN), int)):
        key, storage_key, _ = unpickle(file, KNOWN)
        axes, _ = struct.unpack("<ii", file.read(8))
        if not 0 <= axes <= MOST_AXES:
            raise ValueError(f"a tensor has {axes} axes, expected at most {MOST_AXES}")
        sizes, strides = (struct.unpack(f"<{axes}q", file.read(8 * axes)) for _ in range(2))
        (offset,) = struct.unpack("<q", file.read(8))
        storage, before = storages[str(storage_key)]
        found[str(key)] = rebuild_tensor(storage, before + offset, sizes, strides)
    return found
