"""Runs that were stopped or killed, and resumed: they end like one that was not."""

import itertools
import json
import shutil
import signal
import subprocess

import numpy
import pytest
from command_runs import call, start
from trained_runs import assert_same, change, contents

from minialex import fast, loss_lines, train, training
from minialex.data.augment import AUGMENTATIONS
from minialex.data.lighting import IMAGENET
from minialex.errors import InputError
from minialex.io.checkpoint import save_checkpoint
from minialex.io.run_folder import RunFolder


@pytest.mark.parametrize(
    ("rule", "stops"),
    [
        # in the first step, in mid-epoch, between epochs, in the second epoch
        (("sgd", "plateau"), (1, 4, 5, 8)),
        (("adam", "cosine"), (4, 5)),
        (("muon", "cosine"), (8,)),
    ],
)
def test_a_run_stopped_at_any_step_and_resumed_ends_bit_identical(
    rule, stops, small, tmp_path, capsys
):
    small += ["--optimizer", rule[0], "--schedule", rule[1]]
    call(train.main, *small, "--out", tmp_path / "whole", capsys=capsys)
    for steps in stops:
        folder = tmp_path / f"stopped-{steps}"
        code, out, _ = call(
            train.main, *small, "--out", folder, "--max-steps", steps, capsys=capsys
        )
        assert code == 0
        assert f"--resume {folder}" in out
        code, _, _ = call(train.main, "--resume", folder, capsys=capsys)
        assert code == 0
        assert_same(contents(folder), contents(tmp_path / "whole"))


@pytest.mark.parametrize("steps", [1, 7])
def test_a_killed_run_resumes_from_its_last_checkpoint_and_ends_bit_identical(
    steps, small, tmp_path, capsys
):
    call(train.main, *small, "--out", tmp_path / "whole", capsys=capsys)
    small[small.index("--log-every") + 1] = 1
    folder = tmp_path / "killed"
    process = start(
        "minialex.train", *small, "--out", folder, "--checkpoint-every", 1, stdout=subprocess.PIPE
    )
    seen = 0
    for line in process.stdout:
        seen += "Step [" in line
        if seen == steps:
            break
    process.kill()
    process.communicate()
    code, out, err = call(train.main, "--resume", folder, capsys=capsys)
    assert code == 0, err
    assert "Step [" in out  # it had not ended before
    assert_same(contents(folder), contents(tmp_path / "whole"))


def test_ctrl_c_saves_and_says_how_to_resume(small, tmp_path, capsys):
    small[small.index("--epochs") + 1] = 500
    folder = tmp_path / "run"
    process = start("minialex.train", *small, "--out", folder, stdout=subprocess.PIPE)
    for line in process.stdout:
        if "Step [" in line:
            break
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"python -m minialex.train --resume {folder}" in rest
    code, out, _ = call(train.main, "--resume", folder, "--max-steps", 1, capsys=capsys)
    assert code == 0
    assert "Stopped." in out


def test_a_run_killed_before_its_first_step_can_be_resumed(small, tmp_path, capsys):
    call(train.main, *small, "--out", tmp_path / "whole", capsys=capsys)
    with pytest.MonkeyPatch.context() as patch:

        def killed(*arguments):
            raise KeyboardInterrupt

        patch.setattr(train.TrainingRun, "train_epoch", killed)
        code, _, _ = call(train.main, *small, "--out", tmp_path / "killed", capsys=capsys)
        assert code == 130
    assert call(train.main, "--resume", tmp_path / "killed", capsys=capsys)[0] == 0
    assert_same(contents(tmp_path / "killed"), contents(tmp_path / "whole"))


def test_a_killed_run_leaves_each_step_once_and_the_same_kept_weights(
    small, tmp_path, capsys, monkeypatch
):
    """Killed when step 4's weights are kept, when they are saved, too, when the next step has left
    its loss, and when the last step's are kept."""
    monkeypatch.setattr(loss_lines, "EVERY", 0)
    small += ["--keep-weights", "--checkpoint-every", 2]
    whole = tmp_path / "whole"
    call(train.main, *small, "--out", whole, capsys=capsys)
    for saves, where in ((5, "after"), (6, "after"), (6, "before the next"), (16, "after")):
        killed, count = tmp_path / f"killed {where} {saves}", itertools.count(1)
        with pytest.MonkeyPatch.context() as patch:

            def deadly(*given, saves=saves, where=where, count=count):
                number = next(count)
                if number > saves:
                    raise KeyboardInterrupt
                save_checkpoint(*given)
                if number == saves and where == "after":
                    raise KeyboardInterrupt

            patch.setattr(training, "save_checkpoint", deadly)
            assert call(train.main, *small, "--out", killed, capsys=capsys)[0] == 130
        with open(killed / "losses.jsonl", "a") as file:
            file.write('{"step": 6, "epo')
        assert call(train.main, "--resume", killed, capsys=capsys)[0] == 0
        losses = [json.loads(line) for line in (killed / "losses.jsonl").read_text().splitlines()]
        assert [line["step"] for line in losses] == list(range(1, 11))
        kept, expected = (RunFolder(folder).kept_weights() for folder in (killed, whole))
        assert list(kept) == list(expected) == [0, 2, 4, 5, 6, 8, 10]
        for steps, file in kept.items():
            assert_same(arrays_of(file), arrays_of(expected[steps]))
        assert_same(contents(killed), contents(whole))


def arrays_of(file):
    """The arrays of kept weights, as `assert_same` compares them."""
    with numpy.load(file) as archive:
        return ({name: archive[name] for name in archive.files if name != "about"},)


def test_a_failed_evaluation_does_not_cost_the_epoch(small, tmp_path, capsys):
    call(train.main, *small, "--out", tmp_path / "whole", capsys=capsys)
    with pytest.MonkeyPatch.context() as patch:

        def failing(*arguments):
            raise InputError("a broken test picture")

        patch.setattr(train.Trainer, "scores", failing)
        assert call(train.main, *small, "--out", tmp_path / "run", capsys=capsys)[0] == 2
        # no step of the first epoch may be taken again
        patch.setattr(fast.TrainingStep, "__call__", failing)
        patch.setattr(
            train.Trainer, "scores", lambda *arguments: {"loss": 1.0, "accuracy": 0.0, "top5": 0.0}
        )
        code, out, err = call(train.main, "--resume", tmp_path / "run", capsys=capsys)
        assert "Epoch [1/2] train loss" in out
        assert "a broken test picture" in err
        assert code == 2


def test_max_steps_counts_the_steps_of_the_earlier_part(small, tmp_path, capsys):
    folder = tmp_path / "run"
    call(train.main, *small, "--out", folder, "--max-steps", 3, capsys=capsys)
    before = contents(folder)
    for _ in range(2):
        assert call(train.main, "--resume", folder, "--max-steps", 3, capsys=capsys)[0] == 0
        assert_same(contents(folder), before)


def test_weights_that_became_useless_never_replace_good_ones(small, tmp_path, capsys):
    folder = tmp_path / "run"
    call(train.main, *small, "--out", folder, "--max-steps", 4, capsys=capsys)
    before = contents(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            train.Trainer,
            "scores",
            lambda *arguments: {"loss": float("nan"), "accuracy": 0.0, "top5": 0.0},
        )
        code, _, err = call(train.main, "--resume", folder, "--epochs", 1, capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert "the test loss is nan in epoch 1 by step 5: try a smaller learning rate" in err
    assert contents(folder)[2] == before[2]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train.optim.SGD, "update", lambda self, weight, *rest: weight.fill(numpy.nan))
        call(train.main, *small, "--out", tmp_path / "astray", "--max-steps", 1, capsys=capsys)
        assert all(
            numpy.isfinite(array).all() for array in contents(tmp_path / "astray")[0].values()
        )


def test_an_optimiser_that_became_useless_never_replaces_a_good_one(small, tmp_path, capsys):
    """The loss stays finite, at 1e25: with a gradient of that size, Adam's square overflows."""
    folder = tmp_path / "run"
    words = [*small, "--optimizer", "adam", "--schedule", "constant", "--out", folder]
    code, _, err = call(train.main, *words, "--lr", 1000, "--weight-decay", 1e20, capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert "the optimiser's largest square." in err
    assert all(numpy.isfinite(array).all() for array in contents(folder)[0].values())


def test_a_checkpoint_copied_elsewhere_overwrites_nothing(small, tmp_path, capsys):
    folder = tmp_path / "run"
    call(train.main, *small, "--out", folder, "--max-steps", 1, capsys=capsys)
    (folder / "checkpoint.npz").rename(folder / "old.npz")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    code, _, err = call(train.main, "--resume", folder / "old.npz", capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    "name", ["options", "source", "history", "classes", "mean", "steps", "lighting", "skipped"]
)
def test_a_checkpoint_that_lacks_something_is_refused(name, small, tmp_path, capsys):
    folder = tmp_path / "run"
    call(train.main, *small, "--out", folder, "--max-steps", 1, capsys=capsys)
    with numpy.load(folder / "checkpoint.npz") as archive:
        arrays = dict(archive)
    about = json.loads(str(arrays.pop("about")))
    del about["progress"][name]
    numpy.savez(folder / "checkpoint.npz", about=json.dumps(about), **arrays)
    code, _, err = call(train.main, "--resume", folder, capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert f"it has no {name}" in err


def test_metrics_that_were_damaged_are_whole_again_after_a_resume(small, tmp_path, capsys):
    """The checkpoint has them, too."""
    folder = tmp_path / "run"
    call(train.main, *small, "--out", folder, "--max-steps", 6, capsys=capsys)
    before = (folder / "metrics.jsonl").read_text()
    (folder / "metrics.jsonl").write_text("no json\n")
    code, _, _ = call(train.main, "--resume", folder, "--max-steps", 7, capsys=capsys)
    assert code == 0
    assert (folder / "metrics.jsonl").read_text() == before


@pytest.mark.parametrize(
    ("source", "said"), [(None, "was trained on arrays"), ({"name": "folder"}, "is damaged")]
)
def test_a_run_whose_data_set_is_not_known_is_refused(source, said, small, tmp_path, capsys):
    folder = tmp_path / "run"
    call(train.main, *small, "--out", folder, "--max-steps", 1, capsys=capsys)
    change(folder / "checkpoint.npz", about=lambda about: about["progress"].update(source=source))
    code, _, err = call(train.main, "--resume", folder, capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert said in err


def test_a_resumed_run_wants_the_same_pictures(small, pictures, tmp_path, capsys):
    folder = tmp_path / "run"
    fewer = tmp_path / "fewer"
    shutil.copytree(pictures, fewer)
    next((fewer / "train" / "odd").iterdir()).unlink()
    call(train.main, *small, "--out", folder, "--max-steps", 1, capsys=capsys)
    code, _, err = call(train.main, "--resume", folder, "--data-dir", fewer, capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert "other classes or pictures" in err


def test_a_resumed_run_wants_the_pictures_under_their_names(small, pictures, tmp_path, capsys):
    """As many under others would be seen in another order. A checkpoint of an earlier version does
    not know the names."""
    folder = tmp_path / "run"
    moved = shutil.copytree(pictures, tmp_path / "moved", copy_function=shutil.copyfile)
    renamed = shutil.copytree(pictures, tmp_path / "renamed")
    (renamed / "train/odd/1.png").rename(renamed / "train/odd/z.png")
    call(train.main, *small, "--out", folder, "--max-steps", 1, capsys=capsys)
    earlier = shutil.copytree(folder, tmp_path / "earlier")
    change(earlier / "checkpoint.npz", about=lambda about: about["progress"].pop("digest"))
    code, _, err = call(train.main, "--resume", folder, "--data-dir", renamed, capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert "on the same in another order or with other names or labels: put them back" in err
    for run, place in ((folder, moved), (earlier, renamed)):
        code, _, err = call(train.main, "--resume", run, "--data-dir", place, capsys=capsys)
        assert (code, err) == (0, "")


@pytest.mark.parametrize("target", ["checkpoint.npz", "/unmounted/checkpoint.npz"])
def test_a_checkpoint_that_is_elsewhere_is_not_one_that_never_was(target, small, tmp_path, capsys):
    """To begin again would end a run that only waits for its disk."""
    (tmp_path / "checkpoint.npz").symlink_to(target)
    code, _, err = call(train.main, "--resume", tmp_path, capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert f"checkpoint.npz is a link that leads nowhere, to {target}" in err
    assert "starts again" not in err
    code, _, err = call(train.main, *small, "--out", tmp_path, capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert "already holds a run (checkpoint.npz): choose another --out" in err


def test_a_resumed_run_may_have_more_epochs_but_no_other_model(small, tmp_path, capsys):
    folder = tmp_path / "run"
    call(train.main, *small, "--out", folder, capsys=capsys)
    code, _, err = call(train.main, "--resume", folder, capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert "give a larger --epochs" in err
    code, _, err = call(
        train.main, "--resume", folder, "--epochs", 3, "--model", "lenet", capsys=capsys
    )
    assert (code, err.count("\n")) == (2, 1)
    assert "was trained with --model alexnet-cifar: leave out --model lenet" in err
    code, _, err = call(train.main, "--resume", folder, "--recipe", "quick", capsys=capsys)
    assert (code, "was trained without --recipe: leave out --recipe quick" in err) == (2, True)
    code, _, _ = call(
        train.main, "--resume", folder / "checkpoint.npz", "--epochs", 3, capsys=capsys
    )
    assert code == 0
    assert [epoch["epoch"] for epoch in contents(folder)[2]] == [1, 2, 3]


@pytest.mark.parametrize("source", ["computed", "imagenet", "file"])
def test_a_run_with_every_augmentation_resumes_bit_for_bit(source, small, tmp_path, capsys):
    """Also where the file with the components is gone, or the pictures have others by now."""
    file = tmp_path / "components.json"
    file.write_text(json.dumps(IMAGENET.to_json()))
    small[small.index("--augment") + 1] = ",".join(AUGMENTATIONS)
    small += ["--lighting", file if source == "file" else source]
    call(train.main, *small, "--out", tmp_path / "whole", capsys=capsys)
    call(train.main, *small, "--out", tmp_path / "run", "--max-steps", 3, capsys=capsys)
    file.unlink()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "statistics_of", None)
        code, _, err = call(train.main, "--resume", tmp_path / "run", capsys=capsys)
    assert (code, err) == (0, "")
    assert_same(contents(tmp_path / "run"), contents(tmp_path / "whole"))
