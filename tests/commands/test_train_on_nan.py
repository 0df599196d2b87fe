"""--on-nan lower-lr: training that meets NaN goes back to its checkpoint, at a lower rate."""

import errno
import json
import os

import mpi
import pytest
from command_runs import call
from trained_runs import assert_same, change, contents

from minialex import train, training_run
from minialex.io.checkpoint import Checkpoint
from minialex.io.run_folder import read_losses


@pytest.fixture
def nan_at_step_7(monkeypatch):
    """A training is spoilt in the second step of its second epoch, while the rate is above what is
    returned as `bound`."""
    step, bound = train.Trainer.step, [0.0]

    def spoilt(self, x, labels):
        if self.steps_in_all() == 6 and self.optimizer.lr > bound[0]:
            x = x.standardized() * float("nan")
        return step(self, x, labels)

    monkeypatch.setattr(train.Trainer, "step", spoilt)
    return bound


@pytest.fixture
def constant(small):
    return [*small, "--schedule", "constant", "--keep-weights"]


def test_training_goes_on_from_the_checkpoint_at_a_lower_rate(
    constant, nan_at_step_7, tmp_path, capsys
):
    nan_at_step_7[0] = 2e-5
    folder, expected = tmp_path / "run", tmp_path / "expected"
    words = (*constant, "--out", folder, "--on-nan", "lower-lr")
    code, out, _ = call(train.main, *words, capsys=capsys)
    said = [line for line in out.splitlines() if line.startswith("Back to step")]
    assert code == 0
    assert [line.partition(":")[0] for line in said] == [
        f"Back to step 5, with the learning rate divided by 10 ({times} of at most 3 times)"
        for times in (1, 2)
    ]
    assert all("it begins in the pictures" in line for line in said)
    assert (folder / "lowered.txt").read_text().splitlines() == ["b" + line[1:] for line in said]
    assert [line["learning_rate"] for line in contents(folder)[2]] == [1e-3, 1e-5]
    steps = [line["step"] for line in read_losses(folder / "losses.jsonl")]
    assert steps == sorted(set(steps))

    call(train.main, *constant, "--out", expected, "--max-steps", 5, capsys=capsys)
    lowered = lambda about: about["progress"].update(lowered=["once", "twice"])  # noqa: E731
    change(expected / "checkpoint.npz", about=lowered)
    code, out, _ = call(train.main, "--resume", expected, capsys=capsys)
    assert code == 0
    assert "note: once\nnote: twice\n" in out
    assert_same(contents(folder), contents(expected))


def test_where_that_cannot_be_said_training_ends(
    constant, nan_at_step_7, tmp_path, monkeypatch, capsys
):
    say = training_run.say

    def full(text):
        if text.startswith("Back to step"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        say(text)

    monkeypatch.setattr(training_run, "discard", lambda stream: None)
    monkeypatch.setattr(training_run, "say", full)
    nan_at_step_7[0] = 2e-5
    words = (*constant, "--out", tmp_path / "run", "--on-nan", "lower-lr")
    code, _, err = call(train.main, *words, capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert "standard output cannot be written" in err
    progress = Checkpoint(tmp_path / "run" / "checkpoint.npz").progress
    assert (progress["epochs"], len(progress["lowered"])) == (1, 1)


def test_it_goes_back_three_times_at_most_and_a_resumed_run_counts_on(
    constant, nan_at_step_7, tmp_path, capsys
):
    folder, kept = tmp_path / "run", tmp_path / "run" / "checkpoint.npz"
    code, _, _ = call(train.main, *constant, "--out", folder, capsys=capsys)
    assert (code, Checkpoint(kept).progress["lowered"]) == (2, [])
    words = ("--resume", folder, "--on-nan", "lower-lr")
    code, out, err = call(train.main, *words, capsys=capsys)
    assert (code, err.count("\n"), out.count("Back to step 5")) == (2, 1, 3)
    assert "smaller learning rate than 1e-06" in err
    assert err.endswith("; the rate was lowered 3 times\n")
    for _ in range(2):
        code, out, err = call(train.main, *words, capsys=capsys)
        assert (code, out.count("Back to step 5"), err.count("\n")) == (2, 0, 1)
    assert len(Checkpoint(kept).progress["lowered"]) == 3
    nan_at_step_7[0] = 1
    assert call(train.main, "--resume", folder, capsys=capsys)[0] == 0
    epochs = [json.loads(line)["epoch"] for line in (folder / "metrics.jsonl").open()]
    assert epochs == [1, 2]


def test_a_checkpoint_of_an_earlier_version_resumes(constant, tmp_path, capsys):
    folder = tmp_path / "run"
    call(train.main, *constant, "--out", folder, "--max-steps", 1, capsys=capsys)

    def older(about):
        del about["progress"]["lowered"], about["progress"]["options"]["on_nan"]

    change(folder / "checkpoint.npz", about=older)
    words = ("--resume", folder, "--max-steps", 2, "--on-nan", "stop")
    assert call(train.main, *words, capsys=capsys)[0] == 0


@pytest.mark.parametrize("lowered", [None, "twice", ["a"] * 4, [1]])
def test_a_damaged_checkpoint_is_refused(lowered, constant, tmp_path, capsys):
    folder = tmp_path / "run"
    call(train.main, *constant, "--out", folder, "--max-steps", 1, capsys=capsys)
    wrong = lambda about: about["progress"].update(lowered=lowered)  # noqa: E731
    change(folder / "checkpoint.npz", about=wrong)
    code, _, err = call(train.main, "--resume", folder, capsys=capsys)
    assert (code, err.count("\n"), "its lowered is" in err) == (2, 1, True)


@pytest.mark.skipif(bool(mpi.missing()), reason=str(mpi.missing()))
def test_all_ranks_go_back_together(small, tmp_path):
    """One of them has met NaN, in the third step of each try."""
    small[small.index("--workers") + 1] = 1
    words = (mpi.SCRIPTS / "faulty.py", "nan", 1, *small, "--on-nan", "lower-lr")
    done = mpi.run(2, *words, "--out", tmp_path / "run")
    assert done.returncode == 2
    assert done.stdout.count("Back to step 0, with the learning rate divided by 10") == 3
    assert "; the rate was lowered 3 times\n" in done.stderr
