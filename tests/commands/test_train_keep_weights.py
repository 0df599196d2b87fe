"""--keep-weights: which weights a run keeps, what they are for, and what they are not for."""

import json
import shutil

import numpy
import pytest
from command_runs import call
from trained_runs import change, contents, last_epoch, trained

from minialex import data, options, train
from minialex.evaluate import main as evaluate
from minialex.io.run_folder import RunFolder

KEEP = ("--keep-weights", "--checkpoint-every", 3)


def weights_of(file):
    """The weights in a checkpoint, read without minialex."""
    with numpy.load(file) as archive:
        return {name: archive[name] for name in archive.files if name.startswith("weight/")}


def assert_equal(left, right):
    assert left.keys() == right.keys()
    for name, array in left.items():
        numpy.testing.assert_array_equal(array, right[name], err_msg=name)


def about(file):
    with numpy.load(file) as archive:
        return json.loads(str(archive["about"]))


@pytest.fixture(scope="module")
def run(pictures, tmp_path_factory):
    """A run of ten steps in two epochs that keeps weights."""
    chosen = ["--image-size", 16, "--model", "alexnet-cifar", "--workers", 2, "--batch-size", 8]
    chosen += ["--epochs", 2, "--augment", "crop,mirror", "--lr", 0.001, *KEEP]
    return trained(tmp_path_factory.mktemp("kept") / "run", pictures, *chosen)


def test_the_weights_kept_are_those_of_runs_that_stopped_there(run, small, tmp_path, capsys):
    kept = RunFolder(run).kept_weights()
    assert list(kept) == [0, 3, 5, 6, 9, 10]
    for steps in (3, 5, 6):
        folder = tmp_path / str(steps)
        call(train.main, *small, "--out", folder, "--max-steps", steps, capsys=capsys)
        assert_equal(weights_of(kept[steps]), weights_of(folder / "checkpoint.npz"))
    assert_equal(weights_of(kept[10]), weights_of(run / "checkpoint.npz"))
    chosen = options.read(list(map(str, small))).chosen
    untrained = train.trainer_of(chosen, data.load("folder", small[3], 16), numpy).network.params
    assert_equal(
        weights_of(kept[0]), {f"weight/{name}": array for name, array in untrained.items()}
    )


def test_a_file_says_how_far_training_had_come_and_has_nothing_else(run):
    kept = RunFolder(run).kept_weights()
    come = {steps: about(file)["progress"] for steps, file in kept.items()}
    counts = {steps: (said["epochs"], said["steps"]) for steps, said in come.items()}
    assert counts == {0: (0, 0), 3: (0, 3), 5: (1, 0), 6: (1, 1), 9: (1, 4), 10: (2, 0)}
    assert come[10]["history"][-1] == last_epoch(run)
    assert [len(come[steps]["history"]) for steps in (0, 3, 5)] == [0, 0, 1]
    for file in kept.values():
        with numpy.load(file) as archive:
            assert {name.partition("/")[0] for name in archive.files} == {"about", "weight"}
    assert sorted(file.name for file in (run / "weights").iterdir()) == [
        file.name for file in kept.values()
    ]


def test_kept_weights_are_evaluated_like_a_run(run, capsys, undrawn):
    code, out, err = call(evaluate, run / "weights" / "step-00000010.npz", capsys=capsys)
    assert (code, err) == (0, "")
    assert f"top-1     {last_epoch(run)['test_accuracy']:.2%}" in out


@pytest.mark.parametrize("wrong", ["a later version", "a link that leads nowhere"])
def test_kept_weights_that_cannot_be_used_are_told_why(wrong, run, tmp_path, capsys):
    file = shutil.copytree(run, tmp_path / "run") / "weights" / "step-00000010.npz"
    if wrong == "a later version":
        change(file, about=lambda about: about.update(format="minialex checkpoint 2"))
    else:
        file.unlink()
        file.symlink_to("/unmounted/step-00000010.npz")
    code, _, err = call(evaluate, file, capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert str(file) in err and wrong in err


def test_training_is_the_same_without(run, small, tmp_path, capsys):
    call(train.main, *small, "--out", tmp_path / "run", capsys=capsys)
    assert not (tmp_path / "run" / "weights").exists()
    assert_equal(weights_of(run / "checkpoint.npz"), weights_of(tmp_path / "run/checkpoint.npz"))


def test_weights_alone_are_not_resumed(run, tmp_path, capsys):
    file = run / "weights" / "step-00000003.npz"
    code, _, err = call(train.main, "--resume", file, capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert f"{file} holds weights only: --resume {run} resumes the run" in err
    copied = tmp_path / "checkpoint.npz"
    copied.write_bytes(file.read_bytes())
    code, _, err = call(train.main, "--resume", copied, capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert f"{copied} holds weights only, nothing of the optimiser: resume the run" in err
    assert list(tmp_path.iterdir()) == [copied]


def test_fine_tuning_keeps_the_weights_that_it_starts_from(run, small, tmp_path, capsys):
    start = run / "weights" / "step-00000006.npz"
    more = ["--weights", start, "--keep-weights", "--max-steps", 1, "--out", tmp_path / "run"]
    assert call(train.main, *small, *more, capsys=capsys)[0] == 0
    (first,) = RunFolder(tmp_path / "run").kept_weights().values()
    assert first.name == "step-00000000.npz"
    assert_equal(weights_of(start), weights_of(first))


def test_a_resumed_run_keeps_weights_as_before_unless_told_otherwise(small, tmp_path, capsys):
    folder = tmp_path / "run"
    call(train.main, *small, *KEEP, "--out", folder, "--max-steps", 4, capsys=capsys)
    call(train.main, "--resume", folder, "--max-steps", 6, capsys=capsys)
    assert list(RunFolder(folder).kept_weights()) == [0, 3, 5, 6]
    call(train.main, "--resume", folder, "--no-keep-weights", capsys=capsys)
    assert list(RunFolder(folder).kept_weights()) == [0, 3, 5, 6]
    call(train.main, "--resume", folder, "--keep-weights", "--epochs", 3, capsys=capsys)
    assert list(RunFolder(folder).kept_weights()) == [0, 3, 5, 6, 10, 12, 15]


@pytest.mark.parametrize("more", [[], ["--keep-weights"]])
def test_a_run_of_an_earlier_version_is_resumed(more, run, small, tmp_path, capsys):
    """One that knew nothing of the option, and left no losses."""
    folder = tmp_path / "run"
    call(train.main, *small, "--out", folder, "--max-steps", 7, capsys=capsys)
    change(
        folder / "checkpoint.npz",
        about=lambda about: about["progress"]["options"].pop("keep_weights"),
    )
    (folder / "losses.jsonl").unlink()
    assert call(train.main, "--resume", folder, *more, capsys=capsys)[0] == 0
    assert_equal(weights_of(folder / "checkpoint.npz"), weights_of(run / "checkpoint.npz"))
    assert list(RunFolder(folder).kept_weights()) == ([10] if more else [])
    assert contents(folder)[2] == contents(run)[2]
