"""python -m minialex.train on hosts that a slow network links, as on a cluster."""

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import links
import mpi
import pytest
from trained_runs import assert_same, contents

from minialex.io.checkpoint import Checkpoint

pytestmark = pytest.mark.skipif(bool(links.missing()), reason=str(links.missing()))

TRAIN = ("-m", "minialex.train")

#: The command, with a folder of pictures for each host in the --data-dir that comes last.
ON_OWN_PICTURES = """
import socket, sys
from minialex import train
from minialex.command import run
sys.argv[-1] += "/" + socket.gethostname()
run(train.main)
"""


@pytest.fixture
def hosts():
    """Two hosts, h0 and h1."""
    with links.linked(2, delay_ms=2, rate_mbit=200) as linked:
        yield linked


@pytest.fixture
def small(pictures):
    """Options of a run of five steps, with dropout, crops and mirroring."""
    return [
        *("--dataset", "folder", "--data-dir", pictures, "--image-size", 16),
        *("--model", "alexnet-cifar", "--workers", 1, "--batch-size", 8, "--epochs", 1),
        *("--augment", "crop,mirror", "--log-every", 1, "--lr", 0.001, "--seed", 1),
        *("--optimizer", "sgd", "--schedule", "plateau", "--weight-decay", 0.0005),
    ]


@pytest.mark.parametrize("scheme", ["data", "towers"])
def test_two_hosts_train_to_the_bits_of_two_ranks_on_one(scheme, small, hosts, tmp_path):
    options = (*TRAIN, *small, "--parallel", scheme, "--max-steps", 3, "--out")
    done = hosts.run(*options, tmp_path / "two")
    assert done.returncode == 0, done.stderr
    assert "ranks    1 on h0, 1 on h1, 1 thread each" in done.stdout.splitlines()
    assert mpi.run(2, *options, tmp_path / "one").returncode == 0
    assert_same(contents(tmp_path / "two"), contents(tmp_path / "one"))


def after_two_steps(hosts, *arguments):
    """A job on the hosts that has taken two steps."""
    streams = dict(stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    job = subprocess.Popen(hosts.on_ranks(*arguments), **streams, text=True)
    for line in job.stdout:
        if "Step [2/" in line:
            return job
    raise AssertionError(job.communicate())


def test_a_rank_that_is_killed_on_another_host_ends_all_and_is_named(small, hosts, tmp_path):
    job = after_two_steps(hosts, *TRAIN, *small, "--epochs", 100, "--out", tmp_path)
    os.kill(hosts.ranks()[1], signal.SIGKILL)
    try:
        _, err = job.communicate(timeout=10)
        assert job.returncode != 0
    except subprocess.TimeoutExpired as late:
        # Once in a hundred times mpirun (Open MPI 5.0.11) locks itself up when all is over.
        err = late.stderr.decode()
        job.kill()
    assert not hosts.ranks()
    said = " ".join(err.split())
    assert "process rank 1 with PID" in said
    assert "on node h1 exited on signal 9" in said


def test_a_signal_to_mpirun_makes_ranks_on_all_hosts_save_first(small, hosts, tmp_path):
    """A step takes longer than mpirun waits before it kills the ranks."""
    job = after_two_steps(hosts, mpi.SCRIPTS / "slow.py", *small, "--out", tmp_path)
    (parent,) = re.findall(r"PPid:\s+(\d+)", Path(f"/proc/{hosts.ranks()[0]}/status").read_text())
    os.kill(int(parent), signal.SIGTERM)
    out, err = job.communicate(timeout=30)
    assert "Stopped. To resume: " in out, err
    assert Checkpoint(tmp_path / "checkpoint.npz").progress["steps"] > 2


def test_hosts_with_other_pictures_refuse_to_start(small, hosts, pictures, tmp_path):
    for name in hosts.names:
        shutil.copytree(pictures, tmp_path / name)
    next((tmp_path / "h1").glob("train/*/*")).unlink()
    done = hosts.run(
        "-c", ON_OWN_PICTURES, *small, "--out", tmp_path / "run", "--data-dir", tmp_path
    )
    assert done.returncode == 2
    first = next(line for line in done.stderr.splitlines() if line.startswith("error"))
    assert first.startswith("error: all ranks must do the same: rank 0 on h0 has training pictures")
    assert "rank 1 on h1 has 39" in first
    assert not (tmp_path / "run").exists()
