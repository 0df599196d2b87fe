"""The training command as a user meets it: what it writes, its options, its error messages."""

import json
import re
import shlex

import numpy
import pytest
from command_runs import call
from PIL import Image
from trained_runs import contents

from minialex import data, models, options, train
from minialex.cupy_problems import Problem
from minialex.data.augment import centre_views
from minialex.train_messages import typed


def test_a_run_leaves_its_options_metrics_curves_and_checkpoint(
    small, tmp_path, capsys, drawn_curves
):
    code, out, _ = call(train.main, *small, "--out", tmp_path / "run", capsys=capsys)
    assert code == 0
    assert re.search(r"^Epoch \[1/2\], Step \[2/5\], Loss: \d+\.\d{4}$", out, re.MULTILINE)
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert (config["model"], config["epochs"], config["momentum"], config["seed"]) == (
        "alexnet-cifar",
        2,
        0.9,
        0,
    )
    metrics = [
        json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    ]
    assert [epoch["epoch"] for epoch in metrics] == [1, 2]
    assert list(metrics[0]) == [
        *(
            "epoch",
            "train_loss",
            "train_accuracy",
            "test_loss",
            "test_accuracy",
            "test_top5",
            "learning_rate",
        ),
        *("images_per_second", "seconds"),
    ]
    assert metrics[0]["test_top5"] == 1  # of two classes
    with Image.open(tmp_path / "run" / "curves.png") as picture:
        picture.load()
        assert picture.width > 600
    assert f"test accuracy {metrics[1]['test_accuracy']:.2%}" in out


def test_the_options_in_force_are_printed_at_the_start(small, tmp_path, capsys):
    _, out, _ = call(train.main, *small, "--out", tmp_path / "run", "--max-steps", 1, capsys=capsys)
    start = " ".join(out.split())
    assert (
        "--optimizer adam --lr 0.001 --schedule cosine --weight-decay 0.0 --label-smoothing"
        in start
    )
    assert "--label-smoothing 0.0 --seed 0" in start
    assert "40 training and 20 test pictures, 16×16×3, 2 classes" in start
    assert max(map(len, out.splitlines()[:6])) <= 80


def test_pictures_are_of_one_s_own(capsys):
    code, _, err = call(train.main, "here", "--dataset", "mnist", capsys=capsys)
    assert code == 2
    assert "--dataset mnist has its own pictures: leave out here" in err


def test_without_out_each_run_gets_a_folder_of_its_own(small, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        call(train.main, *small, "--max-steps", 1, capsys=capsys)
    pictures = small[small.index("--data-dir") + 1].name
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == [
        f"{pictures}-alexnet-cifar",
        f"{pictures}-alexnet-cifar-2",
    ]


def test_a_run_is_never_overwritten(small, tmp_path, capsys):
    folder = tmp_path / "run"
    call(train.main, *small, "--out", folder, capsys=capsys)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    code, _, err = call(train.main, *small, "--out", folder, capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert "already holds a run" in err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--epochs", "0"], "--epochs: expected a whole number of at least 1, got '0'"),
        (["--epochs", "two"], "--epochs: expected a whole number of at least 1, got 'two'"),
        (["--lr", "nan"], "--lr: expected a number above 0, got 'nan'"),
        (["--lr", "0"], "--lr: expected a number above 0, got '0'"),
        (["--momentum", "1"], "--momentum: expected a number of at least 0 and under 1, got '1'"),
        (
            ["--augment", "rotate"],
            "--augment: expected none or any of crop,mirror,cutout,rotation,",
        ),
        (["--model", "vgg"], "--model: invalid choice: 'vgg'"),
        (["--epoch", "3"], "unrecognized arguments: --epoch; did you mean --epochs?"),
        (["here", "--data-dir", "there"], "PICTURES is the --data-dir: leave out here or"),
        (
            ["--model", "alexnet", "--image-size", "30"],
            "model alexnet cannot take pictures of 30×30: pool2",
        ),
        (
            ["--model", "lenet", "--lrn", "off"],
            "--lrn off is for other models: lenet has no normalisation",
        ),
        (["--crop-padding", "2"], "leave out --crop-padding"),
        (["--recipe", "quick"], "only 2012 (quick is for cifar10 and fashion-mnist)"),
        (
            ["--recipe", "2012", "--model", "alexnet-cifar"],
            "--init paper of --recipe 2012 is for the model alexnet, got --model alexnet-cifar",
        ),
        (
            ["--dataset", "shapes", "--recipe", "quick"],
            "data set shapes has no recipe 'quick', only its preset (",
        ),
        (["--init", "paper"], "--init paper is for the model alexnet, got --model alexnet-cifar"),
        (
            ["--lighting", "imagenet"],
            "--lighting imagenet is for --augment with lighting, got --augment crop,mirror",
        ),
        (["--augment", "lighting", "--lighting", "absent.json"], "cannot read "),
        (
            ["--augment", "lighting", "--lighting", "a-file"],
            'expected {"eigenvalues": [3 numbers], ',
        ),
        (["--augment", "crop,lights"], "brightness,colour,lighting, got 'crop,lights'"),
        (["--pixels", "raw"], "--pixels: invalid choice: 'raw'"),
        (
            ["--dataset", "cifar10", "--recipe", "slow"],
            "data set cifar10 has no recipe 'slow', only quick, ",
        ),
        (["--data-dir", "nowhere"], "nowhere"),
        (["--out", "a-file"], "is a file, expected a folder"),
        (["--out", "a-file/below"], "a-file"),
        (["--lr", "1e30", "--optimizer", "sgd"], "try a smaller learning rate than"),
        (["--resume", "nowhere"], "there is no checkpoint nowhere/checkpoint.npz"),
        (["--resume", "checkpoint.npz"], "checkpoint.npz is not a whole minialex checkpoint"),
        (
            ["--resume", "a-file"],
            "--resume takes a run's folder or its checkpoint.npz, got the file a-file",
        ),
        (
            ["--resume", "pickled/checkpoint.npz"],
            "pickled/checkpoint.npz is not a whole minialex checkpoint",
        ),
        (["--backend", "cupy"], "backend 'cupy' cannot run here: "),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(
    arguments, said, small, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(train.backend, "cupy_problem", lambda *_: Problem("no GPU"))
    (tmp_path / "a-file").write_text("not a checkpoint")
    (tmp_path / "checkpoint.npz").write_text("not a checkpoint")
    (tmp_path / "pickled").mkdir()
    numpy.savez(tmp_path / "pickled" / "checkpoint.npz", about=numpy.array({"a": 1}, dtype=object))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    given = arguments if "--resume" in arguments else [*small, *arguments]
    code, _, err = call(train.main, *given, capsys=capsys)
    assert (code, err.count("\n")) == (2, 1), err
    assert said in err
    assert all(path.read_bytes() == content for path, content in before.items())


def progress_of(folder):
    with numpy.load(folder / "checkpoint.npz") as archive:
        return json.loads(str(archive["about"]))["progress"]


def test_lighting_is_computed_from_the_training_pictures(small, pictures, tmp_path, capsys):
    small[small.index("--augment") + 1] = "lighting"
    call(train.main, *small, "--out", tmp_path / "run", "--max-steps", 1, capsys=capsys)
    saved = progress_of(tmp_path / "run")["lighting"]
    train_images = data.load("folder", pictures, 16).train
    pixels = train_images.read(range(40), centre_views(40)).reshape(-1, 3) / 255
    covariance = numpy.cov(pixels.T, bias=True)
    values, vectors = numpy.array(saved["eigenvalues"]), numpy.array(saved["eigenvectors"])
    numpy.testing.assert_allclose(covariance @ vectors, vectors * values, atol=1e-12)
    assert list(values) == sorted(values, reverse=True)
    assert json.loads((tmp_path / "run" / "config.json").read_text())["lighting"] == "computed"


def test_centred_pixels_are_those_of_the_files_minus_their_mean(small, pictures, tmp_path, capsys):
    small[small.index("--augment") + 1] = "none"
    call(
        train.main,
        *small,
        "--pixels",
        "centred",
        "--out",
        tmp_path / "run",
        "--max-steps",
        1,
        capsys=capsys,
    )
    chosen = json.loads((tmp_path / "run" / "config.json").read_text())
    dataset = data.load("folder", pictures, 16)
    training = train.trainer_of(chosen, dataset, numpy)
    x = numpy.concatenate([x.standardized() for x, _ in training.test_batches.epoch(0)])
    raw = dataset.test.read(range(20), centre_views(20))
    mean = dataset.train.read(range(40), centre_views(40)).mean(axis=(0, 1, 2))
    numpy.testing.assert_allclose(x, raw - mean, atol=1e-3)
    assert progress_of(tmp_path / "run")["std"] == [1, 1, 1]


def test_the_recipe_of_2012_is_the_papers():
    chosen, *_ = options.read(["--dataset", "folder", "--data-dir", "x", "--recipe", "2012"])
    expected = dict(
        model="alexnet",
        lrn=None,
        image_size=227,
        init="paper",
        pixels="centred",
        lighting="computed",
    )
    expected |= dict(
        epochs=90,
        batch_size=128,
        optimizer="sgd",
        lr=0.01,
        momentum=0.9,
        weight_decay=5e-4,
        schedule="plateau",
    )
    assert {name: chosen[name] for name in expected} == expected
    assert set(chosen["augment"].split(",")) == {"crop", "mirror", "lighting"}
    network = models.of_run(chosen, 10, 227, 3, numpy.random.default_rng(0))
    for name, array in network.params.items():
        one = name in [f"{layer}.bias" for layer in ("conv2", "conv4", "conv5", "fc6", "fc7")]
        spread = (
            (0.005 if name in ("fc7.weight", "fc8.weight") else 0.01)
            if name.endswith("weight")
            else 0
        )
        assert array.mean() == pytest.approx(1 if one else 0, abs=1e-3), name
        assert array.std() == pytest.approx(spread, rel=0.05), name
    assert {"norm1", "norm2"} <= set(network.layers)


def test_the_rate_drops_when_neither_the_error_rate_nor_the_loss_improves(
    small, tmp_path, capsys, monkeypatch
):
    tested = iter([(3.0, 0.5), (2.0, 0.5), (2.5, 0.6), (2.2, 0.55), (2.0, 0.6), (2.0, 0.6)])

    def figures(*arguments):
        loss, accuracy = next(tested)
        return {"loss": loss, "accuracy": accuracy, "top5": 1.0}

    monkeypatch.setattr(train.Trainer, "scores", figures)
    small[small.index("--epochs") + 1] = 6
    call(train.main, *small, "--schedule", "plateau", "--out", tmp_path / "run", capsys=capsys)
    rates = [epoch["learning_rate"] for epoch in contents(tmp_path / "run")[2]]
    assert rates == pytest.approx([1e-3] * 5 + [1e-4])


def test_smoothed_labels_are_for_training_only(small, tmp_path, capsys):
    losses = {}
    for smoothing in (0, 0.5):
        options = (
            "--epochs",
            1,
            "--lr",
            1e-12,
            "--label-smoothing",
            smoothing,
            "--out",
            tmp_path / str(smoothing),
        )
        assert call(train.main, *small, *options, capsys=capsys)[0] == 0
        line = json.loads((tmp_path / str(smoothing) / "metrics.jsonl").read_text())
        losses[smoothing] = line["train_loss"], line["test_loss"]
    assert losses[0][0] != pytest.approx(losses[0.5][0], rel=1e-4)
    assert losses[0][1] == pytest.approx(losses[0.5][1], rel=1e-6)


def test_the_order_of_pool_and_lrn_is_an_option(small, tmp_path, capsys):
    code, _, _ = call(
        train.main,
        *small,
        "--lrn",
        "after-pool",
        "--max-steps",
        1,
        "--out",
        tmp_path / "run",
        capsys=capsys,
    )
    assert code == 0
    chosen = json.loads((tmp_path / "run" / "config.json").read_text())
    network = train.trainer_of(chosen, data.load("folder", small[3], 16), numpy).network
    names = list(network.layers)
    assert names[names.index("relu1") : names.index("conv2")] == ["relu1", "pool1", "norm1"]


def test_a_recipe_stands_in_for_the_preset_and_what_is_typed_for_both(capsys):
    chosen, *_ = options.read(["--dataset", "cifar10", "--recipe", "quick", "--lr", "0.5"])
    recipe = options.RECIPES["cifar10"]["quick"]
    assert {name: chosen[name] for name in recipe} == {**recipe, "lr": 0.5}
    preset = {
        name: value for name, value in options.PRESETS["cifar10"].items() if name not in recipe
    }
    assert {name: chosen[name] for name in preset} == preset


@pytest.mark.parametrize("dataset", options.PRESETS)
def test_every_recipe_and_preset_names_options_that_there_are(dataset):
    for recipe in (None, *options.RECIPES.get(dataset, {})):
        chosen, *_ = options.read(["--dataset", dataset, *(["--recipe", recipe] if recipe else [])])
        words = [typed(name, value) for name, value in chosen.items() if value is not None]
        assert options.read(shlex.split(" ".join(words)))[0] == chosen


def test_help_shows_examples(capsys):
    code, out, _ = call(train.main, "--help", capsys=capsys)
    assert code == 0
    assert "examples:" in out
    assert max(map(len, out.splitlines())) <= 80
