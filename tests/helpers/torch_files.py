"""Makes files in the formats of torch.save without torch: valid ones, and malicious ones.

`python tests/helpers/torch_files.py` makes the files in tests/helpers/files, with torch and
torchvision.
"""

import io
import struct
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy

FILES = Path(__file__).parent / "files"


class Code(bytes):
    """Instructions of a pickle that leave one value on the stack."""


def pickled(value: Any) -> bytes:
    """The instructions that build a value of None, bools, ints, strings, tuples, dicts and Code."""
    match value:
        case Code():
            return value
        case None:
            return b"N"
        case bool():
            return b"\x88" if value else b"\x89"
        case int():
            digits = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
            return b"\x8a" + bytes([len(digits)]) + digits
        case str():
            return b"X" + struct.pack("<I", len(value.encode())) + value.encode()
        case tuple():
            return b"(" + b"".join(map(pickled, value)) + b"t"
        case dict():
            return (
                b"}(" + b"".join(pickled(key) + pickled(item) for key, item in value.items()) + b"u"
            )


def whole(value: Any) -> bytes:
    """A complete pickle, protocol 2."""
    return b"\x80\x02" + pickled(value) + b"."


def named(module: str, name: str) -> Code:
    """The instruction that looks up module.name."""
    return Code(f"c{module}\n{name}\n".encode())


def call(function: Code, *arguments: Any) -> Code:
    """The instructions that call a function."""
    return Code(function + pickled(arguments) + b"R")


def storage(key: str, count: int, *view: Any, kind: str = "Float") -> Code:
    """The instructions for the storage stored under `key`."""
    return Code(
        pickled(("storage", named("torch", f"{kind}Storage"), key, "cpu", count, *view)) + b"Q"
    )


def tensor(storage: Any, offset: Any, size: Any, stride: Any) -> Code:
    """The instructions for a tensor."""
    return call(
        named("torch._utils", "_rebuild_tensor_v2"), storage, offset, size, stride, False, {}
    )


def tensors(arrays: dict[str, numpy.ndarray]) -> tuple[dict[str, Code], dict[str, bytes]]:
    """(instructions by name, storages by key) for float32 arrays, each in its own storage."""
    pickles, storages = {}, {}
    for i, (name, array) in enumerate(arrays.items()):
        strides = tuple(step // 4 for step in numpy.empty(array.shape, numpy.float32).strides)
        pickles[name] = tensor(storage(str(i), array.size), 0, array.shape, strides)
        storages[str(i)] = array.astype("<f4").tobytes()
    return pickles, storages


def zipped(path: Path, saved: Any, storages: dict[str, bytes], **options: Any) -> Path:
    """Writes the newer format, a zip archive."""
    with zipfile.ZipFile(path, "w", **options) as archive:
        archive.writestr("archive/data.pkl", whole(saved))
        archive.writestr("archive/byteorder", "little")
        for key, content in storages.items():
            archive.writestr(f"archive/data/{key}", content)
        archive.writestr("archive/version", "3\n")
    return path


def in_sequence(path: Path, saved: Any, storages: dict[str, bytes], itemsize: int = 4) -> Path:
    """Writes the older format, pickles and storages one after the other."""
    keys = Code(b"](" + b"".join(map(pickled, storages)) + b"e")
    header = [whole(0x1950A86A20F9469CFC6C), whole(1001), whole({"little_endian": True})]
    contents = [
        struct.pack("<q", len(content) // itemsize) + content for content in storages.values()
    ]
    path.write_bytes(b"".join([*header, whole(saved), whole(keys), *contents]))
    return path


WRITERS = [zipped, in_sequence]


def in_tar(path: Path, arrays: dict[str, numpy.ndarray], view: bool = False) -> Path:
    """Writes float32 arrays in the format of 2017, a tar archive; with `view`, storages that are
    views of one storage."""
    every = numpy.concatenate([numpy.zeros(3), *(a.reshape(-1) for a in arrays.values())])
    float_storage = named("torch", "FloatStorage")
    storages, views, tensors, start = b"", [], b"", 3
    roots = {100: every} if view else {i: a for i, a in enumerate(arrays.values())}
    for key, array in roots.items():
        content = array.astype("<f4").tobytes()
        storages += whole((key, "cpu", float_storage)) + struct.pack("<q", array.size) + content
    for i, array in enumerate(arrays.values()):
        views.append((i, 100, start, array.size))
        start += array.size
        strides = (step // 4 for step in numpy.empty(array.shape, "f4").strides)
        about = struct.pack(f"<ii{array.ndim}q", array.ndim, 0, *array.shape)
        about += struct.pack(f"<{array.ndim}qq", *strides, 0)
        tensors += whole((1000 + i, i, named("torch", "FloatTensor"))) + about
    ids = {name: Code(pickled(str(1000 + i)) + b"Q") for i, name in enumerate(arrays)}
    members = {
        "storages": whole(len(roots)) + storages + whole(tuple(views) if view else ()),
        "tensors": whole(len(arrays)) + tensors,
        "pickle": whole(ids),
    }
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in members.items():
            about = tarfile.TarInfo(name)
            about.size = len(content)
            archive.addfile(about, io.BytesIO(content))
    return path


def example() -> dict[str, numpy.ndarray]:
    """The tensors in tests/helpers/files/tensors.*.pth: all dtypes, and many kinds of strides."""
    base = numpy.arange(24, dtype=numpy.float32).reshape(2, 3, 4)
    sevenths = numpy.arange(6, dtype=numpy.float32).reshape(2, 3) / 7
    return {
        "float": base,
        "part": base[1, :, 1:3],
        "turned": base.transpose(2, 0, 1),
        "channels_last": numpy.arange(36, dtype=numpy.float32)
        .reshape(2, 3, 3, 2)
        .transpose(0, 3, 1, 2)
        / 8,
        "half": sevenths.astype(numpy.float16),
        # Truncated, where torch would round.
        "bfloat16": (sevenths.view(numpy.uint32) >> 16 << 16).view(numpy.float32),
        "double": numpy.arange(4) / 3,
        "none": numpy.zeros((0, 3), numpy.float32),
        "parameter": numpy.ones((2, 2), numpy.float32),
        "num_batches_tracked": numpy.array(7),
        "int": numpy.arange(3, dtype=numpy.int32) - 1,
        "bool": numpy.array([True, False]),
    }


def uniform(shape: tuple[int, ...], seed: int, spread: float) -> numpy.ndarray:
    """float32 numbers between -spread and spread, from 16 raw bits of PCG64 each.

    The raw bits are the same in every version of NumPy.
    """
    count = int(numpy.prod(shape))
    bits = numpy.random.PCG64(seed).random_raw(-(-count // 4)).astype("<u8").view("<u2")[:count]
    numbers = bits.astype(numpy.float32)
    numbers -= numpy.float32(32767.5)
    numbers *= numpy.float32(spread / 32767.5)
    return numbers.reshape(shape)


def torchvision_alexnet() -> dict[str, numpy.ndarray]:
    """A state dict for torchvision's AlexNet.

    He's standard deviations make its logits as large as a trained network's.
    """
    convolutions = [(64, 3, 11), (192, 64, 5), (384, 192, 3), (256, 384, 3), (256, 256, 3)]
    shapes = [(out, channels, side, side) for out, channels, side in convolutions]
    shapes += [(4096, 9216), (4096, 4096), (1000, 4096)]
    layers = [f"features.{i}" for i in (0, 3, 6, 8, 10)] + [f"classifier.{i}" for i in (1, 4, 6)]
    found = {}
    for seed, (layer, shape) in enumerate(zip(layers, shapes, strict=True)):
        found[f"{layer}.weight"] = uniform(shape, seed, (6 / numpy.prod(shape[1:])) ** 0.5)
        found[f"{layer}.bias"] = uniform(shape[:1], 100 + seed, 0.5)
    return found


def torchvision_pictures() -> numpy.ndarray:
    """Two standardised pictures (2, 3, 224, 224), in torch's layout."""
    return uniform((2, 3, 224, 224), 200, 2.0)


def make() -> None:
    """Writes tests/helpers/files, with torch and torchvision."""
    import torch
    import torchvision

    def as_torch(name, array):
        found = torch.from_numpy(array)
        if name == "bfloat16":
            return found.bfloat16()
        return torch.nn.Parameter(found) if name == "parameter" else found

    FILES.mkdir(exist_ok=True)
    base = torch.arange(24.0).reshape(2, 3, 4)
    state = {name: as_torch(name, array.copy()) for name, array in example().items()}
    state |= {"float": base, "part": base[1, :, 1:3], "turned": base.permute(2, 0, 1)}
    state["channels_last"] = state["channels_last"].contiguous(memory_format=torch.channels_last)
    torch.save(state, FILES / "tensors.zip.pth")
    torch.save(state, FILES / "tensors.sequence.pth", _use_new_zipfile_serialization=False)

    net = torchvision.models.alexnet().eval()
    net.load_state_dict(
        {name: torch.from_numpy(array) for name, array in torchvision_alexnet().items()}
    )
    with torch.no_grad():
        numpy.save(
            FILES / "torchvision_logits.npy", net(torch.from_numpy(torchvision_pictures())).numpy()
        )


if __name__ == "__main__":
    make()
