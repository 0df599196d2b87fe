"""Two trainings never write into one folder, and one that was killed is in nobody's way."""

import contextlib
import os
import signal
import subprocess

import mpi
import numpy
import pytest
from command_runs import call, start
from kills import killed_at
from trained_runs import assert_same, contents

from minialex import train
from minialex.io.claim import NAME, claimed
from minialex.io.run_folder import RunFolder


@contextlib.contextmanager
def stopped_in_mid_epoch(*words):
    """A process that trains, and stands still for the time of the block."""
    process = start("minialex.train", *words, stdout=subprocess.PIPE)
    for line in process.stdout:
        if "Step [" in line:
            break
    process.send_signal(signal.SIGSTOP)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 130


def files_of(folder):
    """What all files of a folder hold."""
    return {file.relative_to(folder): file.read_bytes() for file in sorted(folder.rglob("*.*"))}


def test_where_a_training_writes_another_one_ends_with_a_line(small, tmp_path, capsys):
    small[small.index("--epochs") + 1] = 500
    folder = tmp_path / "run"
    anew, resume = [*small, "--out", folder], ["--resume", folder]
    for first in (anew, resume):
        with stopped_in_mid_epoch(*first) as process:
            before = files_of(folder)
            for second in (anew, resume):
                code, out, err = call(train.main, *second, capsys=capsys)
                assert (code, err.count("\n"), "Step [" in out) == (2, 1, False)
                assert f"error: {folder}: another training (process {process.pid} on " in err
            assert files_of(folder) == before
        assert not (folder / NAME).exists()


@pytest.mark.skipif(bool(mpi.missing()), reason=str(mpi.missing()))
def test_all_ranks_end_where_another_training_writes(small, tmp_path, capsys):
    """The first of them claims the folder for all."""
    small[small.index("--workers") + 1] = 1
    folder, words = tmp_path / "run", ("-m", "minialex.train", *small, "--max-steps", 1)
    folder.mkdir()
    with claimed(folder):
        for more in (["--out", folder], ["--resume", folder]):
            done = mpi.run(2, *words, *more)
            assert done.returncode == 2
            assert f"another training (process {os.getpid()} on " in done.stderr
    assert mpi.run(2, *words, "--out", folder).returncode == 0
    assert not (folder / NAME).exists()


def test_the_claim_comes_before_the_checkpoint_is_read(small, tmp_path, capsys, monkeypatch):
    """Read before, it may be one that the other training has replaced since."""
    folder, seen, read = tmp_path / "run", [], train.options.Checkpoint
    call(train.main, *small, "--out", folder, "--max-steps", 1, capsys=capsys)

    def noting(path):
        seen.append((folder / NAME).exists())
        return read(path)

    monkeypatch.setattr(train.options, "Checkpoint", noting)
    assert call(train.main, "--resume", folder, "--max-steps", 2, capsys=capsys)[0] == 0
    assert seen == [True]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system forks no processes")
def test_a_run_that_is_killed_again_and_again_ends_bit_identical(small, tmp_path, capsys):
    """Each time a little later: before and after each of its first files is there, then further
    on. It starts with the same command until there is a checkpoint, and is resumed from then on."""
    small += ["--keep-weights"]
    whole, folder = tmp_path / "whole", tmp_path / "killed"
    call(train.main, *small, "--out", whole, capsys=capsys)
    killed, words = 0, [*small, "--out", folder]
    while (ended := killed_at(killed, *words)) is None:
        killed += 1 if killed < 10 else 4
        if (folder / "checkpoint.npz").exists():
            words = ["--resume", folder]
            assert train.options.Checkpoint(folder / "checkpoint.npz").arrays
        else:
            code, _, err = call(train.main, "--resume", folder, capsys=capsys)
            assert (code, err.count("\n")) == (2, 1)
            assert "starts again with the command that began it" in err
    assert ended == 0 or "has finished" in call(train.main, *words, capsys=capsys)[2]
    assert killed > 10
    assert_same(contents(folder), contents(whole))
    for file in RunFolder(whole).kept_weights().values():
        kept = folder / "weights" / file.name
        assert_same(arrays_of(kept), arrays_of(file))
    assert list(files_of(folder)) == list(files_of(whole))  # nothing else is left


@pytest.mark.parametrize("name", ["config.json", "notes.txt"])
def test_what_a_user_has_put_into_the_folder_stays(name, small, tmp_path, capsys):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / name).write_text("my own")
    words = (*small, "--out", folder, "--max-steps", 1)
    code, _, err = call(train.main, *words, capsys=capsys)
    assert (folder / name).read_text() == "my own"
    if name == "config.json":
        assert (code, err) == (
            2,
            f"error: {folder} already holds a run (config.json): choose another --out\n",
        )
        assert list(folder.iterdir()) == [folder / name]


def arrays_of(file):
    """The arrays of kept weights, as `assert_same` compares them."""
    with numpy.load(file) as archive:
        return ({name: archive[name] for name in archive.files if name != "about"},)
