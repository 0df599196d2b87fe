"""Files of weights: checkpoints, torch's of all three kinds, safetensors, and those of others."""

import copy
import io
import json
import pickletools
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any

import caffe_npy_files
import foreign_nets
import matconvnet_files
import numpy
import tiny_runs
import torch_files

from minialex import load, models
from minialex.inference import TrainedNetwork
from minialex.io import safetensors_file, torch_layout
from minialex.io.checkpoint import Checkpoint
from minialex.io.export import export
from minialex.io.npz_file import checksum
from tests.fuzz.mutate import Mutator, mutated, zip_changed
from tests.fuzz.trials import Files, Format

FILES = torch_files.FILES

#: What takes the place of something in JSON.
ODD = (
    *(None, True, False, 0, -1, 1, 3, 9, 10**9, 10**30, 0.5, -1e308, float("nan"), float("inf")),
    *("", "x", "3", "Linear", "../x", [], [[]], {}, {"x": 1}, [1, 2], ["a"], [0] * 5, "[" * 30),
)


def json_changed(text: str, rng: Random) -> str:
    """JSON of which up to three values are others, missing, or moved."""
    whole = [json.loads(text)]
    for _ in range(rng.choice((1, 1, 2, 3))):
        places: list[tuple[Any, Any]] = []
        waiting: list[Any] = [whole]
        while waiting:
            part = waiting.pop()
            keys = list(part) if isinstance(part, dict) else list(range(min(len(part), 50)))
            places += [(part, key) for key in keys]
            waiting += [part[key] for key in keys if isinstance(part[key], dict | list)]
        if not places:
            break
        part, key = rng.choice(places)
        if rng.random() < 0.15 and part is not whole:
            del part[key]
        elif rng.random() < 0.2:
            other, its = rng.choice(places)
            part[key] = json.loads(json.dumps(other[its]))
        elif type(part[key]) in (int, float) and rng.random() < 0.5:
            part[key] = rng.choice((part[key] + 1, -part[key], 2 * part[key], part[key] / 2))
        else:
            part[key] = copy.deepcopy(rng.choice(ODD))  # it may be changed in its turn
    return json.dumps(whole[0])


def npy(array: Any) -> bytes:
    """A .npy file of the array."""
    file = io.BytesIO()
    numpy.save(file, array)
    return file.getvalue()


def npy_changed(content: bytes, rng: Random) -> bytes:
    """A .npy file with other JSON in it, if it holds some, or another header of the right
    length."""
    array = numpy.load(io.BytesIO(content))
    if array.dtype.kind == "U" and rng.random() < 0.7:
        return npy(json_changed(str(array), rng))
    size = int.from_bytes(content[8:10], "little")
    header, numbers = content[10 : 10 + size].decode(), content[10 + size :]
    about = {
        "descr": rng.choice((array.dtype.str, "<f8", "<f4", "|O", "<U9", "|V0", "<M8[s]", "x")),
        "fortran_order": rng.choice((False, False, True, 3)),
        "shape": rng.choice((array.shape, array.shape[::-1], (array.size,), (1 << 40,), (-1,), 3)),
    }
    text = mutated(header.encode(), rng) if rng.random() < 0.3 else f"{about}\n".encode()
    return content[:8] + struct.pack("<H", len(text)) + text + numbers


def checkpoint_changed(content: bytes, rng: Random) -> bytes:
    """A checkpoint with another array, or another thing that it says about itself; its archive's
    checksums are right."""
    return zip_changed(content, rng, rng.choice((npy_changed, npy_changed, mutated)))


def about_changed(content: bytes, rng: Random) -> bytes:
    """A checkpoint that says other things about itself."""
    with numpy.load(io.BytesIO(content)) as archive:
        arrays = dict(archive)
    file = io.BytesIO()
    numpy.savez(file, **arrays | {"about": json_changed(str(arrays["about"]), rng)})
    return file.getvalue()


def checkpoint_resaved(content: bytes, rng: Random) -> bytes:
    """A checkpoint with other arrays and the right checksum over them."""
    with numpy.load(io.BytesIO(content)) as archive:
        arrays = dict(archive)
    about = json.loads(str(arrays.pop("about")))
    name = rng.choice(sorted(arrays))
    odd = rng.choice((numpy.nan, numpy.inf, 3e38, 1e300, 0))
    arrays[name] = rng.choice(
        (
            numpy.full(arrays[name].shape, odd),
            arrays[name].astype(rng.choice(("<f2", ">f8", "<i4", "<U5", "?", "<c8"))),
            arrays[name].T,
            arrays[name][..., None],
            arrays[name].ravel()[:-1],
        )
    )
    file = io.BytesIO()
    about["checksum"] = checksum(arrays)
    numpy.savez(file, about=json.dumps(about), **arrays)
    return file.getvalue()


def safetensors_changed(content: bytes, rng: Random) -> bytes:
    """A .safetensors file with another header, of the right length, or other metadata in it."""
    (size,) = struct.unpack("<Q", content[:8])
    text = content[8 : 8 + size].decode()
    header = json.loads(text)
    about = header["__metadata__"].get("minialex")
    if about and rng.random() < 0.6:
        header["__metadata__"]["minialex"] = json_changed(about, rng)
        text = json.dumps(header)
    else:
        text = json_changed(text, rng)
    return struct.pack("<Q", len(text)) + text.encode() + content[8 + size :]


#: Instructions of a pickle that may stand anywhere.
INSTRUCTIONS = (
    *(b"N", b"(", b"t", b"l", b"d", b"R", b"b", b"u", b"s", b"a", b"e", b"}", b"]", b")", b"0"),
    *(
        b"2",
        b"Q",
        b"\x81",
        b"K\x00",
        b"K\xff",
        b"J\xff\xff\xff\x7f",
        b"J\xff\xff\xff\xff",
        b"h\x00",
    ),
    *(b"\x88", b"G\x7f\xf0\0\0\0\0\0\0", b"X\x01\0\0\0x", b"ctorch\nHalfStorage\n", b"."),
    *(b"\x8a\x09" + b"\xff" * 8 + b"\0", b"cbuiltins\nprint\n", b"X\xff\xff\xff\xff"),
)


def pickle_changed(content: bytes, rng: Random) -> bytes:
    """The first pickle with instructions lost, doubled, moved or others; what is behind it stays.

    It is never run: minialex has a machine of its own for pickles.
    """
    starts = [position for _, _, position in pickletools.genops(content)]
    end = starts[-1] + 1
    spans = [content[a:b] for a, b in zip(starts, [*starts[1:], end], strict=True)]
    for _ in range(rng.randint(1, 3)):
        i = rng.randrange(len(spans))
        other = rng.choice((b"", 2 * spans[i], rng.choice(spans), rng.choice(INSTRUCTIONS)))
        spans[i] = other
    return b"".join(spans) + content[end:]


def zipped_pickle_changed(content: bytes, rng: Random) -> bytes:
    """A .pth archive whose pickle, or another member, is changed."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = rng.choice((*3 * ("archive/data.pkl",), *members))
    change = pickle_changed if name.endswith(".pkl") else mutated
    members[name] = change(members[name], rng)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for each, held in members.items():
            archive.writestr(each, held)
    return file.getvalue()


def sequence_changed(content: bytes, rng: Random) -> bytes:
    """One of the five pickles with which torch's older files begin, or the sizes behind them."""
    file, starts = io.BytesIO(content), []
    for _ in range(5):
        starts.append(file.tell())
        for _ in pickletools.genops(file):
            pass
    place = rng.choice((*starts, starts[3], file.tell()))
    if place == file.tell():
        return content[:place] + mutated(content[place : place + 8], rng) + content[place + 8 :]
    return content[:place] + pickle_changed(content[place:], rng)


def tar_changed(content: bytes, rng: Random) -> bytes:
    """A tar archive of which one member is changed, with the right size."""
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        members = {each.name: archive.extractfile(each).read() for each in archive.getmembers()}
    name = rng.choice(sorted(members))
    members[name] = rng.choice((pickle_changed, mutated))(members[name], rng)
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for each, held in members.items():
            about = tarfile.TarInfo(each)
            about.size = len(held)
            archive.addfile(about, io.BytesIO(held))
    return file.getvalue()


def varint(content: bytes, place: int) -> tuple[int, int]:
    """A number of protobuf's, and where it ends. IndexError if it does not."""
    value = shift = 0
    while True:
        byte = content[place]
        value, shift, place = value | (byte & 127) << shift, shift + 7, place + 1
        if byte < 128:
            return value, place
        if shift > 63:
            raise ValueError("no number")


def as_varint(value: int) -> bytes:
    """The number as protobuf has it."""
    value &= (1 << 64) - 1
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def fields(content: bytes) -> list[tuple[int, int | bytes]]:
    """The tag and the value of each field in a message of protobuf's. IndexError or ValueError if
    it is none."""
    found: list[tuple[int, int | bytes]] = []
    place = 0
    while place < len(content):
        tag, place = varint(content, place)
        value: int | bytes
        if tag & 7 == 0:
            value, place = varint(content, place)
        else:
            size = {1: 8, 5: 4}.get(tag & 7)
            if tag & 7 == 2:
                size, place = varint(content, place)
            if size is None or place + size > len(content):
                raise ValueError("no message")
            value, place = content[place : place + size], place + size
        found.append((tag, value))
    return found


def protobuf_changed(content: bytes, rng: Random) -> bytes:
    """A message of protobuf's with a field changed, lost or doubled, at any depth, with right
    lengths around it."""
    try:
        parts = fields(content)
    except (IndexError, ValueError):
        parts = []
    if not parts:
        return mutated(content, rng)
    i = rng.randrange(len(parts))
    tag, value = parts[i]
    if isinstance(value, bytes) and rng.random() < 0.75:
        parts[i] = tag, protobuf_changed(value, rng)
    elif isinstance(value, int) and rng.random() < 0.75:
        parts[i] = tag, rng.choice((0, 1, 2, 7, value + 1, 10**6, 1 << 31, 1 << 62, -1))
    else:
        parts[i : i + 1] = rng.choice(([], 2 * [parts[i]], [rng.choice(parts)]))
    return b"".join(map(as_field, parts))


def as_field(part: tuple[int, int | bytes]) -> bytes:
    """A field as protobuf has it."""
    tag, value = part
    if isinstance(value, int):
        return as_varint(tag) + as_varint(value)
    size = as_varint(len(value)) if tag & 7 == 2 else b""
    return as_varint(tag) + size + value


def mat_changed(content: bytes, rng: Random) -> bytes:
    """MATLAB's file with damage in what it holds compressed."""
    parts, place = [], 128
    while place + 8 <= len(content):
        kind, size = struct.unpack_from("<II", content, place)
        parts.append((kind, content[place + 8 : place + 8 + size]))
        place += 8 + size
    i = rng.randrange(len(parts))
    kind, held = parts[i]
    if kind == 15:
        held = zlib.compress(mutated(zlib.decompress(held), rng))
    parts[i] = kind, held
    return content[:128] + b"".join(struct.pack("<II", k, len(h)) + h for k, h in parts)


def text_changed(content: bytes, rng: Random) -> bytes:
    """A file of JSON with other values; any other file with any damage."""
    if not content.startswith(b"{"):
        return mutated(content, rng)
    return json_changed(content.decode(), rng).encode()


def npy_dict_changed(content: bytes, rng: Random) -> bytes:
    """A .npy file of a pickle with other instructions in it."""
    start = 10 + int.from_bytes(content[8:10], "little")
    return content[:start] + pickle_changed(content[start:], rng)


@cache
def made(write: Callable[[Path], object]) -> Files:
    """What write(folder) writes into an empty folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder)
        files = (path for path in sorted(folder.rglob("*")) if path.is_file())
        return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def run(folder: Path) -> None:
    """A run's checkpoint."""
    tiny_runs.trainer(epochs=1).save(folder / "net.npz")


def kept(folder: Path) -> None:
    """Weights without their optimiser."""
    tiny_runs.trainer().save(folder / "net.npz", weights_only=True)


def old(folder: Path) -> None:
    """A checkpoint by a version that knew no checksums."""
    run(folder)
    checkpoint = Checkpoint(folder / "net.npz")
    del checkpoint.about["checksum"]
    arrays = {"about": json.dumps(checkpoint.about), **checkpoint.arrays}
    numpy.savez(folder / "net.npz", **arrays)


def exported(name: str) -> Callable[[Path], None]:
    """What writes a run's weights for other programs."""

    def write(folder: Path) -> None:
        run(folder)
        export(folder / "net.npz", folder / name)
        (folder / "net.npz").unlink()

    return write


@cache
def lenet() -> dict[str, numpy.ndarray]:
    """LeNet's weights by torch's names; no model of the zoo has fewer."""
    return torch_layout.to_torch(models.build("lenet", rng=numpy.random.default_rng(0)))


def torchs(write: Callable[..., object]) -> Callable[[Path], None]:
    """What writes LeNet as torch.save does."""
    return lambda folder: write(folder / "net.pth", *torch_files.tensors(lenet()))


def in_tar(folder: Path) -> None:
    """LeNet as torch wrote it until 2017."""
    torch_files.in_tar(folder / "net.pth", lenet())


def bare(folder: Path) -> None:
    """LeNet in a folder of Hugging Face's."""
    (folder / "net").mkdir()
    safetensors_file.write(folder / "net" / "model.safetensors", lenet(), {})
    about = {"id2label": {str(i): f"digit {i}" for i in range(10)}}
    (folder / "net" / "config.json").write_text(json.dumps(about))
    about = {"image_mean": [0.1], "image_std": [0.3], "size": {"height": 28, "width": 28}}
    (folder / "net" / "preprocessor_config.json").write_text(json.dumps(about))


def onnx(folder: Path) -> None:
    """Another program's net."""
    arrays = foreign_nets.arrays(numpy.random.default_rng(0))
    foreign_nets.onnx_file(folder / "net.onnx", arrays, foreign_nets.nodes())


def caffe(name: str) -> Callable[[Path], None]:
    """Caffe's net and mean picture."""

    def write(folder: Path) -> None:
        for source, target in ((f"{name}.caffemodel", "net.caffemodel"), 2 * ("mean.binaryproto",)):
            (folder / target).write_bytes((FILES / source).read_bytes())

    return write


def npy_dict(folder: Path) -> None:
    """Caffe's net by its converters."""
    layers: Any = caffe_npy_files.layers(numpy.random.default_rng(0))
    numpy.save(folder / "net.npy", layers, allow_pickle=True)


def mat(folder: Path) -> None:
    """MatConvNet's net."""
    matconvnet_files.saved(folder / "net.mat", numpy.random.default_rng(0))


def loads(name: str, model: str | None = None) -> Callable[[Path], TrainedNetwork]:
    """What loads the weights in a folder and uses them; asserts what is true of all weights."""

    def read(folder: Path) -> TrainedNetwork:
        trained = load(folder / name, backend_name="numpy", workers=1, model=model)
        for key, array in trained.network.params.items():
            assert array.dtype == numpy.float32 and numpy.isfinite(array).all(), key
        side, channels = trained.image_size, trained.channels
        said = trained.predict(numpy.zeros((1, side, side, channels), numpy.uint8))
        assert said.shape == (1, len(trained.class_names))
        assert abs(said.sum() - 1) < 1e-3
        return trained

    return read


def read_checkpoint(folder: Path) -> None:
    """Uses the weights, and takes a step of the training if the file has more than weights."""
    path = folder / "net.npz"
    trained, found = loads("net.npz")(folder), Checkpoint(path)
    weights = {name[7:]: array for name, array in found.arrays.items() if name[:7] == "weight/"}
    for name, array in trained.network.params.items():
        numpy.testing.assert_array_equal(array, weights[name].astype(numpy.float32))
    if found.state["optimizer_steps"] is not None:
        trainer = tiny_runs.trainer()
        trainer.resume(found)
        for _ in trainer.train_epoch():
            pass
        trainer.check_weights()
        trainer.save(folder / "again.npz")


def read_saved(folder: Path) -> None:
    """The same, of a checkpoint that has no other arrays than the saved ones, whatever it says."""
    read_checkpoint(folder)
    with zipfile.ZipFile(io.BytesIO(made(run)["net.npz"])) as archive:
        saved = {name[:-4]: archive.read(name) for name in archive.namelist()}
    for name, array in Checkpoint(folder / "net.npz").arrays.items():
        assert npy(array) == saved[name]


def form(
    name: str, read: Any, writers: tuple[Callable[[Path], object], ...], *mutators: Mutator
) -> Format:
    """A format of which each of the writers writes a sample."""
    return Format(name, lambda: [made(write) for write in writers], read, mutators)


FORMATS = [
    form(
        "checkpoint",
        read_checkpoint,
        (run, kept, old),
        *(about_changed, checkpoint_changed, checkpoint_resaved),
    ),
    form("checkpoint with a checksum", read_saved, (run,), checkpoint_changed),
    form(
        "safetensors",
        loads("net.safetensors"),
        (exported("net.safetensors"),),
        safetensors_changed,
    ),
    form("hugging face", loads("net", "lenet"), (bare,), text_changed),
    form("pth", loads("net.pth", "lenet"), (torchs(torch_files.zipped),), zipped_pickle_changed),
    form(
        "old pth", loads("net.pth", "lenet"), (torchs(torch_files.in_sequence),), sequence_changed
    ),
    form("tar pth", loads("net.pth", "lenet"), (in_tar,), tar_changed),
    form("onnx", loads("net.onnx"), (exported("net.onnx"), onnx), protobuf_changed),
    form("caffe", loads("net.caffemodel"), (caffe("caffe"), caffe("caffe_2014")), protobuf_changed),
    form("npy", loads("net.npy"), (npy_dict,), npy_dict_changed),
]
if find_spec("scipy"):
    FORMATS.append(form("mat", loads("net.mat"), (mat,), mat_changed))
