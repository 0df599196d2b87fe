"""A command that is started twice leaves the same bits, in other processes and on ranks."""

import os
import subprocess
import sys

import mpi
import pytest
from trained_runs import assert_same, contents

TRAIN = ("-m", "minialex.train")


@pytest.mark.parametrize("engine", ["plain", "fast"])
def test_two_processes_train_alike(engine, small, tmp_path):
    """With as many BLAS threads as there are, and another order of Python's sets."""
    small.remove("--workers")
    small.remove(2)
    for number in ("1", "2"):
        options = [*small, "--engine", engine, "--out", tmp_path / number]
        env = os.environ | {"PYTHONHASHSEED": number}
        done = subprocess.run(
            [sys.executable, *TRAIN, *map(str, options)], env=env, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    assert_same(contents(tmp_path / "1"), contents(tmp_path / "2"))


@pytest.mark.skipif(bool(mpi.missing()), reason=str(mpi.missing()))
def test_two_ranks_train_alike_twice(small, tmp_path):
    """Pictures are divided, and the linear layers."""
    for number in ("1", "2"):
        options = [*small, "--parallel", "one-weird-trick", "--out", tmp_path / number]
        done = mpi.run(2, *TRAIN, *options)
        assert done.returncode == 0, done.stderr
    assert_same(contents(tmp_path / "1"), contents(tmp_path / "2"))
