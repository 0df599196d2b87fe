"""A folder is one training's at a time, and nobody's after its process has ended."""

import contextlib
import errno
import os
import socket
import subprocess
import sys

import pytest

from minialex.errors import InputError
from minialex.io import claim
from minialex.io.claim import NAME, claimed

HOLD = """
import sys, time, pathlib
from minialex.io.claim import claimed
with claimed(pathlib.Path(sys.argv[1])):
    print("claimed", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that has claimed the folder."""
    words = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "claimed\n"
        yield process
        process.kill()


def test_a_claimed_folder_is_refused_until_its_process_is_killed(holder, tmp_path):
    said = rf"^{tmp_path}: another training \(process {holder.pid} on .+\) is writing there$"
    before = (tmp_path / NAME).read_bytes()
    for _ in range(2):
        with pytest.raises(InputError, match=said), claimed(tmp_path):
            pass
        assert (tmp_path / NAME).read_bytes() == before
    holder.kill()
    holder.wait()
    assert (tmp_path / NAME).exists()
    with claimed(tmp_path):
        mine = f"process {os.getpid()} on {socket.gethostname()}\n"
        assert (tmp_path / NAME).read_text() == mine
    assert not list(tmp_path.iterdir())


def test_a_claim_ends_with_an_error(tmp_path):
    with pytest.raises(RuntimeError), claimed(tmp_path):
        raise RuntimeError
    with claimed(tmp_path):
        pass


def test_a_file_of_the_users_is_neither_overwritten_nor_removed(tmp_path):
    (tmp_path / NAME).write_text("notes on my training\n")
    with pytest.raises(InputError, match="is not from minialex"), claimed(tmp_path):
        pass
    assert (tmp_path / NAME).read_text() == "notes on my training\n"


def test_a_file_that_its_holder_removes_meanwhile_is_not_the_claim(tmp_path, monkeypatch):
    """Locked after it is gone, it would keep nobody else out."""
    lock, locked = claim.lock, []

    def late(file):
        if not locked:
            (tmp_path / NAME).unlink()
        locked.append(file)
        return lock(file)

    monkeypatch.setattr(claim, "lock", late)
    with claimed(tmp_path):
        assert len(locked) == 2
        with pytest.raises(InputError, match="another training"), claimed(tmp_path):
            pass


@pytest.mark.skipif(sys.platform == "win32", reason="Windows locks files otherwise")
def test_where_a_file_system_has_no_locks_training_goes_on(tmp_path, monkeypatch, capsys):
    def refuse(*given):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(claim.fcntl, "flock", refuse)
    with claimed(tmp_path):
        assert capsys.readouterr().err.endswith("cannot be locked: train there only once\n")


def test_a_claim_is_of_a_folder_and_not_of_its_name(tmp_path):
    folder, moved = tmp_path / "run", tmp_path / "moved"
    folder.mkdir()
    with claimed(folder) as first:
        assert first.holds()
        folder.rename(moved)
        assert not first.holds()
        folder.mkdir()
        assert not first.holds()
        with claimed(folder) as second:
            assert second.holds()
    with claimed(folder) as first:
        (folder / NAME).unlink()
        assert first.holds()
        with claimed(folder):
            assert not first.holds()


def test_a_claim_leaves_another_s_file(tmp_path):
    with claimed(tmp_path):
        (tmp_path / NAME).unlink()
        second = contextlib.ExitStack()
        second.enter_context(claimed(tmp_path))
    with second:
        assert (tmp_path / NAME).exists()


def test_a_folder_that_vanishes_ends_its_claim(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    with claimed(folder):
        (folder / NAME).unlink()
        folder.rmdir()
    assert list(tmp_path.iterdir()) == []
