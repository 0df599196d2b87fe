"""Reading what torch.save wrote: real files, with and without torch, and files that were made to do harm."""

import struct
import tracemalloc
import zipfile

import numpy
import pytest
from pickle_attacks import attacks
from torch_files import (
    FILES,
    Code,
    call,
    example,
    in_sequence,
    named,
    pickled,
    storage,
    tensor,
    tensors,
    zipped,
)

from minialex.errors import InputError
from minialex.io import torch_file

WRITERS = [zipped, in_sequence]
ARRAYS = {
    "features.0.weight": numpy.arange(6, dtype=numpy.float32).reshape(3, 2),
    "bias": numpy.ones(3, numpy.float32),
}


def same(found, expected):
    """Whether names, their order, types, shapes and numbers are equal."""
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape), name
        assert numpy.array_equal(found[name], array), name
    return True


def refusal(path):
    """What `read` says; checks what every refusal must be."""
    with pytest.raises(InputError) as caught:
        torch_file.read(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message


@pytest.mark.parametrize("format", ["zip", "sequence"])
def test_files_that_torch_wrote(format):
    assert same(torch_file.read(FILES / f"tensors.{format}.pth"), example())


@pytest.mark.parametrize("zip_format", [True, False])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_whatever_torch_writes_here(zip_format, protocol, tmp_path):
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
            assert "holds no state dict" in refusal(tmp_path / "net.pth")
        else:
            assert same(torch_file.read(tmp_path / "net.pth"), expected)


def test_a_whole_module_is_refused_with_advice(tmp_path):
    torch = pytest.importorskip("torch", reason="needs torch to write files")
    torch.save(torch.nn.Linear(2, 2), tmp_path / "net.pth")
    said = refusal(tmp_path / "net.pth")
    assert "torch.nn.modules.linear.Linear" in said
    assert "model.state_dict()" in said


@pytest.mark.parametrize("write", WRITERS)
def test_files_made_without_torch(write, tmp_path):
    assert same(torch_file.read(write(tmp_path / "a.pth", *tensors(ARRAYS))), ARRAYS)


@pytest.mark.parametrize("write", WRITERS)
def test_only_the_state_dict_is_read(write, tmp_path):
    said, storages = tensors({**ARRAYS, "momentum": numpy.zeros(2, numpy.float32)})
    momentum = said.pop("momentum")
    path = write(
        tmp_path / "a.pth",
        {"epoch": 3, "state_dict": said, "optimizer": {"momentum": momentum}},
        storages,
    )
    assert same(torch_file.read(path), ARRAYS)


def test_a_file_that_ends_in_a_storage_that_is_not_read(tmp_path):
    said, storages = tensors({**ARRAYS, "momentum": numpy.zeros(2, numpy.float32)})
    path = in_sequence(
        tmp_path / "a.pth", {"momentum": said.pop("momentum"), "state_dict": said}, storages
    )
    path.write_bytes(path.read_bytes()[:-1])
    assert "ends early" in refusal(path)


@pytest.mark.parametrize("number", range(len(list(attacks("there")))))
@pytest.mark.parametrize("write", WRITERS)
def test_no_attack_runs(write, number, tmp_path):
    attack = list(attacks(tmp_path / "made"))[number]
    instructions = attack.removesuffix(b".")
    instructions = instructions[2:] if instructions[:1] == b"\x80" else instructions
    for place in ("first", "tensor", "storage", "argument"):
        said, storages = tensors(ARRAYS)
        if place == "first":
            saved = Code(instructions)
        elif place == "tensor":
            saved = {**said, "bad": Code(instructions)}
        elif place == "storage":
            saved = {**said, "bad": tensor(Code(instructions), 0, (1,), (1,))}
        else:
            saved = {**said, "bad": tensor(storage("0", 6), 0, Code(instructions), (1,))}
        path = write(tmp_path / "bad.pth", saved, storages)
        message = refusal(path)
        assert "refused" in message or "unknown" in message
        assert list(tmp_path.iterdir()) == [path]


def outside(*said):
    """What a pickle says of a thing outside it."""
    return Code(pickled(said) + b"Q")


FLOAT = named("torch", "FloatStorage")
NEGATIVE = "whole numbers of at least 0"
BEYOND = "does not lie within its storage of 6 numbers"


@pytest.mark.parametrize(
    ("offset", "size", "stride", "said"),
    [
        (1, (3, 2), (2, 1), BEYOND),
        (0, (7,), (1,), BEYOND),
        (0, (3, 2), (3, 1), BEYOND),
        (6, (1,), (1,), BEYOND),
        (0, (1000, 6), (0, 1), BEYOND),
        (0, (2**40, 2**40), (0, 0), BEYOND),
        (2**62, (1,), (1,), BEYOND),
        (0, (2**80,), (2**80,), BEYOND),
        (-1, (2,), (1,), NEGATIVE),
        (5, (6,), (-1,), NEGATIVE),
        (0, (-1, -6), (1, 1), NEGATIVE),
        (0, (True, 6), (6, 1), NEGATIVE),
        (0, ("6",), (1,), NEGATIVE),
        (None, (6,), (1,), NEGATIVE),
        (0, (3, 2), (1,), "2 sizes and 1 strides"),
        (0, (1,) * 70, (1,) * 70, "70 sizes and 70 strides"),
        (0, 6, 1, "not iterable"),
    ],
)
@pytest.mark.parametrize("write", WRITERS)
def test_a_tensor_lies_within_its_storage(write, offset, size, stride, said, tmp_path):
    saved = {"weight": tensor(storage("0", 6), offset, size, stride)}
    assert said in refusal(write(tmp_path / "a.pth", saved, {"0": bytes(24)}))


@pytest.mark.parametrize(
    ("saved", "said"),
    [
        ({"w": tensor({}, 0, (1,), (1,))}, NEGATIVE),
        (
            {"w": tensor(outside("storage", "Float", "0", "cpu", 6), 0, (1,), (1,))},
            "in an unknown way",
        ),
        ({"w": tensor(outside("module", FLOAT, "0", "cpu", 6), 0, (), ())}, "in an unknown way"),
        (
            {"w": tensor(outside("storage", FLOAT, 0, "cpu", 6), 0, (), ())},
            "a int where a str belongs",
        ),
        ({"w": tensor(outside("storage", FLOAT, "0", "cpu", "6"), 0, (), ())}, "in an unknown way"),
        ({"w": tensor(outside("storage", FLOAT, "0"), 0, (), ())}, "unpack"),
        ({"w": tensor(storage("0", -6), 0, (), ())}, "in an unknown way"),
        ({"w": tensor(Code(b"K\x01Q"), 0, (), ())}, "a int where a tuple belongs"),
        ({"w": tensor(storage("0", 6, ("0", 1, 2)), 0, (), ())}, "part of another one"),
        ({"w": tensor(storage("0", 6, kind="Quantized"), 0, (), ())}, "torch.QuantizedStorage"),
        (
            {"w": call(named("torch._utils", "_rebuild_parameter"), 3, False, {})},
            "a int where a Tensor belongs",
        ),
        ({"w": call(named("torch._utils", "_rebuild_tensor_v2"), 3)}, "missing"),
        (tensor(storage("0", 6), 0, (6,), (1,)), "holds no state dict"),
        (
            {
                "a": tensor(storage("0", 6), 0, (6,), (1,)),
                "b": tensor(storage("0", 3), 0, (3,), (1,)),
            },
            "storage 0 in two ways",
        ),
    ],
)
@pytest.mark.parametrize("write", WRITERS)
def test_what_is_no_state_dict_is_refused(write, saved, said, tmp_path):
    assert said in refusal(write(tmp_path / "a.pth", saved, {"0": bytes(24)}))


@pytest.mark.parametrize("saved", [{"w": 3}, {}, (), None, {"state_dict": {"w": {}}}])
@pytest.mark.parametrize("write", WRITERS)
def test_what_has_no_tensors_is_refused(write, saved, tmp_path):
    assert "holds no state dict" in refusal(write(tmp_path / "a.pth", saved, {}))


def test_a_storage_with_fewer_numbers_than_it_says(tmp_path):
    saved = {"w": tensor(storage("0", 6), 0, (6,), (1,))}
    assert "20 bytes, too few for 6 numbers" in refusal(
        zipped(tmp_path / "a.pth", saved, {"0": bytes(20)})
    )
    assert "5 numbers where it lies, and 6" in refusal(
        in_sequence(tmp_path / "a.pth", saved, {"0": bytes(20)})
    )
    assert "no item named 'archive/data/0'" in refusal(
        zipped(tmp_path / "a.pth", saved, {"1": bytes(24)})
    )
    assert "storage 1 that no tensor lies in" in refusal(
        in_sequence(tmp_path / "a.pth", saved, {"1": bytes(24)})
    )
    assert "storage 0 is missing" in refusal(in_sequence(tmp_path / "a.pth", saved, {}))


@pytest.mark.parametrize("count", [2**60, 2**63 - 1, 2**34, -1])
def test_a_storage_of_a_huge_size_takes_no_memory(count, tmp_path):
    saved = {"w": tensor(storage("0", max(count, 0)), 0, (2,), (1,))}
    path = in_sequence(tmp_path / "a.pth", saved, {"0": bytes(24)})
    content = path.read_bytes()
    path.write_bytes(content[:-32] + struct.pack("<q", count) + content[-24:])
    for file in (path, zipped(tmp_path / "b.pth", saved, {"0": bytes(7)})):
        tracemalloc.start()
        try:
            refusal(file)
            assert tracemalloc.get_traced_memory()[1] < 20_000_000
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize("format", ["zip", "sequence"])
def test_a_file_cut_off_anywhere_is_refused(format, tmp_path):
    content = (FILES / f"tensors.{format}.pth").read_bytes()
    path = tmp_path / "cut.pth"
    for length in [*range(0, len(content), 37), len(content) - 1]:
        path.write_bytes(content[:length])
        refusal(path)


@pytest.mark.parametrize("format", ["zip", "sequence"])
def test_any_changed_byte_gives_tensors_or_one_line(format, tmp_path):
    content = bytearray((FILES / f"tensors.{format}.pth").read_bytes())
    path, rng = tmp_path / "changed.pth", numpy.random.default_rng(0)
    for i in rng.permutation(len(content))[:300]:
        kept, content[i] = content[i], rng.integers(256)
        path.write_bytes(content)
        try:
            torch_file.read(path)
        except InputError as error:
            assert "\n" not in str(error)
        content[i] = kept


def test_compressed_archives_are_refused(tmp_path):
    """A gigabyte of zeros is a megabyte then."""
    saved = {"w": tensor(storage("0", 2**22), 0, (2**22,), (1,))}
    path = zipped(tmp_path / "a.pth", saved, {"0": bytes(2**24)}, compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 2**17
    assert "it is compressed" in refusal(path)


def test_archives_that_claim_more_than_they_have_are_refused(tmp_path):
    """Many members that are all the same bytes of the file, or one that is said to be large."""
    said, storages = tensors({f"{i}": numpy.zeros(4000, numpy.float32) for i in range(2)})
    path = zipped(tmp_path / "a.pth", said, storages)
    with zipfile.ZipFile(path, "a") as archive:  # its list of members, written anew
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
    assert "claims to hold" in refusal(path)
    with zipfile.ZipFile(path, "a") as archive:
        del archive.filelist[-48:]
        archive.getinfo("archive/data/0").file_size = 2**40
        archive._didModify = True
    assert "claims to hold 1,099,5" in refusal(path)


def test_archives_of_other_programs_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.pth", "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert "0 pickles called data.pkl" in refusal(tmp_path / "a.pth")
    said, storages = tensors(ARRAYS)
    path = zipped(tmp_path / "b.pth", said, storages)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"little", b"big__\0"))
    assert "CRC" in refusal(path)


def test_the_other_byte_order_is_refused(tmp_path):
    whole = zipped(tmp_path / "a.pth", *tensors(ARRAYS))
    with zipfile.ZipFile(whole) as archive, zipfile.ZipFile(tmp_path / "b.pth", "w") as other:
        for name in archive.namelist():
            other.writestr(name, "big" if name.endswith("byteorder") else archive.read(name))
    assert "other byte order" in refusal(tmp_path / "b.pth")


@pytest.mark.parametrize(
    "content", [b"", b"\x80", b"not a torch file at all", b"\x80\x02K\x01.\x80\x02K\x02.\x80\x02}."]
)
def test_other_files_are_refused(content, tmp_path):
    (tmp_path / "a.pth").write_bytes(content)
    assert "cannot be read as a file of torch.save" in refusal(tmp_path / "a.pth")
