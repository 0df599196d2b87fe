"""python -m minialex.train on many ranks, started by mpirun as a user does it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import mpi
import pytest
from command_runs import call
from trained_runs import assert_close, assert_same, contents

from minialex import train
from minialex.distributed.processes import children, is_alive
from minialex.io.checkpoint import Checkpoint
from minialex.io.run_folder import read_losses

pytestmark = pytest.mark.skipif(bool(mpi.missing()), reason=str(mpi.missing()))

TRAIN = ("-m", "minialex.train")
FAULTY = mpi.SCRIPTS / "faulty.py"


@pytest.fixture
def small(pictures):
    """Options of a run of ten steps in two epochs, with dropout, crops and mirroring; the last
    batch of an epoch has fewer pictures than four ranks would need to have one each."""
    return [
        *("--dataset", "folder", "--data-dir", pictures, "--image-size", 16),
        *("--model", "alexnet-cifar", "--workers", 1, "--batch-size", 8, "--epochs", 2),
        *("--augment", "crop,mirror", "--log-every", 2, "--lr", 0.001, "--seed", 1),
        *("--optimizer", "sgd", "--schedule", "plateau", "--weight-decay", 0.0005),
    ]


def test_one_rank_prints_and_saves_what_one_process_would(small, tmp_path, capsys):
    small.append("--keep-weights")
    _, alone, _ = call(train.main, *small, "--out", tmp_path / "alone", capsys=capsys)
    done = mpi.run(2, *TRAIN, *small, "--out", tmp_path / "two")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"ranks    2 on {socket.gethostname()}, 1 thread each" in done.stdout.splitlines()
    for begin in ("minialex", "model", "dataset", "options", "output", "Epoch", "Done"):
        own, expected = (
            [line.partition(",")[0] for line in text.splitlines() if line.startswith(begin)]
            for text in (done.stdout.replace("two", "alone"), alone)
        )
        assert [line[:20] for line in own] == [line[:20] for line in expected]
    assert {file.name for file in (tmp_path / "two").rglob("*")} == {
        file.name for file in (tmp_path / "alone").rglob("*")
    }
    steps = [line["step"] for line in read_losses(tmp_path / "two" / "losses.jsonl")]
    assert steps == sorted(set(steps))  # only one of them writes
    assert {5, 10} <= set(steps)
    assert_close(tmp_path / "two", tmp_path / "alone")


@pytest.mark.parametrize("scheme", ["towers", "one-weird-trick"])
def test_a_checkpoint_of_two_ranks_resumes_on_any_other_number(scheme, small, tmp_path, capsys):
    call(train.main, *small, "--out", tmp_path / "alone", capsys=capsys)
    before = tmp_path / "before"
    done = mpi.run(2, *TRAIN, *small, "--parallel", scheme, "--out", before, "--max-steps", 4)
    assert done.returncode == 0, done.stderr
    for count, others in ((1, "data"), (2, "data"), (4, "towers"), (4, "one-weird-trick")):
        folder = tmp_path / f"{count}-{others}"
        shutil.copytree(before, folder)
        options = ("--resume", folder, "--parallel", others)
        if count == 1:
            assert call(train.main, *options, capsys=capsys)[0] == 0
        else:
            done = mpi.run(count, *TRAIN, *options)
            assert done.returncode == 0, done.stderr
        assert_close(folder, tmp_path / "alone")


def test_a_rank_that_is_killed_ends_all_and_the_run_resumes_bit_identical(small, tmp_path):
    small[small.index("--log-every") + 1] = 1
    assert mpi.run(2, *TRAIN, *small, "--out", tmp_path / "whole").returncode == 0
    folder = tmp_path / "killed"
    words = mpi.on_ranks(2, *TRAIN, *small, "--out", folder, "--checkpoint-every", 1)
    job = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in job.stdout:
        if "Step [4/" in line:
            break
    start = time.monotonic()
    os.kill(children(job.pid)[-1], signal.SIGKILL)
    _, err = job.communicate(timeout=30)
    assert time.monotonic() - start < 10
    assert job.returncode not in (0, None)
    said = " ".join(err.split())
    assert "rank 1" in said
    assert socket.gethostname() in said
    assert "signal 9" in said
    done = mpi.run(2, *TRAIN, "--resume", folder)
    assert done.returncode == 0, done.stderr
    assert_same(contents(folder), contents(tmp_path / "whole"))


@pytest.mark.parametrize(
    ("kind", "rank", "cause"),
    [
        ("exception", 1, "error: rank 1 on {host}: RuntimeError: the fan has stopped"),
        ("exception", 0, "error: rank 0 on {host}: RuntimeError: the fan has stopped"),
        ("memory", 1, "error: rank 1 on {host}: out of memory: Unable to allocate 9 GiB"),
        (
            "nan",
            1,
            "error: the loss is nan in epoch 1 by step 3: try a smaller learning rate than 0.001; "
            "it begins in the pictures",
        ),
        ("room", 1, "error: a batch of 8 needs 6 MB of memory, and 5 are free: about 4 should fit"),
        ("weights", 1, "error: rank 1 has other weights than rank 0"),
        ("version", 1, "rank 0 on {host} has minialex {version}, rank 1 on {host} has 0.0.1"),
    ],
)
def test_what_befalls_one_rank_ends_all_with_a_line(kind, rank, cause, small, tmp_path):
    start = time.monotonic()
    done = mpi.run(2, FAULTY, kind, rank, *small, "--out", tmp_path / "run", "--max-steps", 4)
    assert time.monotonic() - start < 30
    assert done.returncode == 2
    wanted = cause.format(host=socket.gethostname(), version=train.__version__)
    assert sum(wanted in line for line in done.stderr.splitlines()) == 1, done.stderr


def test_ranks_with_other_options_or_pictures_refuse_to_start(small, tmp_path, pictures):
    others = tmp_path / "others"
    shutil.copytree(pictures, others)
    next(others.glob("train/*/*")).unlink()
    host = socket.gethostname()
    for changed, said in (
        (["--lr", 0.002], f"rank 0 on {host} has --lr 0.001, rank 1 on {host} has 0.002"),
        (["--data-dir", others], "has training pictures"),
    ):
        words = mpi.on_ranks(1, *TRAIN, *small, "--out", tmp_path / "run")
        more = mpi.on_ranks(1, *TRAIN, *small, *changed, "--out", tmp_path / "run")
        both = [*words, ":", *more[more.index("-n") :]]
        done = subprocess.run(both, capture_output=True, text=True, timeout=60)
        assert done.returncode == 2
        first = done.stderr.splitlines()[0]
        assert first.startswith("error: all ranks must do the same: ")
        assert said in first
        assert not (tmp_path / "run").exists()


def stopped_after_two_steps(words, folder, number):
    """The exit code and the output of a job that gets the signal, and then all that it says."""
    job = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    said = ""
    while "Step [2/" not in said:
        line = job.stdout.readline()
        assert line, job.communicate()
        said += line
    job.send_signal(number)
    out, err = job.communicate(timeout=60)
    return job.returncode, said + out, err


@pytest.mark.parametrize(
    ("how", "number"),
    [
        ("mpirun", signal.SIGINT),
        ("mpirun", signal.SIGTERM),
        ("--ranks", signal.SIGINT),
        ("--ranks", signal.SIGTERM),
        ("--ranks", signal.SIGHUP),
    ],
)
def test_a_signal_makes_all_ranks_save_first(how, number, small, tmp_path):
    """mpirun kills its ranks a quarter of a second after the signal; a step here takes longer."""
    small[small.index("--log-every") + 1] = 1
    assert mpi.run(2, *TRAIN, *small, "--out", tmp_path / "whole").returncode == 0
    folder = tmp_path / "stopped"
    if how == "mpirun":
        words = mpi.on_ranks(2, mpi.SCRIPTS / "slow.py", *small, "--out", folder)
    else:
        words = [sys.executable, *TRAIN, "--ranks", 2, *small, "--epochs", 900, "--out", folder]
    code, out, err = stopped_after_two_steps(list(map(str, words)), folder, number)
    resume = f"python -m minialex.train --resume {folder}" + " --ranks 2" * (how == "--ranks")
    assert f"Stopped. To resume: {resume}\n" in out, err
    assert code == (1 if how == "mpirun" else 128 + number)
    if how == "mpirun":
        assert mpi.run(2, *TRAIN, "--resume", folder).returncode == 0
        assert_same(contents(folder), contents(tmp_path / "whole"))


@pytest.fixture
def long_epoch(tmp_path, monkeypatch):
    """A run on one rank that has taken two steps of an epoch of thousands; it is ended here."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # where it leaves what it cannot remove
    words = [sys.executable, *TRAIN, "--ranks", "1", "--dataset", "shapes", "--batch-size", "4"]
    words += ["--log-every", "1", "--out", str(tmp_path / "run")]
    streams = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with subprocess.Popen(words, **streams) as job:
        while "Step [2/" not in job.stdout.readline():
            pass
        yield job
        job.kill()


def test_an_error_while_stopping_is_said_and_ends_all(long_epoch, tmp_path):
    """mpirun is held then, and passes nothing on any more."""
    checkpoint = tmp_path / "run" / "checkpoint.npz"
    checkpoint.unlink()
    checkpoint.mkdir()  # where it is written
    long_epoch.send_signal(signal.SIGTERM)
    out, err = long_epoch.communicate(timeout=30)
    assert long_epoch.returncode != 0
    assert "checkpoint.npz is a folder" in err
    assert "Stopped" not in out


def family(pid):
    """The mpirun of a launcher, and its ranks."""
    (mpirun,) = children(pid)
    return [mpirun, *children(mpirun)]


def ended(pids):
    """Whether all of them end within half a minute."""
    latest = time.monotonic() + 30
    while any(map(is_alive, pids)) and time.monotonic() < latest:
        time.sleep(0.05)
    return not any(map(is_alive, pids))


def test_ranks_save_and_stop_when_what_has_started_them_is_killed(long_epoch, tmp_path):
    pids = family(long_epoch.pid)
    long_epoch.kill()
    assert ended(pids)
    assert Checkpoint(tmp_path / "run" / "checkpoint.npz").progress["steps"] >= 2


def test_at_the_second_signal_no_rank_is_left(long_epoch):
    pids = family(long_epoch.pid)
    for number in (signal.SIGINT, signal.SIGTERM):  # two of a kind might arrive as one
        long_epoch.send_signal(number)
    _, err = long_epoch.communicate(timeout=30)
    assert not any(map(is_alive, pids))
    assert long_epoch.returncode == 130
    assert err == "Ended at once. The last checkpoint, if there is one, is whole.\n"


def test_an_mpirun_that_is_killed_is_said(long_epoch):
    mpirun, *ranks = family(long_epoch.pid)
    os.kill(mpirun, signal.SIGKILL)
    _, err = long_epoch.communicate(timeout=30)
    assert (long_epoch.returncode, err) == (137, "error: mpirun was ended by SIGKILL\n")
    assert ended(ranks)


def test_where_nobody_reads_on_all_save_and_stop(long_epoch, tmp_path):
    long_epoch.stdout.close()
    assert long_epoch.wait(30) == 141
    assert Checkpoint(tmp_path / "run" / "checkpoint.npz").progress["steps"] >= 2


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_output_of_ranks_that_cannot_be_written_is_named(small, tmp_path):
    words = map(str, [sys.executable, *TRAIN, "--ranks", 1, *small, "--out", tmp_path / "run"])
    with open("/dev/full", "w") as full:
        done = subprocess.run(list(words), stdout=full, stderr=subprocess.PIPE, text=True)
    said = "error: standard output cannot be written: No space left on device\n"
    assert (done.returncode, done.stderr) == (2, said)


def test_what_keeps_ranks_from_starting_is_said_in_a_line(small, tmp_path, monkeypatch, capsys):
    options = (*small, "--out", tmp_path / "run")
    code, out, err = call(train.main, "--ranks", 999, *options, capsys=capsys)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("error: --ranks 999 wants a core for each, this process has ")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    code, out, err = call(train.main, "--ranks", 1, *options, capsys=capsys)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("error: --ranks 1 needs mpirun, and there is none: python -m pip")


def test_an_mpi_that_only_one_thread_may_call_is_refused(small, tmp_path, monkeypatch):
    monkeypatch.setenv("MPI4PY_RC_THREAD_LEVEL", "serialized")
    done = mpi.run(2, *TRAIN, *small, "--out", tmp_path / "run")
    assert done.returncode == 2
    errors = [line for line in done.stderr.splitlines() if line.startswith("error")]
    assert len(errors) == 1
    assert errors[0].endswith("which needs MPI_THREAD_MULTIPLE")


def test_a_rank_killed_under_the_launcher_is_one_line(small, tmp_path):
    small[small.index("--log-every") + 1] = 1
    words = [sys.executable, *TRAIN, "--ranks", 1, *small, "--epochs", 900]
    words += ["--out", tmp_path / "run"]
    streams = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    job = subprocess.Popen(list(map(str, words)), **streams)
    while "Step [2/" not in job.stdout.readline():
        pass
    mpirun = children(job.pid)[0]
    os.kill(children(mpirun)[-1], signal.SIGKILL)
    _, err = job.communicate(timeout=30)
    assert job.returncode == 137
    assert err == f"error: rank 0 on {socket.gethostname()}: ended by signal 9 (Killed)\n"


def test_what_an_mpirun_that_was_killed_has_left_behind_keeps_none_from_starting(
    small, tmp_path, monkeypatch
):
    """Open MPI 5 refuses to start where a process of the same number has left its folder."""
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    for number in range(os.getpid(), os.getpid() + 3000):  # those of the processes to come
        left = tmp_path / "temporary" / f"ompi.{number}"
        left.mkdir(parents=True)
        (left / f"pmix.{socket.gethostname()}.tool.{number}").touch()
    before = set((tmp_path / "temporary").iterdir())
    words = [sys.executable, *TRAIN, "--ranks", 1, *small, "--out", tmp_path / "run"]
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert set((tmp_path / "temporary").iterdir()) == before
