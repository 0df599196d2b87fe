"""Which epochs are drawn, and the errors for runs without any."""

import json
from pathlib import Path

import numpy
import pytest

from minialex.errors import InputError
from minialex.io.checkpoint import FORMAT
from minialex.visualize.curves import KEYS, checkpoint_of, default_out, epochs, named

LINE = {key: 1 for key in KEYS}


def run(path, history):
    """A run's folder with a checkpoint that has this history."""
    path.mkdir(parents=True)
    about = json.dumps(
        {
            "format": FORMAT,
            "progress": {"history": history},
            "optimizer_steps": None,
            "schedule": {},
            "generators": {},
        }
    )
    numpy.savez(path / "checkpoint.npz", about=about, weight=numpy.zeros(3))
    return path


def test_all_epochs_are_read(tmp_path):
    lines = [LINE | {"epoch": 1}, LINE | {"epoch": 2, "more": 3}]
    folder = run(tmp_path / "run", lines)
    assert epochs(folder) == epochs(folder / "checkpoint.npz") == lines
    (folder / "checkpoint.npz").rename(tmp_path / "net.npz")
    assert epochs(tmp_path / "net.npz") == lines


@pytest.mark.parametrize(
    ("history", "said"),
    [
        ([], "has no curves yet"),
        (3, "is not a whole minialex checkpoint"),
        ([LINE, [1]], "its history is damaged"),
        ([{"epoch": 1}], "epoch 1 has no train_loss"),
        ([LINE, LINE | {"test_loss": "low"}], "the numbers of epoch 2 are"),
        ([LINE | {"test_loss": float("nan")}], "the numbers of epoch 1 are"),
    ],
)
def test_histories_that_cannot_be_drawn_are_explained(history, said, tmp_path):
    with pytest.raises(InputError, match=said):
        epochs(run(tmp_path / "run", history))


def test_a_folder_without_a_checkpoint_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"there is no checkpoint .*checkpoint\.npz"):
        epochs(tmp_path)


def test_runs_are_named_by_folder_or_by_path_where_names_repeat(tmp_path):
    paths = [Path("a/long"), Path("b/long/checkpoint.npz"), Path("c/short"), Path("d/net.npz")]
    assert named(paths) == {
        "a/long": paths[0],
        "b/long": paths[1].parent,
        "short": paths[2],
        "net": paths[3],
    }


def test_a_folder_stands_for_its_checkpoint():
    assert checkpoint_of(Path("runs/long")) == Path("runs/long/checkpoint.npz")
    assert checkpoint_of(Path("net.npz")) == Path("net.npz")


def test_a_comparison_does_not_replace_the_curves_of_a_run():
    assert default_out([Path("a")]) == Path("a/curves.png")
    assert default_out([Path("a"), Path("b")]) == Path("a/comparison.png")
