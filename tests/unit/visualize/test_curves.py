"""Which metrics are drawn, and the errors for runs without any."""

import json
from pathlib import Path

import pytest

from minialex.errors import InputError
from minialex.visualize.curves import KEYS, default_out, epochs, folder_of, named

LINE = {key: 1 for key in KEYS}


def run(path, lines):
    path.mkdir(parents=True)
    (path / "config.json").write_text("{}")
    if lines is not None:
        (path / "metrics.jsonl").write_text("".join(line + "\n" for line in lines))
    return path


def test_all_epochs_are_read(tmp_path):
    lines = [LINE | {"epoch": 1}, LINE | {"epoch": 2, "more": 3}]
    assert epochs(run(tmp_path / "run", map(json.dumps, lines))) == lines


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (None, "has no curves yet"),
        ([], "has no curves yet"),
        (["{"], "does not hold the run's epochs"),
        ([json.dumps(LINE), "[1]"], "line 2, has no epoch"),
        ([json.dumps({"epoch": 1})], "line 1, has no train_loss"),
    ],
)
def test_metrics_that_cannot_be_drawn_are_explained(lines, said, tmp_path):
    with pytest.raises(InputError, match=said):
        epochs(run(tmp_path / "run", lines))


def test_a_folder_that_is_not_a_run_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"there is no run .*: expected the folder of a run"):
        epochs(tmp_path)


def test_runs_are_named_by_folder_or_by_path_where_names_repeat(tmp_path):
    paths = [Path("a/long"), Path("b/long"), Path("c/short")]
    assert named(paths) == {"a/long": paths[0], "b/long": paths[1], "short": paths[2]}


def test_a_checkpoint_stands_for_its_run():
    assert (
        folder_of(Path("runs/long/checkpoint.npz"))
        == folder_of(Path("runs/long"))
        == Path("runs/long")
    )


def test_a_comparison_does_not_replace_the_curves_of_a_run():
    assert default_out([Path("a")]) == Path("a/curves.png")
    assert default_out([Path("a"), Path("b")]) == Path("a/comparison.png")
