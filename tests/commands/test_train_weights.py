"""Fine-tuning: which weights are taken over, and what comes with them."""

import json

import numpy
import pytest
import trained_runs
from caffe_files import FILES
from command_runs import call
from data_helpers import picture_folder

from minialex import models, train
from minialex.io import identify, safetensors_file, torch_layout


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return picture_folder(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def before(pictures, tmp_path_factory):
    """A run to begin with, with LRN, of two classes."""
    options = trained_runs.on_folder(pictures)
    return trained_runs.trained(
        tmp_path_factory.mktemp("before") / "run", *options, "--lrn", "after-pool", "--max-steps", 3
    )


@pytest.fixture
def others(tmp_path):
    """Pictures of two other classes, in other colours."""
    root = picture_folder(tmp_path / "others")
    for split in ("train", "val"):
        (root / split / "odd").rename(root / split / "strange")
    return root


@pytest.fixture
def use(tmp_path, capsys):
    """Begins a run with other weights, of few steps: (exit code, stdout, stderr)."""

    def begin(pictures, weights, *more):
        common = (
            "--dataset",
            "folder",
            "--data-dir",
            pictures,
            "--batch-size",
            8,
            "--workers",
            1,
            "--augment",
            "none",
        )
        return call(
            train.main,
            *common,
            "--weights",
            weights,
            "--out",
            tmp_path / "run",
            *more,
            capsys=capsys,
        )

    return begin


def learnt(folder):
    """The checkpoint's weights and its progress."""
    with numpy.load(folder / "checkpoint.npz", allow_pickle=False) as archive:
        weights = {name: archive[name] for name in archive.files if name.startswith("weight/")}
        return weights, json.loads(str(archive["about"]))["progress"]


def stopped_before_the_first_step(monkeypatch):
    """Makes runs end with their first checkpoint."""
    monkeypatch.setattr(
        train.TrainingRun, "train_epoch", lambda self: setattr(self, "stopping", True)
    )


def test_all_weights_are_taken_over_for_the_same_classes(
    use, pictures, before, tmp_path, monkeypatch
):
    stopped_before_the_first_step(monkeypatch)
    code, out, _ = use(pictures, before)
    assert code == 0 and "random weights" not in out
    (weights, progress), (expected, earlier) = learnt(tmp_path / "run"), learnt(before)
    assert weights.keys() == expected.keys()
    assert all(numpy.array_equal(weights[name], expected[name]) for name in expected)
    assert (progress["mean"], progress["std"]) == (earlier["mean"], earlier["std"])
    chosen = progress["options"]
    assert {
        name: chosen[name] for name in ("model", "lrn", "image_size", "init", "pixels", "lr")
    } == {
        "model": "alexnet-cifar",
        "lrn": "after-pool",
        "image_size": 16,
        "init": None,
        "pixels": None,
        "lr": 0.01,  # the data set's, as without weights
    }


def test_the_last_layer_starts_from_random_weights_for_other_classes(
    use, others, before, tmp_path, monkeypatch
):
    stopped_before_the_first_step(monkeypatch)
    code, out, _ = use(others, before, "--lr", 0.5)
    assert (
        code == 0
        and "The weights are for other classes: the last layer starts from random weights." in out
    )
    (weights, progress), (expected, earlier) = learnt(tmp_path / "run"), learnt(before)
    changed = {name for name in expected if not numpy.array_equal(weights[name], expected[name])}
    assert changed == {"weight/fc8.weight", "weight/fc8.bias"}
    assert (progress["classes"], progress["mean"]) == (["even", "strange"], earlier["mean"])
    assert progress["options"]["lr"] == 0.5


def test_weights_from_elsewhere_for_more_classes(use, pictures, tmp_path, monkeypatch):
    stopped_before_the_first_step(monkeypatch)
    network = models.build("alexnet-mini", num_classes=7, rng=numpy.random.default_rng(1))
    safetensors_file.write(tmp_path / "found.safetensors", torch_layout.to_torch(network), {})
    code, out, _ = use(pictures, tmp_path / "found.safetensors")
    assert (
        code == 0
        and "found.safetensors does not say what it is for: assumed alexnet-mini, pictures of 32×32"
        in out
    )
    weights, progress = learnt(tmp_path / "run")
    for name, array in list(network.params.items())[:-2]:
        assert numpy.array_equal(weights[f"weight/{name}"], array)
    assert weights["weight/fc4.bias"].shape == (2,)
    assert progress["mean"] == pytest.approx([255 * mean for mean in identify.MEAN])
    assert progress["std"] == pytest.approx([255 * std for std in identify.STD])


def test_it_learns_on_and_can_be_resumed_without_those_weights(
    use, others, before, tmp_path, capsys
):
    weights = tmp_path / "moved"
    weights.mkdir()
    (weights / "checkpoint.npz").write_bytes((before / "checkpoint.npz").read_bytes())
    assert use(others, weights, "--epochs", 1, "--max-steps", 2)[0] == 0
    (weights / "checkpoint.npz").unlink()
    assert call(train.main, "--resume", tmp_path / "run", capsys=capsys)[0] == 0
    after, progress = learnt(tmp_path / "run")
    assert progress["epochs"] == 1
    assert not any(
        numpy.array_equal(array, learnt(before)[0][name]) for name, array in after.items()
    )


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            ["--pixels", "centred"],
            "--weights brings what --pixels would choose: leave out --pixels",
        ),
        (["--init", "he"], "leave out --init"),
        (["--model", "alexnet"], "has the weights of alexnet-cifar, not of --model alexnet"),
        (["--image-size", 64], "does not fit this network: fc6.weight is"),
    ],
)
def test_what_does_not_go_together_is_refused(more, said, use, pictures, before, tmp_path):
    code, out, err = use(pictures, before, *more)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err
    assert not (tmp_path / "run").exists()


def test_weights_that_are_not_there(use, pictures, tmp_path):
    code, out, err = use(pictures, tmp_path / "nothing")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "there is no checkpoint or other file of weights" in err


def test_another_program_s_network_is_fine_tuned_and_resumed(pictures, use, tmp_path, capsys):
    """It learns other classes; a run that was stopped continues as if it had not been."""
    weights = FILES / "caffe.caffemodel"
    code, out, _ = use(pictures, weights, "--epochs", 2)
    assert code == 0
    assert "model    a network of its own, " in out
    assert "the last layer starts from random weights" in out
    whole = learnt(tmp_path / "run")
    assert numpy.shape(whole[1]["mean"]) == (35, 35, 3)
    (tmp_path / "run").rename(tmp_path / "whole")
    assert use(pictures, weights, "--epochs", 2, "--max-steps", 1)[0] == 0
    assert call(train.main, "--resume", tmp_path / "run", capsys=capsys)[0] == 0
    resumed = learnt(tmp_path / "run")
    for name, array in whole[0].items():
        numpy.testing.assert_array_equal(resumed[0][name], array)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--image-size", 40], "takes pictures of 35×35×3, the data set has 40×40×3"),
        (["--lrn", "off"], "brings its own network: leave out --lrn off"),
        (["--model", "alexnet"], "has the weights of a network of its own, not of --model"),
    ],
)
def test_what_does_not_fit_another_program_s_network(more, said, pictures, use):
    code, _, err = use(pictures, FILES / "caffe.caffemodel", *more)
    assert (code, said in err) == (2, True)
