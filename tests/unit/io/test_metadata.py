"""What a checkpoint says about itself is believed only if it can be; what weights say that were
exported is checked by the same rules, in tests/commands/test_weights.py."""

import json

import numpy
import pytest
import tiny_runs
from data_helpers import refusal
from trained_runs import change

from minialex import load
from minialex.io.metadata import DEEPEST, plain

NAN = float("nan")

#: What a run on drawn figures says of its data set.
SOURCE = dict(
    name="shapes", data_dir=None, image_size=None, seed=0, crop_padding=None, val_share=None
)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The checkpoint of a trainer after two epochs."""
    path = tmp_path_factory.mktemp("run") / "checkpoint.npz"
    tiny_runs.trainer(epochs=2).save(path)
    return path


@pytest.fixture
def path(saved, tmp_path):
    """A copy of it."""
    (tmp_path / "c.npz").write_bytes(saved.read_bytes())
    return tmp_path / "c.npz"


WRONG = [
    ("options", None),
    ("options", {"model": ["lenet"], "lrn": None, "batch_size": 4}),
    ("options", {"model": None, "lrn": "twice", "batch_size": 4}),
    ("options", {"model": None, "lrn": None, "batch_size": 0}),
    ("options", {"model": None, "lrn": None, "batch_size": True}),
    ("settings", 3),
    ("settings", {}),
    ("settings", None),
    ("classes", 5),
    ("classes", []),
    ("classes", ["up", 1]),
    ("pictures", {}),
    ("pictures", [8, 4, 4, 4]),
    ("pictures", [8, 4, 4, 5, 3]),
    ("pictures", [8, 4, 4, 4, 2]),
    ("pictures", [8, 4, 4.0, 4.0, 3]),
    ("pictures", [8, 4, 10**6, 10**6, 3]),
    ("mean", None),
    ("mean", [NAN, 1, 1]),
    ("mean", [1, 2]),
    ("mean", "grey"),
    ("std", [-1, 1, 1]),
    ("std", ["1", "1", "1"]),
    ("epochs", "2"),
    ("epochs", 3),
    ("epochs", None),
    ("steps", None),
    ("steps", -1),
    ("steps", 10**400),
    ("history", None),
    ("history", [1, 2]),
    ("history", [{"epoch": 1}, {"epoch": 2}]),
    ("network", None),
    ("network", 3),
    ("network", {"layers": []}),
    ("skipped", []),
    ("skipped", {"a.png": 3}),
    ("seen", 1.5),
    ("correct", 9),
    ("loss_sum", NAN),
    ("learning_rate", None),
    ("seconds", "long"),
    ("lighting", {}),
    ("lighting", {"eigenvalues": ["1"], "eigenvectors": [["1"]]}),
    ("lighting", {"eigenvalues": [1, 2, 3], "eigenvectors": [[1, 2], [3, 4]]}),
    ("digest", 3),
    ("digest", "2cf24dba"),
    ("digest", "x" * 32),
    ("pixel_range", 255),
    ("pixel_range", [1, 0]),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_what_cannot_be_is_refused_to_use_and_to_resume(name, value, path):
    change(path, about=lambda about: about["progress"].update({name: value}))
    assert refusal(lambda: load(path, backend_name="numpy")).startswith(str(path))
    assert refusal(tiny_runs.trainer().resume, path).startswith(str(path))


@pytest.mark.parametrize(
    "source",
    [3, [], {}, dict(SOURCE, seed=-1), dict(SOURCE, crop_padding=10**9), dict(SOURCE, name=None)],
)
def test_a_data_set_that_cannot_be_is_refused(source, path):
    change(path, about=lambda about: about["progress"].update(source=source))
    said = refusal(lambda: load(path, backend_name="numpy"))
    assert said.startswith(f"{path} is damaged: its data set is")


@pytest.mark.parametrize("network", [{"layers": [[]], "input_shape": [4, 4, 3]}, {"layers": [3]}])
def test_a_network_that_is_none_is_not_resumed(network, path):
    """Of a model, whose own description is not needed to use it."""
    change(path, about=lambda about: about["progress"].update(network=network))
    assert refusal(tiny_runs.trainer().resume, path).startswith(f"{path} is damaged: its network")


@pytest.mark.parametrize(
    ("index", "name", "value"),
    [
        (0, "kernel_size", 2.5),
        (0, "out_channels", 10**9),
        (0, "groups", True),
        (3, "p", NAN),
        (3, "p", "half"),
        (4, "out_features", 3),
        (4, "in_features", 10**30),
    ],
)
def test_arguments_of_layers_that_cannot_be_are_refused(index, name, value, path):
    def changed(about):
        about["progress"]["network"]["layers"][index][2][name] = value

    change(path, about=changed)
    assert str(path) in refusal(lambda: load(path, backend_name="numpy"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("optimizer_steps", -1),
        ("optimizer_steps", 1.5),
        ("optimizer_steps", 10**400),
        ("schedule", []),
        ("schedule", {}),
        ("schedule", {"best": [1], "stalled": 0, "drops": 10**9}),
        ("schedule", {"best": [NAN], "stalled": 0, "drops": 0}),
        ("schedule", {"best": 3, "stalled": 0, "drops": 0}),
        ("generators", 3),
        ("generators", {"dropout": 3}),
        ("generators", {"dropout": {"bit_generator": "PCG64", "state": 3}}),
        ("generators", {}),
    ],
)
def test_a_state_that_cannot_be_is_not_restored(name, value, path):
    change(path, about=lambda about: about.update({name: value}))
    trainer = tiny_runs.trainer()
    before = {name: array.copy() for name, array in trainer.network.params.items()}
    assert str(path) in refusal(trainer.resume, path)
    for name, array in trainer.network.params.items():
        numpy.testing.assert_array_equal(array, before[name])


def test_what_is_nested_too_deep_is_refused():
    def nested(depth):
        return "[" * depth + "]" * depth

    assert json.dumps(plain(nested(DEEPEST))) == nested(DEEPEST)
    for depth in (DEEPEST + 1, 900):
        with pytest.raises(ValueError, match="nested more than"):
            plain(nested(depth))
    with pytest.raises(RecursionError):
        plain(nested(100_000))
