"""The training command as a user meets it: what it writes, how it resumes, its error messages."""

import json
import re
import shutil
import signal
import subprocess

import numpy
import pytest
from command_runs import call, start
from data_helpers import picture_folder
from PIL import Image

from minialex import data, fast, models, options, train
from minialex.data.augment import AUGMENTATIONS, centre_views
from minialex.data.lighting import IMAGENET
from minialex.errors import InputError


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """An image folder of 40 training and 20 test pictures, 16×16, in two classes."""
    return picture_folder(tmp_path_factory.mktemp("pictures"))


@pytest.fixture
def small(pictures):
    """Options of a run of ten steps in two epochs, with dropout, crops and mirroring."""
    return [
        *(
            "--dataset",
            "folder",
            "--data-dir",
            pictures,
            "--image-size",
            16,
            "--model",
            "alexnet-cifar",
            "--workers",
            2,
        ),
        *(
            "--batch-size",
            8,
            "--epochs",
            2,
            "--augment",
            "crop,mirror",
            "--log-every",
            2,
            "--lr",
            0.001,
        ),
    ]


def contents(folder):
    """Every array of the checkpoint, and its metrics without the times."""
    with numpy.load(folder / "checkpoint.npz", allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files if name != "about"}
        about = json.loads(str(archive["about"]))
    path = folder / "metrics.jsonl"
    metrics = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    for epoch in metrics:
        del epoch["seconds"], epoch["images_per_second"]
    return arrays, about["generators"], metrics


def assert_same(left, right):
    assert left[1:] == right[1:]
    assert left[0].keys() == right[0].keys()
    for name, array in left[0].items():
        assert array.tobytes() == right[0][name].tobytes(), name


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
        "--optimizer sgd --lr 0.001 --schedule plateau --momentum 0.9 --weight-decay 0.0005"
        in start
    )
    assert "--label-smoothing 0.0 --seed 0" in start
    assert "40 training and 20 test pictures, 16×16×3, 2 classes" in start
    assert max(map(len, out.splitlines()[:6])) <= 80


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
def test_a_killed_run_goes_on_from_its_last_checkpoint_and_ends_bit_identical(
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


def test_ctrl_c_saves_and_says_how_to_go_on(small, tmp_path, capsys):
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


def test_a_run_killed_before_its_first_step_can_go_on(small, tmp_path, capsys):
    call(train.main, *small, "--out", tmp_path / "whole", capsys=capsys)
    with pytest.MonkeyPatch.context() as patch:

        def killed(*arguments):
            raise KeyboardInterrupt

        patch.setattr(train.TrainingRun, "train_epoch", killed)
        code, _, _ = call(train.main, *small, "--out", tmp_path / "killed", capsys=capsys)
        assert code == 130
    assert call(train.main, "--resume", tmp_path / "killed", capsys=capsys)[0] == 0
    assert_same(contents(tmp_path / "killed"), contents(tmp_path / "whole"))


def test_a_failed_evaluation_does_not_cost_the_epoch(small, tmp_path, capsys):
    call(train.main, *small, "--out", tmp_path / "whole", capsys=capsys)
    with pytest.MonkeyPatch.context() as patch:

        def failing(*arguments):
            raise InputError("a broken test picture")

        patch.setattr(train, "evaluate", failing)
        assert call(train.main, *small, "--out", tmp_path / "run", capsys=capsys)[0] == 2
        # no step of the first epoch may be taken again
        patch.setattr(fast.Engine, "step", failing)
        patch.setattr(
            train, "evaluate", lambda *arguments: {"loss": 1.0, "accuracy": 0.0, "top5": 0.0}
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
            train,
            "evaluate",
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


def test_a_checkpoint_copied_elsewhere_overwrites_nothing(small, tmp_path, capsys):
    folder = tmp_path / "run"
    call(train.main, *small, "--out", folder, "--max-steps", 1, capsys=capsys)
    (folder / "checkpoint.npz").rename(folder / "old.npz")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    code, _, err = call(train.main, "--resume", folder / "old.npz", capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("name", ["options", "classes", "mean", "steps", "lighting", "skipped"])
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


@pytest.mark.parametrize("damage", ["", "{\n", "no json\n"])
def test_damaged_metrics_are_named(damage, small, tmp_path, capsys):
    folder = tmp_path / "run"
    call(train.main, *small, "--out", folder, "--max-steps", 6, capsys=capsys)
    (folder / "metrics.jsonl").write_text(damage)
    code, _, err = call(train.main, "--resume", folder, capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert "metrics.jsonl does not hold the run's 1 epochs" in err


def test_a_resumed_run_wants_the_same_pictures(small, pictures, tmp_path, capsys):
    folder = tmp_path / "run"
    fewer = tmp_path / "fewer"
    shutil.copytree(pictures, fewer)
    next((fewer / "train" / "odd").iterdir()).unlink()
    call(train.main, *small, "--out", folder, "--max-steps", 1, capsys=capsys)
    code, _, err = call(train.main, "--resume", folder, "--data-dir", fewer, capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert "other classes or pictures" in err


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
    assert "was trained with --model alexnet-cifar: it cannot be resumed with lenet" in err
    code, _, _ = call(
        train.main, "--resume", folder / "checkpoint.npz", "--epochs", 3, capsys=capsys
    )
    assert code == 0
    assert [epoch["epoch"] for epoch in contents(folder)[2]] == [1, 2, 3]


def test_without_out_each_run_gets_a_folder_of_its_own(small, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        call(train.main, *small, "--max-steps", 1, capsys=capsys)
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == [
        "folder-alexnet-cifar",
        "folder-alexnet-cifar-2",
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
        (["--epoch", "3"], "unrecognized arguments: --epoch 3"),
        (
            ["--model", "alexnet", "--image-size", "30"],
            "model alexnet cannot take pictures of 30×30: pool2",
        ),
        (
            ["--model", "lenet", "--lrn", "off"],
            "--lrn off is for other models: lenet has no normalisation",
        ),
        (["--crop-padding", "2"], "leave out --crop-padding"),
        (["--recipe", "quick"], "data set folder has no recipe 'quick', only 2012"),
        (
            ["--dataset", "shapes", "--recipe", "quick"],
            "data set shapes has no recipe 'quick', only its preset",
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
        (["--lr", "1e30", "--optimizer", "sgd"], "try a smaller learning rate than 1e+30"),
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
    monkeypatch.setattr(train.backend, "_gpu_problem", lambda: "no GPU")
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


@pytest.fixture
def damaged(small, pictures, tmp_path):
    """The options, on a copy of the pictures with two damaged for training and one for testing; the
    paths of these."""
    root = shutil.copytree(pictures, tmp_path / "damaged")
    bad = [
        root / "train" / "even" / "0.png",
        root / "train" / "odd" / "zz.png",
        root / "val" / "odd" / "zz.png",
    ]
    for path in bad:
        path.write_bytes(b"\x89PNG\r\n\x1a\n but no more")
    small[3] = root
    return small, [str(path) for path in bad]


def test_pictures_that_cannot_be_read_are_skipped_counted_and_listed(damaged, tmp_path, capsys):
    options, bad = damaged
    code, out, err = call(train.main, *options, "--out", tmp_path / "run", capsys=capsys)
    assert (code, err) == (0, "")
    listed = "Skipped 3 pictures that cannot be read:\n" + "".join(
        f"  {path}\n" for path in sorted(bad)
    )
    assert listed + "Done: test accuracy" in out
    lines = (tmp_path / "run" / "bad_pictures.txt").read_text().splitlines()
    assert [line.partition(": not a readable picture (")[0] for line in lines] == sorted(bad)
    assert [epoch["epoch"] for epoch in contents(tmp_path / "run")[2]] == [1, 2]


def test_a_run_without_such_pictures_says_nothing_of_them(small, tmp_path, capsys):
    _, out, _ = call(train.main, *small, "--out", tmp_path / "run", capsys=capsys)
    assert "Skipped" not in out
    assert not (tmp_path / "run" / "bad_pictures.txt").exists()


@pytest.mark.parametrize(
    ("batch_size", "workers"),
    [(1, 1), (8, 2)],  # with batches of 1 some are empty, and a second thread would only wait
)
def test_a_run_with_damaged_pictures_resumes_bit_for_bit(
    batch_size, workers, damaged, tmp_path, capsys
):
    options, _ = damaged
    options[options.index("--workers") + 1] = workers
    options[options.index("--batch-size") + 1] = batch_size
    options[options.index("--epochs") + 1] = options[options.index("--log-every") + 1] = 1
    call(train.main, *options, "--out", tmp_path / "whole", capsys=capsys)
    steps = 41 // batch_size
    for stop in (1, steps // 2, steps - 1):
        folder = tmp_path / f"stopped-{stop}"
        call(train.main, *options, "--out", folder, "--max-steps", stop, capsys=capsys)
        code, out, _ = call(train.main, "--resume", folder, capsys=capsys)
        assert code == 0
        assert "Skipped 3 pictures" in out  # those of before the stop too
        assert_same(contents(folder), contents(tmp_path / "whole"))
        assert (folder / "bad_pictures.txt").read_text() == (
            tmp_path / "whole" / "bad_pictures.txt"
        ).read_text()


def test_the_training_figures_count_what_could_be_read(damaged, tmp_path, capsys, monkeypatch):
    options, _ = damaged
    seen, step = [], fast.Engine.step
    monkeypatch.setattr(
        fast.Engine,
        "step",
        lambda self, x, labels, loss: seen.append(len(labels)) or step(self, x, labels, loss),
    )
    call(train.main, *options, "--epochs", 1, "--out", tmp_path / "run", capsys=capsys)
    assert sum(seen) == 39  # of 41
    with numpy.load(tmp_path / "run" / "checkpoint.npz") as archive:
        progress = json.loads(str(archive["about"]))["progress"]
    assert progress["pictures"][:2] == [41, 21]
    (epoch,) = contents(tmp_path / "run")[2]
    for right in (39 * epoch["train_accuracy"], 20 * epoch["test_accuracy"]):
        assert right == pytest.approx(round(right))
    assert right > 0


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_folder_of_damaged_pictures_is_an_error(split, small, pictures, tmp_path, capsys):
    small[3] = shutil.copytree(pictures, tmp_path / "damaged")
    for i, path in enumerate(sorted((small[3] / split).rglob("*.png"))):
        if i % 4:
            path.write_bytes(b"")
    code, out, err = call(train.main, *small, "--out", tmp_path / "run", capsys=capsys)
    assert (code, err.count("\n")) == (2, 1), err
    assert "pictures cannot be read, which is more than half: " in err
    assert "Done" not in out


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
    x = numpy.concatenate([x for x, _ in training.test_batches.epoch(0)])
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

    monkeypatch.setattr(train, "evaluate", figures)
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
        typed = [
            f"--{name.replace('_', '-')}={value}"
            for name, value in chosen.items()
            if value is not None
        ]
        assert options.read(typed)[0] == chosen


def test_help_shows_examples(capsys):
    code, out, _ = call(train.main, "--help", capsys=capsys)
    assert code == 0
    assert "examples:" in out
    assert max(map(len, out.splitlines())) <= 80
