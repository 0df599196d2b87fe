"""Training on a folder in which some pictures cannot be read."""

import json
import shutil

import numpy
import pytest
from command_runs import call
from trained_runs import assert_same, contents

from minialex import fast, train


@pytest.fixture
def damaged(small, pictures, tmp_path):
    """The options, on a copy of the pictures with two damaged for training and one for testing; the
    paths of these."""
    root = shutil.copytree(pictures, tmp_path / "damaged")
    bad = [
        root / "train" / "even" / "0.png",
        root / "train" / "odd" / "zz.png",
        root / "val" / "odd" / "zz.png",
    ]
    for path in bad:
        path.write_bytes(b"\x89PNG\r\n\x1a\n but no more")
    small[3] = root
    return small, [str(path) for path in bad]


def test_pictures_that_cannot_be_read_are_skipped_counted_and_listed(damaged, tmp_path, capsys):
    options, bad = damaged
    code, out, err = call(train.main, *options, "--out", tmp_path / "run", capsys=capsys)
    assert (code, err) == (0, "")
    listed = "Skipped 3 pictures that cannot be read:\n" + "".join(
        f"  {path}\n" for path in sorted(bad)
    )
    assert listed + "Done: test accuracy" in out
    lines = (tmp_path / "run" / "bad_pictures.txt").read_text().splitlines()
    assert [line.partition(": not a readable picture (")[0] for line in lines] == sorted(bad)
    assert [epoch["epoch"] for epoch in contents(tmp_path / "run")[2]] == [1, 2]


def test_a_run_without_such_pictures_says_nothing_of_them(small, tmp_path, capsys):
    _, out, _ = call(train.main, *small, "--out", tmp_path / "run", capsys=capsys)
    assert "Skipped" not in out
    assert not (tmp_path / "run" / "bad_pictures.txt").exists()


@pytest.mark.parametrize(
    ("batch_size", "workers"),
    [(1, 1), (8, 2)],  # with batches of 1 some are empty, and a second thread would only wait
)
def test_a_run_with_damaged_pictures_resumes_bit_for_bit(
    batch_size, workers, damaged, tmp_path, capsys
):
    options, _ = damaged
    options[options.index("--workers") + 1] = workers
    options[options.index("--batch-size") + 1] = batch_size
    options[options.index("--epochs") + 1] = options[options.index("--log-every") + 1] = 1
    call(train.main, *options, "--out", tmp_path / "whole", capsys=capsys)
    steps = 41 // batch_size
    for stop in (1, steps // 2, steps - 1):
        folder = tmp_path / f"stopped-{stop}"
        call(train.main, *options, "--out", folder, "--max-steps", stop, capsys=capsys)
        code, out, _ = call(train.main, "--resume", folder, capsys=capsys)
        assert code == 0
        assert "Skipped 3 pictures" in out  # those of before the stop too
        assert_same(contents(folder), contents(tmp_path / "whole"))
        assert (folder / "bad_pictures.txt").read_text() == (
            tmp_path / "whole" / "bad_pictures.txt"
        ).read_text()


def test_the_training_figures_count_what_could_be_read(damaged, tmp_path, capsys, monkeypatch):
    options, _ = damaged
    seen, step = [], fast.TrainingStep.__call__

    def counted(self, x, labels, *rest):
        seen.append(len(labels))
        return step(self, x, labels, *rest)

    monkeypatch.setattr(fast.TrainingStep, "__call__", counted)
    call(train.main, *options, "--epochs", 1, "--out", tmp_path / "run", capsys=capsys)
    assert sum(seen) == 39  # of 41
    with numpy.load(tmp_path / "run" / "checkpoint.npz") as archive:
        progress = json.loads(str(archive["about"]))["progress"]
    assert progress["pictures"][:2] == [41, 21]
    (epoch,) = contents(tmp_path / "run")[2]
    for right in (39 * epoch["train_accuracy"], 20 * epoch["test_accuracy"]):
        assert right == pytest.approx(round(right))
    assert right > 0


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_folder_of_damaged_pictures_is_an_error(split, small, pictures, tmp_path, capsys):
    small[3] = shutil.copytree(pictures, tmp_path / "damaged")
    for i, path in enumerate(sorted((small[3] / split).rglob("*.png"))):
        if i % 4:
            path.write_bytes(b"")
    code, out, err = call(train.main, *small, "--out", tmp_path / "run", capsys=capsys)
    assert (code, err.count("\n")) == (2, 1), err
    assert "pictures cannot be read, which is more than half: " in err
    assert "Done" not in out
