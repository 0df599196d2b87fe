"""Every command on runs whose checkpoint is damaged, and on weights that compute NaN or infinity: a
line, exit code 2, and nothing written."""

import json
import os
import shutil
import zipfile

import numpy
import pytest
import trained_runs
from command_runs import call
from data_helpers import picture_folder
from trained_runs import change

from minialex import evaluate, predict, report, train, weights
from minialex.explore import __main__ as explore
from minialex.visualize import __main__ as visualize


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with pictures and a run on them."""
    root = tmp_path_factory.mktemp("finished")
    picture_folder(root / "pictures")
    trained_runs.trained(root / "run", *trained_runs.on_folder(root / "pictures"))
    return root


@pytest.fixture
def checkpoint(finished, tmp_path, monkeypatch):
    """That of a copy of the run, called "run" where the test runs, beside the "pictures"."""
    shutil.copytree(finished / "run", tmp_path / "run")
    (tmp_path / "pictures").symlink_to(finished / "pictures")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "run" / "checkpoint.npz"


#: What is typed behind each command's name.
COMMANDS = {
    "train --resume": (train.main, ["--resume", "run", "--epochs", 3]),
    "train --weights": (train.main, ["pictures", "--weights", "run", "--out", "new"]),
    "predict": (predict.main, ["pictures", "--weights", "run"]),
    "evaluate": (evaluate.main, ["run"]),
    "report": (report.main, ["run"]),
    "weights export": (weights.main, ["export", "run", "new.safetensors"]),
    "visualize filters": (visualize.main, ["filters", "--weights", "run"]),
    "visualize curves": (visualize.main, ["curves", "run"]),
    "explore": (explore.main, ["run", "--no-browser"]),
}


def directory(path):
    """The first name in the archive's directory has another first letter."""
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 46] ^= 1
    path.write_bytes(content)


def with_member(path, name, content):
    """One .npy file in the archive is another, with the right checksum."""
    with zipfile.ZipFile(path) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for member, held in (members | {f"{name}.npy": content}).items():
            archive.writestr(member, held)


def terabyte(path):
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': (250000000000,), }"
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
    with_member(path, "about", content)


def nested(path):
    with numpy.load(path) as archive:
        arrays = dict(archive)
    numpy.savez(path, **arrays | {"about": numpy.array("[" * 100_000)})


def pickled(path):
    with numpy.load(path) as archive:
        arrays = dict(archive)
    numpy.savez(path, **arrays | {"about": numpy.array([{"a": 1}], object)})


def pipe(path):
    """Nobody ever writes into it."""
    if not hasattr(os, "mkfifo"):
        pytest.skip("needs named pipes")
    path.unlink()
    os.mkfifo(path)


DAMAGE = {
    "pipe": pipe,
    "directory": directory,
    "header": lambda path: with_member(path, "about", b"\x93NUMPY\x01\x00\x76\x00{'descr': '<U"),
    "terabyte": terabyte,
    "nested": nested,
    "pickled": pickled,
    "history": lambda path: change(
        path, about=lambda about: about["progress"].update(history=[{"epoch": "1"}])
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_damaged_checkpoint_is_named_in_a_line(command, damage, checkpoint, tmp_path, capsys):
    DAMAGE[damage](checkpoint)
    main, arguments = COMMANDS[command]
    before = sorted(tmp_path.rglob("*"))
    code, out, err = call(main, *arguments, capsys=capsys)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert "run/checkpoint.npz" in err
    assert "allow_pickle" not in err
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", "9"),
        ("epochs", None),
        ("batch_size", 8.5),
        ("lr", -1),
        ("lr", float("nan")),
        ("optimizer", ["adam"]),
        ("schedule", None),
        ("augment", "wobble"),
        ("log_every", 0),
        ("cuda_aware_mpi", "no"),
        ("data_dir", 3),
    ],
)
def test_options_that_the_command_would_not_take_are_refused(name, value, checkpoint, capsys):
    change(checkpoint, about=lambda about: about["progress"]["options"].update({name: value}))
    code, out, err = call(train.main, "--resume", "run", "--max-steps", 11, capsys=capsys)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert f"run/checkpoint.npz is damaged: its {name.replace('_', ' ')}" in err or name in err


@pytest.mark.parametrize("command", ["predict", "evaluate", "report"])
def test_logits_that_are_not_finite_end_the_command(command, checkpoint, tmp_path, capsys):
    """The weights are finite, their sums are not."""

    def enlarge(arrays):
        for name in arrays:
            if name.startswith("weight/fc8"):
                arrays[name] = numpy.full_like(arrays[name], 3e38)

    change(checkpoint, arrays=enlarge)
    main, arguments = COMMANDS[command]
    before = sorted(tmp_path.rglob("*"))
    code, out, err = call(main, *arguments, capsys=capsys)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert "run/checkpoint.npz computes the logit of class 0 and of others as NaN" in err
    assert sorted(tmp_path.rglob("*")) == before


def test_json_is_json_for_every_program(checkpoint, capsys):
    """No NaN, which other programs than Python refuse."""
    code, out, _ = call(predict.main, "pictures", "--weights", "run", "--json", capsys=capsys)
    assert code == 0
    for line in out.splitlines():
        json.loads(line, parse_constant=pytest.fail)
