"""Disks that fill, folders and pictures that vanish or change during training: a line says so, and
nothing that was saved is lost."""

import contextlib
import errno
import os
import shutil
import subprocess
from pathlib import Path

import numpy
import pytest
from command_runs import call
from PIL import Image
from trained_runs import assert_same, contents

from minialex import data, train, training_run
from minialex.data.batches import ORDER
from minialex.io.checkpoint import Checkpoint


@pytest.fixture
def at_step_7(monkeypatch):
    """What is set as `happens` does so in the second step of the second epoch, once."""

    class Once:
        def happens(self):
            pass

    once, step = Once(), train.Trainer.step

    def before(self, x, labels):
        if self.steps_in_all() == 6:
            once.happens()
            once.happens = lambda: None
        return step(self, x, labels)

    monkeypatch.setattr(train.Trainer, "step", before)
    return once


@pytest.fixture(scope="module")
def whole(pictures, tmp_path_factory):
    """The folder of a run to which nothing has happened, and its options."""
    words = [
        *("--dataset", "folder", "--data-dir", pictures, "--image-size", 16),
        *("--model", "alexnet-cifar", "--workers", 2, "--batch-size", 8, "--epochs", 2),
        *("--augment", "crop,mirror", "--keep-weights", "--checkpoint-every", 2),
    ]
    folder = tmp_path_factory.mktemp("runs") / "whole"
    assert train.main([*map(str, words), "--out", str(folder)]) == 0
    return folder, words


def left_in(folder):
    """The names of files that are there for a while only."""
    return [file for file in folder.rglob("*") if file.suffix in (".part", ".lock")]


def ends_like(whole, folder, capsys):
    """Resumes the run, or starts it again, and compares it with one that was left alone."""
    words = ["--resume", folder]
    if not (folder / "checkpoint.npz").exists():
        words = [*whole[1], "--out", folder]
    code, _, err = call(train.main, *words, capsys=capsys)
    assert (code, err) == (0, "")
    assert_same(contents(folder), contents(whole[0]))


@pytest.mark.parametrize(
    ("name", "nth", "number"),
    [
        ("checkpoint.npz", 1, errno.ENOSPC),
        ("checkpoint.npz", 3, errno.EROFS),  # it turns read-only
        ("config.json", 1, errno.EDQUOT),
        ("step-00000005.npz", 1, errno.ENOSPC),
        ("metrics.jsonl", 2, errno.EIO),
        ("curves.png", 1, errno.EACCES),
    ],
)
def test_a_file_that_cannot_be_written_is_named(
    name, nth, number, whole, tmp_path, monkeypatch, capsys
):
    """Whatever the reason; the disk may say so as late as when the file gets its name."""
    replace, left = os.replace, [nth]

    def full(source, target):
        left[0] -= os.path.basename(target) == name
        if os.path.basename(target) == name and left[0] <= 0:
            raise OSError(number, os.strerror(number))  # as writing does, which names no file
        replace(source, target)

    folder = tmp_path / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", full)
        code, _, err = call(train.main, *whole[1], "--out", folder, capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert os.strerror(number) in err
    assert err.endswith(f"/{name}'\n")
    assert not left_in(folder)
    ends_like(whole, folder, capsys)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_the_losses_of_a_full_disk_are_named(whole, at_step_7, tmp_path, capsys):
    folder = tmp_path / "run"

    def fill():
        (folder / "losses.jsonl").unlink()
        (folder / "losses.jsonl").symlink_to("/dev/full")

    at_step_7.happens = fill
    code, _, err = call(train.main, *whole[1], "--out", folder, capsys=capsys)
    wanted = f"error: [Errno 28] No space left on device: '{folder / 'losses.jsonl'}'\n"
    (folder / "losses.jsonl").unlink()
    assert (code, err) == (2, wanted)
    ends_like(whole, folder, capsys)


def test_output_that_fills_a_disk_ends_training_which_saves(
    whole, at_step_7, tmp_path, monkeypatch, capsys
):
    """Where the output goes may be another disk than the run's."""
    folder = tmp_path / "run"

    def full(text):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(training_run, "discard", lambda stream: None)
    at_step_7.happens = lambda: monkeypatch.setattr(training_run, "say", full)
    code, _, err = call(train.main, *whole[1], "--log-every", 1, "--out", folder, capsys=capsys)
    said = "error: standard output cannot be written: No space left on device\n"
    assert (code, err) == (2, said)
    progress = Checkpoint(folder / "checkpoint.npz").progress
    assert (progress["epochs"], progress["steps"]) == (1, 2)
    monkeypatch.undo()
    ends_like(whole, folder, capsys)


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a file system of its own, of 36 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=36m", "tmpfs", str(folder)]
    with contextlib.suppress(FileNotFoundError):
        if subprocess.run(mount, capture_output=True).returncode == 0:
            yield folder
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
            return
    pytest.skip("only root may mount file systems")


def test_a_disk_that_fills_keeps_the_newest_whole_checkpoint(whole, small_disk, capsys):
    folder = small_disk / "run"
    code, _, err = call(train.main, *whole[1], "--out", folder, capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert f"No space left on device: '{folder}/" in err
    assert not left_in(folder)
    progress = Checkpoint(folder / "checkpoint.npz").progress
    assert progress["epochs"] + progress["steps"] > 0
    grown = ["mount", "-o", "remount,size=200m", str(small_disk)]
    subprocess.run(grown, check=True)
    ends_like(whole, folder, capsys)


def test_a_disk_that_is_full_from_the_beginning_is_named(whole, small_disk, capsys):
    with contextlib.suppress(OSError), open(small_disk / "all of it", "wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 16))
    folder = small_disk / "run"
    code, _, err = call(train.main, *whole[1], "--out", folder, capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert err.endswith(f"No space left on device: '{folder / 'training.lock'}'\n")
    assert not left_in(small_disk)


@pytest.mark.parametrize("name", ["training.lock", "metrics.jsonl", "config.json"])
def test_a_folder_in_the_place_of_a_file_is_said_to_be_one(name, whole, tmp_path, capsys):
    folder = tmp_path / "run"
    shutil.copytree(whole[0], folder)
    (folder / name).unlink(missing_ok=True)
    (folder / name).mkdir()
    code, _, err = call(train.main, "--resume", folder, "--epochs", 3, capsys=capsys)
    assert (code, err) == (2, f"error: {folder / name} is a folder, expected a file\n")


def test_a_current_folder_that_is_gone_is_said_to_be(whole, tmp_path, capsys, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    code, _, err = call(train.main, *whole[1], capsys=capsys)
    assert (code, err) == (2, "error: the current folder is gone: it was moved or removed\n")


def test_a_folder_that_vanishes_ends_training_with_a_line(whole, at_step_7, tmp_path, capsys):
    folder, moved = tmp_path / "run", tmp_path / "moved"
    at_step_7.happens = lambda: folder.rename(moved)
    code, _, err = call(train.main, *whole[1], "--out", folder, capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert str(folder) in err
    assert not folder.exists()
    ends_like(whole, moved, capsys)


@pytest.mark.parametrize("then", [shutil.copytree, lambda moved, folder: folder.mkdir()])
def test_a_folder_that_takes_the_place_of_the_run_s_is_left_alone(
    then, whole, at_step_7, tmp_path, capsys
):
    """Another run's, say: the first was put aside."""
    folder, moved, before = tmp_path / "run", tmp_path / "moved", {}

    def happens():
        folder.rename(moved)
        then(moved, folder)
        before.update({file: file.read_bytes() for file in folder.rglob("*") if file.is_file()})

    at_step_7.happens = happens
    code, _, err = call(train.main, *whole[1], "--out", folder, capsys=capsys)
    gone = "it was moved or removed, or another one has claimed it"
    assert (code, err) == (2, f"error: {folder} is not this training's any more: {gone}\n")
    assert {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()} == before
    ends_like(whole, moved, capsys)


def test_pictures_that_vanish_or_change_are_told(whole, at_step_7, pictures, tmp_path, capsys):
    """In the second epoch: those of the first have been seen."""
    own, folder = tmp_path / "pictures", tmp_path / "run"
    shutil.copytree(pictures, own)
    files = sorted(own.glob("train/*/*"))
    words = [own if word == pictures else word for word in whole[1]]

    def spoil():
        for file in files[::3]:
            file.unlink()
        for file in files[1::3]:
            file.write_bytes(file.read_bytes()[:20])
        for file in files[2::3]:
            pixels = numpy.zeros((31, 17), numpy.uint8)
            Image.fromarray(pixels).save(file)

    at_step_7.happens = spoil
    code, out, err = call(train.main, *words, "--out", folder, capsys=capsys)
    assert (code, err) == (0, "")
    bad = (folder / "bad_pictures.txt").read_text().splitlines()
    assert f"Skipped {len(bad)} pictures that cannot be read:" in out
    assert 0 < len(bad) <= len(files) * 2 // 3 + 1
    assert [epoch["epoch"] for epoch in contents(folder)[2]] == [1, 2]


@pytest.mark.parametrize("then", [lambda own: None, Path.mkdir])
def test_all_pictures_that_vanish_end_training_with_a_line(
    then, whole, at_step_7, pictures, tmp_path, capsys
):
    """An unmounted disk leaves an empty folder. No picture counts as damaged, no step as taken."""
    own, folder, elsewhere = tmp_path / "pictures", tmp_path / "run", tmp_path / "elsewhere"
    shutil.copytree(pictures, own)
    words = [own if word == pictures else word for word in whole[1]]

    def vanish():
        own.rename(elsewhere)
        then(own)

    at_step_7.happens = vanish
    code, _, err = call(train.main, *words, "--out", folder, capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert "is gone: the pictures in it were moved or removed" in err
    assert not (folder / "bad_pictures.txt").exists()
    assert Checkpoint(folder / "checkpoint.npz").progress["epochs"] == 1
    shutil.rmtree(own, ignore_errors=True)
    elsewhere.rename(own)
    ends_like(whole, folder, capsys)


def test_an_epoch_may_begin_with_pictures_that_cannot_be_read(tmp_path, pictures, capsys):
    """A batch of two has none, and accuracy is of those that have been seen."""
    own, folder = tmp_path / "pictures", tmp_path / "run"
    shutil.copytree(pictures, own)
    words = ["--dataset", "folder", "--data-dir", own, "--image-size", 16, "--epochs", 2]
    words += ["--model", "alexnet-cifar", "--batch-size", 2, "--out", folder]
    images = data.load("folder", own, 16).train
    numpy.random.default_rng((0, ORDER, 1)).shuffle(order := numpy.arange(len(images)))
    for number in order[:2]:
        Path(images.paths[number]).write_bytes(b"damaged")
    assert call(train.main, *words, capsys=capsys)[0] == 0
    assert len((folder / "bad_pictures.txt").read_text().splitlines()) == 2
