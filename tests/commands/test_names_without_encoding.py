"""Folders and files whose names are not UTF-8, as older systems and archives leave them."""

import os
import shutil
import subprocess
import sys

import pytest
from command_runs import call, start
from data_helpers import save_random_picture
from trained_runs import on_folder

from minialex import evaluate, predict, report, train, weights
from minialex.data.own import listing
from minialex.visualize import __main__ as visualize

PLACE, CAFÉ, FILE = (os.fsdecode(name) for name in (b"m\xfcll", b"caf\xe9", b"\xe9t\xe9.png"))


needs_locales = pytest.mark.skipif(
    sys.platform in ("darwin", "win32"), reason="names of files are Unicode in every locale"
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run on such pictures, in a folder that is called so, too."""
    place = tmp_path_factory.mktemp("names") / PLACE
    try:
        place.mkdir()
    except OSError:
        pytest.skip("this file system has only names in UTF-8")
    for seed, name in enumerate(f"{each}/{i}" for each in (CAFÉ, "dog") for i in range(4)):
        save_random_picture(place / f"pictures/{name}{FILE}", (16, 16), seed)
    options = [*on_folder(place / "pictures"), "--max-steps", "1", "--epochs", "1"]
    assert train.main([*map(str, options), "--out", str(place / "run")]) == 0
    return place / "run"


def test_the_commands_show_a_mark_for_what_they_cannot(run, capsys, monkeypatch):
    monkeypatch.chdir(run)
    code, out, err = call(evaluate.main, ".", capsys=capsys)
    assert (code, err) == (0, "") and "\ncaf? " in out
    code, _, err = call(report.main, ".", capsys=capsys)
    assert (code, err) == (0, "")
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "caf?" in page and "?t?.png" in page and "m?ll" in page
    code, _, err = call(visualize.main, "curves", ".", run, capsys=capsys)
    assert (code, err) == (0, "")
    assert call(weights.main, "export", ".", "exported", capsys=capsys)[0] == 0
    assert "0. caf?" in (run / "exported/README.md").read_text(encoding="utf-8")


def test_the_class_is_the_same_in_every_file(run, capsys, monkeypatch):
    monkeypatch.chdir(run)
    for name in ("x.safetensors", "x.onnx"):
        assert call(weights.main, "export", ".", name, capsys=capsys)[0] == 0
    pictures = run.parent / "pictures"
    for name in (".", "x.safetensors", "x.onnx"):
        code, out, err = call(predict.main, "--weights", name, pictures, "--json", capsys=capsys)
        assert (code, err) == (0, "") and '"class": "caf\\udce9"' in out
        code, _, err = call(evaluate.main, name, "--data-dir", pictures, capsys=capsys)
        assert (code, err) == (0, "")


@needs_locales
def test_a_locale_that_cannot_name_a_file_is_named(run, tmp_path, monkeypatch):
    """The name is in the kept listing of a folder, which another locale has made."""
    folder = tmp_path / "pictures"
    for name in ("été", "dog"):
        shutil.copytree(run.parent / "pictures/dog", folder / name)
    monkeypatch.setattr(listing, "SETTLED", -60)  # what has just been made is kept, too
    listing.list_pictures(folder)
    words = [*on_folder(folder), "--out", tmp_path / "run"]
    pipes = dict(stderr=subprocess.PIPE, env=os.environ | {"PYTHONUTF8": "0", "LC_ALL": "C"})
    with start("minialex.train", *words, **pipes) as process:
        err = process.stderr.read()
    assert (process.returncode, err.count("\n")) == (2, 1)
    assert err.startswith(f"error: {folder}: cannot be read: the locale's encoding, ascii, ")
    assert err.endswith(r"\xe9t\xe9': set PYTHONUTF8=1" + "\n")


@needs_locales
def test_so_is_one_that_a_command_opens_itself():
    program = r"from minialex.command import run; run(lambda arguments: open('\xe9'))"
    environment = os.environ | {"PYTHONUTF8": "0", "LC_ALL": "C"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True)
    wanted = rb"error: the locale's encoding, ascii, cannot name '\xe9': set PYTHONUTF8=1" + b"\n"
    assert (done.returncode, done.stderr) == (2, wanted)
