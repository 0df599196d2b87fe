"""Signals that ask training to stop: it saves first, also where its terminal is gone."""

import os
import signal
import subprocess
import sys

import pytest
from command_runs import call, start

from minialex import train
from minialex.io.checkpoint import Checkpoint
from minialex.stop_signals import stop_on_signal


@pytest.fixture
def long(small):
    """Options of a run that does not end by itself."""
    small[small.index("--epochs") + 1] = 5000
    return [*small, "--log-every", 1]


def until(words, lines):
    """Reads lines up to the one with these words; returns them all."""
    read = []
    for line in lines:
        read.append(line)
        if words in line:
            return read
    raise AssertionError(f"{words!r} is not in {read}")


def test_a_sighup_saves_and_says_how_to_resume(long, tmp_path, capsys):
    folder = tmp_path / "run"
    with start("minialex.train", *long, "--out", folder, stdout=subprocess.PIPE) as process:
        until("Step [3/", process.stdout)
        process.send_signal(signal.SIGHUP)
        rest = process.stdout.read()
    assert process.returncode == 128 + signal.SIGHUP
    assert f"Stopped. To resume: python -m minialex.train --resume {folder}\n" in rest
    progress = Checkpoint(folder / "checkpoint.npz").progress
    steps = 5 * progress["epochs"] + progress["steps"]
    assert steps >= 3
    words = ("--resume", folder, "--max-steps", steps + 1)
    _, out, _ = call(train.main, *words, capsys=capsys)
    assert out.count(", Step [") == 1  # none of its steps was lost


def test_a_signal_that_comes_while_training_looks_for_one_is_not_lost():
    """Between reading and writing a flag, say."""
    waiting = [signal.SIGTERM]

    class Ranks:
        def any(self, stop):
            if waiting:
                signal.raise_signal(waiting.pop())
            return stop

    training = train.TrainingRun.__new__(train.TrainingRun)
    training.ranks, training.stopping, training.signal = Ranks(), False, 0
    with stop_on_signal(training):
        training.must_stop()
        assert training.must_stop()


def test_nohup_keeps_training_when_the_terminal_closes(long, tmp_path):
    folder = tmp_path / "run"
    ignore = dict(preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    streams = dict(stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    with start("minialex.train", *long, "--out", folder, **streams, **ignore) as process:
        until("Step [1/", process.stdout)
        process.send_signal(signal.SIGHUP)
        until("Epoch [2/", process.stdout)
        process.send_signal(signal.SIGTERM)
        process.stdout.read()
    assert process.returncode == 128 + signal.SIGTERM


def test_a_terminal_that_closes_leaves_a_saved_run(long, tmp_path):
    """What is printed to it from then on is an error, and no reason not to save."""
    pty = pytest.importorskip("pty", reason="Windows has no such terminals")
    folder = tmp_path / "run"
    child, terminal = pty.fork()
    if child == 0:
        words = ["-m", "minialex.train", *map(str, long), "--out", str(folder)]
        os.execv(sys.executable, [sys.executable, *words])
    with open(terminal, errors="replace") as screen:
        until("Step [3/", screen)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 128 + signal.SIGHUP
    progress = Checkpoint(folder / "checkpoint.npz").progress
    assert 5 * progress["epochs"] + progress["steps"] >= 3
    assert not (folder / "training.lock").exists()


def test_a_reader_that_ends_stops_training_which_saves(long, tmp_path):
    """As `head` does: without it, each step since the last checkpoint would be lost."""
    folder = tmp_path / "run"
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with start("minialex.train", *long, "--out", folder, **pipes) as process:
        until("Step [3/", process.stdout)
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141
    progress = Checkpoint(folder / "checkpoint.npz").progress
    assert 5 * progress["epochs"] + progress["steps"] >= 4
    assert not (folder / "training.lock").exists()
