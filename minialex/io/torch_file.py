"""Reads files written by torch.save, without torch and without executing the pickle in them.

Such a file holds a pickle, which describes the tensors as views of storages (runs of numbers), and
the bytes of the storages. Since PyTorch 1.6 they are members of a zip archive. In older files, and
with `_use_new_zipfile_serialization=False`, one follows the other. Before 2017 they were members of
a tar archive (torch_tar.py).
"""

import struct
import tarfile
import zipfile
from pathlib import Path
from typing import BinaryIO

import numpy

from minialex.errors import InputError
from minialex.io import torch_tar
from minialex.io.pickle_machine import unpickle
from minialex.io.torch_pickle import KNOWN, Beside, Storage, parse_storage, state_dict, tensors_of

#: The first two pickles of a file in the older format: the magic number and the version.
MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001

#: The errors that damaged files cause.
DAMAGED_PICKLE = (
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    OverflowError,
    AttributeError,
    struct.error,
)
DAMAGED_ARCHIVE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    RuntimeError,
    NotImplementedError,
    OSError,
)


def read(path: Path) -> tuple[dict[str, numpy.ndarray], Beside]:
    """The tensors of the state dict, or of the whole network, in the file, in its order and in
    torch's layout; and what it holds beside them.

    bfloat16 becomes float32. InputError, in one line, if the file is damaged, holds no tensors
    that can be read without running code, or claims more numbers than it has.
    """
    beside = Beside()
    try:
        with open(path, "rb") as file:
            start = file.read(512)
            if start[:4] == b"PK\x03\x04":
                return read_zip(file, beside), beside
            if torch_tar.is_tar(start):
                return torch_tar.read(file, beside), beside
            return read_sequence(file, beside), beside
    except (*DAMAGED_PICKLE, *DAMAGED_ARCHIVE) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        if "not a zip file" in reason:  # the list of members, at its end, is missing
            reason = "it is cut off, as by a download that was not completed"
        raise InputError(f"{path} cannot be read as a file from torch.save: {reason}") from None


def read_zip(file: BinaryIO, beside: Beside) -> dict[str, numpy.ndarray]:
    """The state dict in a zip archive with members NAME/data.pkl, NAME/data/0, NAME/data/1, …"""
    size = file.seek(0, 2)
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if any(member.filename.endswith("/constants.pkl") for member in members):
            raise ValueError("it is a TorchScript archive: save the network's state_dict() instead")
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise ValueError("it is compressed, which torch.save never does")
        claimed = sum(member.file_size for member in members)
        if claimed > size:
            raise ValueError(f"it has {size:,} bytes, but claims to hold {claimed:,}")
        names = {member.filename for member in members}
        pickles = [name for name in names if name.count("/") == 1 and name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise ValueError(f"it holds {len(pickles)} pickles named data.pkl, expected one")
        folder = pickles[0].removesuffix("data.pkl")
        if folder + "byteorder" in names and archive.read(folder + "byteorder") != b"little":
            raise ValueError("it is big-endian, expected little-endian")
        with archive.open(pickles[0]) as pickled:
            storages: dict[str, Storage] = {}
            saved = unpickle(pickled, KNOWN, lambda id: parse_storage(id, storages), beside.unknown)
        found = state_dict(saved, beside)
        return tensors_of(found, lambda wanted: archive.read(f"{folder}data/{wanted.key}"))


def read_sequence(file: BinaryIO, beside: Beside) -> dict[str, numpy.ndarray]:
    """The state dict in the older format: five pickles, then the storages.

    The pickles are the magic number, the version, sizes, the objects and the storages' keys.
    """
    size = file.seek(0, 2)
    file.seek(0)
    magic, version, _ = (unpickle(file, {}) for _ in range(3))
    if (magic, version) != (MAGIC, VERSION):
        raise ValueError("it does not start with torch.save's magic number and version")
    storages: dict[str, Storage] = {}
    saved = unpickle(file, KNOWN, lambda id: parse_storage(id, storages), beside.unknown)
    places = {}
    for key in unpickle(file, {}):
        (count,) = struct.unpack("<q", file.read(8))
        if key not in storages:
            raise ValueError(f"it has a storage {key} that no tensor uses")
        if count != storages[key].count:
            raise ValueError(
                f"storage {key} has {count:,} numbers, the tensors expect {storages[key].count:,}"
            )
        places[key] = file.tell()
        if file.seek(count * storages[key].type.itemsize, 1) > size:
            raise EOFError("it is truncated")

    def content(wanted: Storage) -> bytes:
        if wanted.key not in places:
            raise EOFError(f"storage {wanted.key} is missing")
        file.seek(places[wanted.key])
        return file.read(wanted.count * wanted.type.itemsize)

    return tensors_of(state_dict(saved, beside), content)
