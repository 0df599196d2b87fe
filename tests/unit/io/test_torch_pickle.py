"""Tensors and storages in torch's pickles: malformed ones and attacks, in files of both formats."""

import numpy
import pytest
from data_helpers import refusal
from pickle_attacks import attacks
from torch_files import (
    WRITERS,
    Code,
    call,
    named,
    pickled,
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


def refused(path):
    """The message of `read` for this file."""
    message = refusal(torch_file.read, path)
    assert message.startswith(str(path))
    return message


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
        try:
            found = torch_file.read(path)[0]
        except InputError as error:
            assert "\n" not in str(error)
        else:
            assert place == "tensor"
            assert list(found) == list(ARRAYS)
        assert list(tmp_path.iterdir()) == [path]


def outside(*said):
    """The instructions for an object outside the pickle, with this persistent id."""
    return Code(pickled(said) + b"Q")


FLOAT = named("torch", "FloatStorage")
NEGATIVE = "expected whole numbers of at least 0"
BEYOND = "does not fit into its storage of 6 numbers"
UNKNOWN = "it describes a storage in an unknown format"


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
def test_a_tensor_must_fit_into_its_storage(write, offset, size, stride, said, tmp_path):
    saved = {"weight": tensor(storage("0", 6), offset, size, stride)}
    assert said in refused(write(tmp_path / "a.pth", saved, {"0": bytes(24)}))


@pytest.mark.parametrize(
    ("saved", "said"),
    [
        ({"w": tensor({}, 0, (1,), (1,))}, "value of type dict, expected Storage"),
        ({"w": tensor(outside("storage", "Float", "0", "cpu", 6), 0, (1,), (1,))}, UNKNOWN),
        (
            {"w": tensor(outside("module", FLOAT, "0", "cpu", 6), 0, (), ())},
            "value of type StorageType, expected Unknown",
        ),
        (
            {"w": tensor(outside("storage", FLOAT, 0, "cpu", 6), 0, (), ())},
            "value of type int, expected str",
        ),
        ({"w": tensor(outside("storage", FLOAT, "0", "cpu", "6"), 0, (), ())}, UNKNOWN),
        ({"w": tensor(outside("storage", FLOAT, "0"), 0, (), ())}, "unpack"),
        ({"w": tensor(storage("0", -6), 0, (), ())}, UNKNOWN),
        ({"w": tensor(Code(b"K\x01Q"), 0, (), ())}, "value of type int, expected tuple"),
        ({"w": tensor(storage("0", 6, ("0", 1, 2)), 0, (), ())}, "a view of another one"),
        ({"w": tensor(storage("0", 6, kind="Quantized"), 0, (), ())}, "torch.QuantizedStorage"),
        (
            {"w": call(named("torch._utils", "_rebuild_parameter"), 3, False, {})},
            "value of type int, expected Tensor",
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
def test_malformed_tensors_and_storages_are_refused(write, saved, said, tmp_path):
    assert said in refused(write(tmp_path / "a.pth", saved, {"0": bytes(24)}))


@pytest.mark.parametrize("saved", [{"w": 3}, {}, (), None, {"state_dict": {"w": {}}}])
@pytest.mark.parametrize("write", WRITERS)
def test_objects_without_tensors_are_refused(write, saved, tmp_path):
    assert "holds no state dict" in refused(write(tmp_path / "a.pth", saved, {}))


def module(parameters, modules):
    """A torch.nn.Module of a class that nobody knows."""
    state = {"_parameters": parameters, "_modules": modules, "_buffers": None}
    return Code(named("some", "Module") + b")\x81" + pickled(state) + b"b")


def test_modules_that_contain_each_other_many_times_are_refused(tmp_path):
    inner = module({"w": tensor(storage("0", 6), 0, (6,), (1,))}, {})
    for _ in range(20):
        kept = Code(inner + b"\x94")  # MEMOIZE
        number = kept.count(b"\x94") - 1
        again = Code(b"h" + bytes([number]))
        inner = module({}, {"a": kept, "b": again})
    path = zipped(tmp_path / "a.pth", inner, {"0": bytes(24)})
    assert "more than 10,000 layers" in refused(path)
