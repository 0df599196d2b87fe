"""Checkpoints restore exactly what was saved; files that do not fit change nothing."""

import json

import numpy
import pytest
from data_helpers import refusal
from trained_runs import change

from minialex import load, models, optim, schedules
from minialex.errors import InputError
from minialex.io.checkpoint import Checkpoint, read_history, read_progress, save_checkpoint
from minialex.layers import Linear, SoftmaxCrossEntropy
from minialex.network import Network


def trained(model: str = "alexnet-cifar", steps: int = 2):
    """A small network after a few steps, its optimiser and its schedule."""
    rng = numpy.random.default_rng(3)
    network = models.build(model, in_channels=1, image_size=28, rng=rng)
    optimizer, schedule, loss = optim.SGD(network), schedules.Plateau(0.1), SoftmaxCrossEntropy()
    for _ in range(steps):
        loss.forward(
            network.forward(rng.standard_normal((2, 28, 28, 1), dtype=numpy.float32), train=True),
            numpy.array([1, 2]),
        )
        network.backward(loss.backward())
        optimizer.step()
    schedule.observe(0.5)
    return network, optimizer, schedule


def state(network, optimizer, schedule):
    """Everything that a checkpoint restores, in a form that == compares."""
    generators = [
        layer.rng.bit_generator.state for layer in network.layers.values() if hasattr(layer, "rng")
    ]
    arrays = {**network.params, **optimizer.state}
    return (
        {name: array.tobytes() for name, array in arrays.items()},
        optimizer.steps,
        schedule.state,
        generators,
    )


def test_what_was_saved_is_restored(tmp_path):
    saved, fresh = trained(), trained(steps=0)
    save_checkpoint(tmp_path / "c.npz", *saved, {"epochs": 4})
    checkpoint = Checkpoint(tmp_path / "c.npz")
    assert state(*fresh) != state(*saved)
    checkpoint.restore(*fresh)
    assert state(*fresh) == state(*saved)
    assert checkpoint.progress == {"epochs": 4}
    assert list(tmp_path.iterdir()) == [tmp_path / "c.npz"]


def test_a_checkpoint_of_another_network_is_refused_and_changes_nothing(tmp_path):
    save_checkpoint(tmp_path / "c.npz", *trained(), {})
    other = trained("lenet")
    before = state(*other)
    with pytest.raises(InputError, match=r"does not fit this network: .*, expected shape \("):
        Checkpoint(tmp_path / "c.npz").restore(*other)
    assert state(*other) == before


def test_weights_alone_are_smaller_and_restore_nothing_else(tmp_path):
    network, _, schedule = saved = trained()
    save_checkpoint(tmp_path / "whole.npz", *saved, {})
    save_checkpoint(tmp_path / "c.npz", network, None, schedule, {})
    assert (tmp_path / "c.npz").stat().st_size < 0.6 * (tmp_path / "whole.npz").stat().st_size
    fresh = trained(steps=0)
    before = state(*fresh)
    with pytest.raises(InputError, match=r"c\.npz holds weights only, nothing of the optimiser"):
        Checkpoint(tmp_path / "c.npz").restore(*fresh)
    assert state(*fresh) == before
    Checkpoint(tmp_path / "c.npz").restore_weights(fresh[0])
    for name, array in network.params.items():
        numpy.testing.assert_array_equal(fresh[0].params[name], array)


@pytest.mark.parametrize("cut", [0, 1, 100, 2000, -100, -1])
def test_a_truncated_checkpoint_is_refused(tmp_path, cut):
    path = tmp_path / "c.npz"
    save_checkpoint(path, *trained("lenet"), {})
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(InputError, match=r"c\.npz is not a whole minialex checkpoint"):
        Checkpoint(path)


@pytest.mark.parametrize(
    "about",
    [
        None,
        "no json",
        json.dumps([1]),
        json.dumps({"format": "minialex checkpoint 0", "progress": {}}),
        json.dumps({"format": "minialex checkpoint 1", "progress": {}}),
        "[" * 100_000,
        numpy.array(["{}", "{}"]),
        numpy.array(3),
    ],
)
def test_other_npz_files_are_refused(tmp_path, about):
    arrays = {"weight/conv1.weight": numpy.zeros(3)} | ({} if about is None else {"about": about})
    numpy.savez(tmp_path / "c.npz", **arrays)
    with pytest.raises(InputError, match=r"c\.npz"):
        Checkpoint(tmp_path / "c.npz")


def test_a_later_version_s_checkpoint_is_not_called_damaged(tmp_path):
    path = tmp_path / "c.npz"
    numpy.savez(path, about=json.dumps({"format": "minialex checkpoint 2"}))
    for read in (Checkpoint, read_progress, read_history, load):
        message = refusal(read, path)
        assert message.startswith(f"{path} was made by a later version of minialex")
        assert "this version reads 'minialex checkpoint 1'" in message


def test_a_link_that_leads_nowhere_is_named(tmp_path):
    path = tmp_path / "run" / "c.npz"
    path.parent.mkdir()
    for target in ("c.npz", "/unmounted/c.npz"):
        path.symlink_to(target)
        for read in (Checkpoint, read_progress, load):
            assert f"{path} is a link that leads nowhere, to {target}: " in refusal(read, path)
        path.unlink()
    (tmp_path / "link").symlink_to("/unmounted/run")
    assert f"{tmp_path}/link is a link" in refusal(Checkpoint, tmp_path / "link" / "c.npz")


def test_arrays_that_are_not_those_that_were_saved_are_told_from_another_network_s(tmp_path):
    """With right checksums in the archive, as a program would leave them that has mixed it up."""
    path = tmp_path / "c.npz"
    save_checkpoint(path, *trained("lenet"), {})
    with numpy.load(path) as archive:
        saved = dict(archive)
    others = [dict(saved), dict(saved), dict(saved)]
    others[0]["weight/fc5.bias"] = saved["weight/fc5.bias"] + numpy.float32(1e-6)
    others[1]["weight/fc5.bias"] = saved["weight/fc5.bias"].astype(float)
    others[2].pop("optimizer/velocity.fc5.bias")
    for other in others:
        numpy.savez(path, **other)
        with pytest.raises(InputError, match="arrays are not those that were saved"):
            Checkpoint(path)


def test_checkpoints_without_a_checksum_are_read(tmp_path):
    """As earlier versions wrote them."""
    path, fresh = tmp_path / "c.npz", trained("lenet", steps=0)
    save_checkpoint(path, *trained("lenet"), {})
    change(path, about=lambda about: about.pop("checksum"))
    Checkpoint(path).restore(*fresh)
    assert state(*fresh) == state(*trained("lenet"))


def test_no_byte_of_the_archive_s_directory_can_be_changed_without_notice(tmp_path):
    """Every byte behind the arrays; what does not matter, a date say, may be read all the same."""
    path = tmp_path / "c.npz"
    network = Network([("fc1", Linear(3, 2))], (3,))
    save_checkpoint(path, network, None, schedules.Constant(0.1), {})
    content = path.read_bytes()
    right, refused = Checkpoint(path).arrays, 0
    start = content.index(b"PK\x01\x02")
    for place in range(start, len(content)):
        for bits in (0x01, 0x80, 0xFF):
            changed = bytearray(content)
            changed[place] ^= bits
            path.write_bytes(changed)
            try:
                found = Checkpoint(path).arrays
            except InputError as error:
                assert str(path) in str(error)
                refused += 1
            else:
                assert found.keys() == right.keys()
                assert all((found[name] == array).all() for name, array in right.items())
    assert refused > len(content) - start


@pytest.mark.parametrize(
    ("name", "array", "said"),
    [
        ("weight/fc5.bias", numpy.array(["a"] * 10), "<U1 numbers, expected floating-point"),
        ("weight/fc5.bias", numpy.zeros(10, complex), "complex128 numbers, expected floating-"),
        ("weight/fc5.bias", numpy.arange(10), "int64 numbers, expected floating-point"),
        ("weight/fc5.bias", numpy.full(10, numpy.nan), "holds NaN or infinity"),
        ("weight/fc5.bias", numpy.full(10, -numpy.inf), "holds NaN or infinity"),
        ("weight/fc5.bias", numpy.linspace(0, -1e300, 10), "holds -1e+300, too large for float32"),
        ("optimizer/velocity.fc5.bias", numpy.full(10, numpy.inf), "holds NaN or infinity"),
    ],
)
def test_numbers_that_a_network_cannot_have_are_refused_by_name(name, array, said, tmp_path):
    path, fresh = tmp_path / "c.npz", trained("lenet", steps=0)
    save_checkpoint(path, *trained("lenet"), {})
    change(path, arrays=lambda arrays: arrays.update({name: array}))
    before = state(*fresh)
    with pytest.raises(InputError) as caught:
        Checkpoint(path).restore(*fresh)
    assert f"{path} cannot be used: {name} holds" in str(caught.value)
    assert said in str(caught.value)
    assert state(*fresh) == before
    if name.startswith("weight/"):
        with pytest.raises(InputError, match="cannot be used: weight/fc5"):
            Checkpoint(path).restore_weights(fresh[0])
    assert state(*fresh) == before


def test_a_failed_save_keeps_the_old_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "c.npz"
    save_checkpoint(path, *trained("lenet"), {})
    before = path.read_bytes()

    def full_disk(file, **arrays):
        file.write(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(numpy, "savez", full_disk)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(path, *trained("lenet"), {})
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
