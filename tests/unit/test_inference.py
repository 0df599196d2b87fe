"""What every command refuses as a trained network: no run, damaged, of another version."""

import shutil

import numpy
import pytest
import trained_runs
from command_runs import call
from data_helpers import picture_folder

from minialex import backend, evaluate, predict
from minialex.cupy_problems import Problem

pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return picture_folder(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def finished(pictures, tmp_path_factory):
    options = trained_runs.on_folder(pictures)
    return trained_runs.trained(tmp_path_factory.mktemp("runs") / "run", *options, "--max-steps", 1)


@pytest.fixture
def folder(finished, tmp_path, monkeypatch):
    """A copy of the run that may be damaged, the folder "run" where the test runs."""
    monkeypatch.chdir(tmp_path)
    return shutil.copytree(finished, tmp_path / "run")


@pytest.fixture(params=[evaluate, predict])
def use(request, pictures, capsys):
    """A call of each command on a run: (exit code, stdout, stderr)."""
    if request.param is evaluate:
        return lambda run, *options: call(evaluate.main, run, *options, capsys=capsys)
    return lambda run, *options: call(
        predict.main, pictures / "val", "--weights", run, *options, capsys=capsys
    )


def test_a_run_is_its_folder_or_its_checkpoint_by_any_name(use, folder):
    assert use("run")[0] == use("run/checkpoint.npz")[0] == 0
    (folder / "checkpoint.npz").rename("best.npz")
    assert use("best.npz")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "there is no checkpoint or other file of weights nowhere"),
        (["empty"], "there is no checkpoint empty/checkpoint.npz"),
        (["run/config.json"], "run/config.json holds no weights that can be read: expected"),
        (["run", "--workers", 0], "--workers: expected a whole number of at least 1"),
        (["run", "--batch-size", 0], "--batch-size: expected a whole number of at least 1"),
        (["run", "--backend", "cupy"], "backend 'cupy' cannot run here: no GPU"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(arguments, said, use, folder, monkeypatch):
    monkeypatch.setattr(backend, "cupy_problem", lambda *_: Problem("no GPU"))
    (folder.parent / "empty").mkdir()
    code, out, err = use(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert said in err


def drop(*names):
    """A change of a checkpoint's JSON: takes away the entry found along these names."""

    def change(about):
        for name in names[:-1]:
            about = about[name]
        del about[names[-1]]

    return change


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (
            dict(about=drop("progress", "options")),
            "is not a checkpoint of a run: it has no options",
        ),
        (
            dict(about=drop("progress", "classes")),
            "is not a checkpoint of a run: it has no classes",
        ),
        (dict(about=drop("progress", "std")), "is not a checkpoint of a run: it has no std"),
        (
            dict(about=drop("progress", "options", "lrn")),
            "has other options than this version of the command: no lrn",
        ),
        (
            dict(about=lambda about: about["progress"]["options"].update(model="vgg")),
            "model 'vgg' is not one of",
        ),
        (
            dict(about=lambda about: about["progress"]["options"].update(model="lenet")),
            "does not fit this network",
        ),
        (
            dict(about=lambda about: about["progress"]["classes"].append("third")),
            "weight/fc8.weight is (2, 512), expected shape (",
        ),
        (
            dict(arrays=lambda arrays: arrays.pop("weight/conv5.bias")),
            "weight/conv5.bias is missing, expected shape (",
        ),
        (
            dict(arrays=lambda arrays: arrays.update({"weight/fc9.bias": numpy.zeros(3)})),
            "it has weight/fc9.bias",
        ),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused(damage, said, use, folder):
    trained_runs.change(folder / "checkpoint.npz", **damage)
    code, out, err = use(folder)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert said in err


def test_a_truncated_checkpoint_is_refused(use, folder):
    path = folder / "checkpoint.npz"
    path.write_bytes(path.read_bytes()[:-1000])
    code, _, err = use(folder)
    assert (code, err.count("\n")) == (2, 1)
    assert "is not a whole minialex checkpoint" in err


def test_nothing_but_the_weights_is_needed(use, folder):
    """Another optimiser's arrays in the checkpoint are no reason to refuse it."""
    _, before, _ = use(folder)
    trained_runs.change(
        folder / "checkpoint.npz",
        arrays=lambda arrays: arrays.update({"optimizer/other": numpy.zeros(3)}),
    )
    code, after, _ = use(folder)
    assert code == 0
    assert without_speed(after) == without_speed(before)


def without_speed(out):
    return [line for line in out.splitlines() if not line.startswith("images/s")]
