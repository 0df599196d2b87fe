"""Reading files from torch.save: real ones, damaged ones, and ones that claim too much."""

import argparse
import pathlib
import struct
import sys
import tarfile
import tracemalloc
import types
import zipfile

import numpy
import pytest
from data_helpers import refusal
from torch_files import (
    FILES,
    WRITERS,
    call,
    example,
    in_sequence,
    in_tar,
    named,
    storage,
    tensor,
    tensors,
    zipped,
)

from minialex.errors import InputError
from minialex.io import torch_file

ARRAYS = {
    "features.0.weight": numpy.arange(6, dtype=numpy.float32).reshape(3, 2),
    "bias": numpy.ones(3, numpy.float32),
}


def same(found, expected):
    """Asserts that names, their order, dtypes, shapes and numbers are equal; returns True."""
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape), name
        assert numpy.array_equal(found[name], array), name
    return True


def read(path):
    """The tensors in the file."""
    return torch_file.read(path)[0]


def change_bytes(content, path, rng):
    """Changes one byte of a file at a time: it has tensors, or an error of one line; some have the
    one and some the other."""
    read = refused = 0
    for i in rng.permutation(len(content))[:300]:
        kept, content[i] = content[i], rng.integers(256)
        path.write_bytes(content)
        try:
            assert torch_file.read(path)[0]
            read += 1
        except InputError as error:
            assert "\n" not in str(error)
            refused += 1
        content[i] = kept
    return read, refused


def refused(path):
    """The message of `read` for this file."""
    message = refusal(torch_file.read, path)
    assert message.startswith(str(path))
    return message


@pytest.mark.parametrize("format", ["zip", "sequence"])
def test_files_written_by_torch_are_read(format):
    assert same(read(FILES / f"tensors.{format}.pth"), example())


@pytest.mark.parametrize("zip_format", [True, False])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_files_from_the_installed_torch_are_read(zip_format, protocol, tmp_path):
    torch = pytest.importorskip("torch", reason="needs torch to write files")
    net = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Linear(2, 2).half()
    )
    optimizer = torch.optim.Adam(net.parameters())
    for parameter in net.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    state = net.state_dict()
    expected = {name: tensor.numpy() for name, tensor in state.items()}
    around = {
        "epoch": 3,
        "arch": "net",
        "best": torch.tensor(0.5),
        "optimizer": optimizer.state_dict(),
    }
    nested = [
        {"state_dict": state, **around},
        {**around, "model_state_dict": state},
        {"model": {"weights": state}},
    ]
    for saved in (state, *nested):
        options = dict(pickle_protocol=protocol, _use_new_zipfile_serialization=zip_format)
        torch.save(saved, tmp_path / "net.pth", **options)
        if "model" in saved:
            assert "holds no state dict" in refused(tmp_path / "net.pth")
        else:
            assert same(read(tmp_path / "net.pth"), expected)


@pytest.mark.parametrize("zip_format", [True, False])
def test_of_a_whole_network_the_tensors_are_read(zip_format, tmp_path):
    """Also with its class, which may be of a package that is not installed."""
    torch = pytest.importorskip("torch", reason="needs torch to write files")

    class Own(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.features = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
            self.classifier = torch.nn.Linear(2, 2)

    Own.__module__, Own.__qualname__ = "somebodys_models", "Own"
    module = types.ModuleType("somebodys_models")
    module.Own = Own
    sys.modules["somebodys_models"] = module
    net = Own()
    expected = {name: tensor.numpy() for name, tensor in net.state_dict().items()}
    try:
        for saved in (net, {"epoch": 3, "model": net}):
            torch.save(saved, tmp_path / "net.pth", _use_new_zipfile_serialization=zip_format)
            found, beside = torch_file.read(tmp_path / "net.pth")
            assert same({name: found[name] for name in expected}, expected)
            assert set(found) == set(expected)
            assert {"somebodys_models.Own", "torch.nn.modules.linear.Linear"} <= beside.unknown
    finally:
        del sys.modules["somebodys_models"]


def test_what_a_training_script_saves_beside_the_weights_is_ignored(tmp_path):
    torch = pytest.importorskip("torch", reason="needs torch to write files")
    state = {"weight": torch.ones(2)}
    saved = {
        "args": argparse.Namespace(lr=0.1, sizes=(1, 2), device=torch.device("cpu")),
        "best": numpy.float64(0.5),
        "seen": {(1, 2), (3,)},
        "by place": {(0, 1): "a"},
        "state_dict": state,
        "path": pathlib.PurePosixPath("a/b"),
        "random": numpy.random.default_rng(0).bit_generator.state,
        "array": numpy.ones(3),
    }
    for protocol in (2, 4):
        torch.save(saved, tmp_path / "net.pth", pickle_protocol=protocol)
        found, beside = torch_file.read(tmp_path / "net.pth")
        assert same(found, {"weight": numpy.ones(2, numpy.float32)})
        assert "argparse.Namespace" in beside.unknown


def test_a_file_without_tensors_names_none(tmp_path):
    path = zipped(tmp_path / "a.pth", call(named("os", "getcwd")), {})
    assert "it holds no state dict" in refused(path)


def test_tensors_that_only_unknown_code_could_make_are_not_read(tmp_path):
    made = call(named("somebodys.tensors", "make"), storage("0", 6))
    path = zipped(tmp_path / "a.pth", {"weight": made}, {"0": bytes(24)})
    assert "it holds no state dict" in refused(path)


@pytest.mark.parametrize("view", [False, True])
def test_the_tar_archives_of_2017_are_read(view, tmp_path):
    """As torch reads them, if it is installed."""
    path = in_tar(tmp_path / "old.pth", {**ARRAYS, "empty": numpy.zeros((0, 3), "f4")}, view)
    assert same(read(path), {**ARRAYS, "empty": numpy.zeros((0, 3), "f4")})
    torch = pytest.importorskip("torch", reason="torch reads the file, too")
    loaded = torch.load(path, weights_only=False)
    assert same({name: tensor.numpy() for name, tensor in loaded.items()}, read(path))


def test_a_damaged_tar_archive_is_refused_in_one_line(tmp_path):
    path = in_tar(tmp_path / "old.pth", ARRAYS)
    content = bytearray(path.read_bytes())
    rng = numpy.random.default_rng(0)
    with tarfile.open(path) as archive:
        last = archive.getmember("pickle")
    for length in [*range(0, last.offset_data, 509), last.offset_data + last.size - 1]:
        path.write_bytes(content[:length])
        assert "cannot be read as a file from torch.save" in refused(path)
    assert min(change_bytes(content, path, rng)) > 0


@pytest.mark.parametrize("write", WRITERS)
def test_files_made_without_torch_are_read(write, tmp_path):
    assert same(read(write(tmp_path / "a.pth", *tensors(ARRAYS))), ARRAYS)


@pytest.mark.parametrize("write", WRITERS)
def test_only_the_state_dict_is_read(write, tmp_path):
    said, storages = tensors({**ARRAYS, "momentum": numpy.zeros(2, numpy.float32)})
    momentum = said.pop("momentum")
    path = write(
        tmp_path / "a.pth",
        {"epoch": 3, "state_dict": said, "optimizer": {"momentum": momentum}},
        storages,
    )
    assert same(read(path), ARRAYS)


def test_a_file_truncated_in_an_unused_storage_is_refused(tmp_path):
    said, storages = tensors({**ARRAYS, "momentum": numpy.zeros(2, numpy.float32)})
    path = in_sequence(
        tmp_path / "a.pth", {"momentum": said.pop("momentum"), "state_dict": said}, storages
    )
    path.write_bytes(path.read_bytes()[:-1])
    assert "it is truncated" in refused(path)


def test_a_storage_with_too_few_numbers_is_refused(tmp_path):
    saved = {"w": tensor(storage("0", 6), 0, (6,), (1,))}
    assert "has 20 bytes, expected 24 for 6 numbers" in refused(
        zipped(tmp_path / "a.pth", saved, {"0": bytes(20)})
    )
    assert "has 5 numbers, the tensors expect 6" in refused(
        in_sequence(tmp_path / "a.pth", saved, {"0": bytes(20)})
    )
    assert "no item named 'archive/data/0'" in refused(
        zipped(tmp_path / "a.pth", saved, {"1": bytes(24)})
    )
    assert "storage 1 that no tensor uses" in refused(
        in_sequence(tmp_path / "a.pth", saved, {"1": bytes(24)})
    )
    assert "storage 0 is missing" in refused(in_sequence(tmp_path / "a.pth", saved, {}))


@pytest.mark.parametrize("count", [2**60, 2**63 - 1, 2**34, -1])
def test_a_storage_that_claims_to_be_huge_takes_no_memory(count, tmp_path):
    saved = {"w": tensor(storage("0", max(count, 0)), 0, (2,), (1,))}
    path = in_sequence(tmp_path / "a.pth", saved, {"0": bytes(24)})
    content = path.read_bytes()
    path.write_bytes(content[:-32] + struct.pack("<q", count) + content[-24:])
    for file in (path, zipped(tmp_path / "b.pth", saved, {"0": bytes(7)})):
        tracemalloc.start()
        try:
            refused(file)
            assert tracemalloc.get_traced_memory()[1] < 20_000_000
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize("format", ["zip", "sequence"])
def test_a_file_truncated_anywhere_is_refused(format, tmp_path):
    content = (FILES / f"tensors.{format}.pth").read_bytes()
    path = tmp_path / "truncated.pth"
    for length in [*range(0, len(content), 37), len(content) - 1]:
        path.write_bytes(content[:length])
        assert "cannot be read as a file from torch.save" in refused(path)


@pytest.mark.parametrize("format", ["zip", "sequence"])
def test_a_changed_byte_gives_tensors_or_an_error_of_one_line(format, tmp_path):
    content = bytearray((FILES / f"tensors.{format}.pth").read_bytes())
    path, rng = tmp_path / "changed.pth", numpy.random.default_rng(0)
    assert min(change_bytes(content, path, rng)) > 0


def test_compressed_archives_are_refused(tmp_path):
    """A gigabyte of zeros would be a file of a megabyte."""
    saved = {"w": tensor(storage("0", 2**22), 0, (2**22,), (1,))}
    path = zipped(tmp_path / "a.pth", saved, {"0": bytes(2**24)}, compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 2**17
    assert "it is compressed" in refused(path)


def test_archives_that_claim_more_than_they_have_are_refused(tmp_path):
    """Many members that share the same bytes, or one that claims to be large."""
    said, storages = tensors({f"{i}": numpy.zeros(4000, numpy.float32) for i in range(2)})
    path = zipped(tmp_path / "a.pth", said, storages)
    with zipfile.ZipFile(path, "a") as archive:  # rewrites the list of members
        member = archive.getinfo("archive/data/0")
        for i in range(2, 50):
            twin = zipfile.ZipInfo(f"archive/data/{i}")
            twin.header_offset, twin.CRC, twin.file_size = (
                member.header_offset,
                member.CRC,
                member.file_size,
            )
            twin.compress_size = member.compress_size
            archive.filelist.append(twin)
        archive._didModify = True
    assert "claims to hold" in refused(path)
    with zipfile.ZipFile(path, "a") as archive:
        del archive.filelist[-48:]
        archive.getinfo("archive/data/0").file_size = 2**40
        archive._didModify = True
    assert "claims to hold 1,099,5" in refused(path)


def test_archives_of_other_programs_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.pth", "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert "0 pickles named data.pkl, expected one" in refused(tmp_path / "a.pth")
    said, storages = tensors(ARRAYS)
    path = zipped(tmp_path / "b.pth", said, storages)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"little", b"big__\0"))
    assert "CRC" in refused(path)


def test_big_endian_files_are_refused(tmp_path):
    whole = zipped(tmp_path / "a.pth", *tensors(ARRAYS))
    with zipfile.ZipFile(whole) as archive, zipfile.ZipFile(tmp_path / "b.pth", "w") as other:
        for name in archive.namelist():
            other.writestr(name, "big" if name.endswith("byteorder") else archive.read(name))
    assert "it is big-endian, expected little-endian" in refused(tmp_path / "b.pth")


@pytest.mark.parametrize(
    "content", [b"", b"\x80", b"not a torch file at all", b"\x80\x02K\x01.\x80\x02K\x02.\x80\x02}."]
)
def test_other_files_are_refused(content, tmp_path):
    (tmp_path / "a.pth").write_bytes(content)
    assert "cannot be read as a file from torch.save" in refused(tmp_path / "a.pth")
