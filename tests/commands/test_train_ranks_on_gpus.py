"""python -m minialex.train on many ranks with GPUs, which the stand-in stands in for."""

import os
from pathlib import Path

import mpi
import pytest
from command_runs import call
from trained_runs import assert_close

from minialex import train

pytestmark = [
    pytest.mark.skipif(bool(mpi.missing()), reason=str(mpi.missing())),
    pytest.mark.usefixtures("compiler"),
]

TRAIN = Path(mpi.__file__).with_name("train_on_standin.py")


@pytest.fixture
def small(pictures):
    """Options of a run of ten steps in two epochs, with dropout, crops and mirroring, whose losses
    are read every two steps."""
    return [
        *("--dataset", "folder", "--data-dir", pictures, "--image-size", 16),
        *("--model", "alexnet-cifar", "--workers", 1, "--batch-size", 8, "--epochs", 2),
        *("--augment", "crop,mirror", "--log-every", 2, "--optimizer", "sgd", "--lr", 0.01),
        *("--schedule", "plateau", "--weight-decay", 0.0005),
    ]


def run(*options, **variables):
    """The finished command on two ranks, with these variables of train_on_standin.py."""
    environment = os.environ | {f"STANDIN_{name}": value for name, value in variables.items()}
    done = mpi.run(2, TRAIN, "--backend", "standin", *options, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr
    return done


def test_by_way_of_the_host_and_resumed_with_an_mpi_that_is_cuda_aware(small, tmp_path, capsys):
    call(train.main, *small, "--out", tmp_path / "alone", capsys=capsys)
    done = run(*small, "--out", tmp_path / "two", "--max-steps", 3)
    assert done.stderr == "note: arrays go through the host's memory, as ranks share a GPU\n"
    options = " ".join(done.stdout.split("options", 1)[1].split("output")[0].split())
    assert "--parallel data --no-cuda-aware-mpi" in options
    done = run("--resume", tmp_path / "two", "--cuda-aware-mpi", CUDA_AWARE_MPI="1")
    assert done.stderr == ""
    assert_close(tmp_path / "two", tmp_path / "alone")


def test_by_nccl_where_each_rank_has_a_gpu(small, tmp_path, capsys):
    call(train.main, *small, "--out", tmp_path / "alone", capsys=capsys)
    done = run(*small, "--parallel", "one-weird-trick", "--out", tmp_path / "two", DEVICES="2")
    assert done.stderr == ""
    assert_close(tmp_path / "two", tmp_path / "alone")


def test_a_line_says_why_nccl_does_not_start(small, tmp_path):
    why = dict(DEVICES="2", NCCL_PROBLEM="NCCL_ERROR_SYSTEM_ERROR: unhandled system error")
    done = run(*small, "--out", tmp_path / "run", "--max-steps", 1, **why)
    line = (
        f"note: arrays go through the host's memory, as NCCL does not work: {why['NCCL_PROBLEM']}"
    )
    assert done.stderr == f"{line}\n"
