"""What counts as right: top-1 and top-5, ties and logits that are no numbers. The command, as a user meets it."""

import functools
import shutil
import types

import numpy
import pytest
import trained_runs
from commands import call
from data_helpers import picture_folder
from naive import assert_same

from minialex import backend, data
from minialex.data import shapes
from minialex.data.augment import Standardize
from minialex.data.batches import Batches
from minialex.data.dataset import ArrayImages
from minialex.evaluate import evaluate, over_views, places
from minialex.evaluate import main as evaluate_command
from minialex.layers import SoftmaxCrossEntropy
from minialex.trained import Trained

nan = numpy.nan


@pytest.mark.parametrize(
    ("logits", "label", "place"),
    [
        ([0.1, 0.9, 0.5], 1, 0),
        ([0.1, 0.9, 0.5], 2, 1),
        ([0.1, 0.9, 0.5], 0, 2),
        ([0.0, 0.0, 0.0], 0, 0),  # a network that knows nothing answers class 0, as argmax does
        ([0.0, 0.0, 0.0], 2, 2),
        ([nan, 1.0, 2.0], 0, 2),
        ([nan, 1.0, 2.0], 2, 0),
        ([nan, nan, nan], 2, 2),
    ],
)
def test_the_place_of_the_right_answer(logits, label, place):
    logits, labels = numpy.array([logits, logits]), numpy.array([label, 0])
    assert places(logits, labels)[0] == place


def batches(labels, batch_size=4):
    pictures = numpy.zeros((len(labels), 1, 1, 1), numpy.uint8)
    return Batches(ArrayImages(pictures, labels), batch_size, Standardize([0], [1]))


def answering(logits):
    """What evaluate takes for Workers: it answers with the next rows of `logits`, whatever the pictures."""
    rows = iter(logits)
    return types.SimpleNamespace(
        forward=lambda x: numpy.array([next(rows) for _ in x]),
        loss=SoftmaxCrossEntropy(),
    )


def test_every_picture_counts_once_also_those_of_a_smaller_last_batch():
    labels = numpy.arange(10) % 7
    logits = -numpy.abs(numpy.arange(7) - labels[:, None]).astype(float)  # the right class first
    logits[9] = logits[9, ::-1]  # but label 2's in the last batch: class 4 first, 2 comes fourth
    tested = evaluate(answering(logits), batches(labels))
    assert tested["accuracy"] == pytest.approx(0.9)
    assert tested["top5"] == 1
    expected = [-row[label] + numpy.log(numpy.exp(row).sum()) for row, label in zip(logits, labels, strict=True)]
    assert tested["loss"] == pytest.approx(numpy.mean(expected))


def test_top5_leaves_out_the_sixth():
    logits = numpy.tile(numpy.arange(7, 0, -1.0), (7, 1))  # class 0 first, class 6 last
    assert evaluate(answering(logits), batches(numpy.arange(7)))["top5"] == pytest.approx(5 / 7)


def test_it_stops_when_asked_to():
    assert evaluate(answering(numpy.zeros((8, 3))), batches(numpy.zeros(8, int)), should_stop=lambda: True) is None


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return picture_folder(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module", params=[[], ["--lrn", "after-pool"]], ids=["plain", "lrn"])
def folder(request, pictures, tmp_path_factory):
    """A run of two epochs, once also with an option that no weight's shape tells of."""
    return trained_runs.trained(tmp_path_factory.mktemp("runs") / "run", *trained_runs.on_folder(pictures), *request.param)


def figures(out):
    """The command's output as a dict, without the speed."""
    rows = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert float(rows.pop("images/s").replace(",", "")) > 0
    return rows


def test_the_command_gives_the_figures_of_the_run_s_last_epoch(folder, capsys):
    code, out, err = call(evaluate_command, folder, "--workers", 2, capsys=capsys)
    assert (code, err) == (0, "")
    metrics = trained_runs.last_epoch(folder)
    assert figures(out) == {
        "model": "alexnet-cifar, after epoch 2",
        "dataset": "folder",
        "pictures": "20",
        "loss": f"{metrics['test_loss']:.4f}",
        "top-1": f"{metrics['test_accuracy']:.2%}",
        "top-5": "100.00%",
    }
    assert max(map(len, out.splitlines())) <= 80


def test_to_the_last_bit(folder, pictures):
    trained = Trained(folder, "numpy", threads=2)
    batches = Batches(data.load("folder", pictures, 16).test, 8, trained.standardize)
    metrics = trained_runs.last_epoch(folder)
    assert evaluate(trained.workers, batches) == {
        "loss": metrics["test_loss"],
        "accuracy": metrics["test_accuracy"],
        "top5": metrics["test_top5"],
    }


@pytest.mark.parametrize("options", [["--workers", 1], ["--workers", 3], ["--batch-size", 1], ["--batch-size", 500]])
def test_threads_and_batch_size_change_no_figure(options, folder, capsys):
    _, out, _ = call(evaluate_command, folder, capsys=capsys)
    code, again, _ = call(evaluate_command, folder, *options, capsys=capsys)
    assert code == 0
    assert figures(again) == figures(out)


def test_the_views_of_a_picture_are_averaged_as_probabilities(xp, rng):
    logits = 3 * rng.standard_normal((6, 4))
    logits[0] = [800, 0, 0, 0]  # a certain view, whose other probabilities are 0
    probabilities = numpy.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    got = backend.to_host(over_views(xp.asarray(logits), 2))
    numpy.testing.assert_allclose(got, numpy.log(probabilities.reshape(2, 3, 4).mean(axis=1)), rtol=1e-12)
    certain = backend.to_host(over_views(xp.asarray([[800.0, 0], [800.0, 0]]), 1))
    numpy.testing.assert_allclose(certain, [[0, -800]])


def test_one_view_of_each_picture_is_as_it_was(xp):
    logits = xp.asarray([[1.0, 2.0], [4.0, 3.0]])
    assert_same(over_views(logits, 2), logits)


def test_ten_crop_says_so_and_gives_the_same_for_any_batch_size(folder, capsys):
    _, plain, _ = call(evaluate_command, folder, capsys=capsys)
    code, out, _ = call(evaluate_command, folder, "--ten-crop", capsys=capsys)
    assert code == 0
    assert figures(out)["pictures"] == "20, ten views of each"
    assert figures(out)["loss"] != figures(plain)["loss"]
    for size in (1, 500):
        assert figures(call(evaluate_command, folder, "--ten-crop", "--batch-size", size, capsys=capsys)[1]) == figures(out)


def test_ten_crop_moves_small_pictures_as_far_as_training_did(tmp_path, capsys, monkeypatch):
    few = functools.partial(shapes.load, train_size=40, test_size=30)
    monkeypatch.setattr(shapes, "load", few)
    trained_runs.trained(tmp_path / "run", "--batch-size", 8, "--epochs", 1, "--model", "alexnet-mini", "--crop-padding", 1)
    capsys.readouterr()
    _, out, _ = call(evaluate_command, tmp_path / "run", "--ten-crop", capsys=capsys)
    trained = Trained(tmp_path / "run", "numpy")
    test = few(0).test
    losses = {}
    for test.padding in (1, 4):
        losses[test.padding] = evaluate(trained.workers, Batches(test, 8, trained.standardize, ten_crop=True))["loss"]
    assert figures(out)["loss"] == f"{losses[1]:.4f}" != f"{losses[4]:.4f}"


def test_pictures_that_the_run_drew_itself_are_drawn_again(tmp_path, capsys, monkeypatch):
    few = functools.partial(shapes.load, train_size=40, test_size=30)
    monkeypatch.setattr(shapes, "load", few)
    options = ["--batch-size", 8, "--epochs", 1, "--seed", 3, "--model", "lenet", "--image-size", 28]
    trained_runs.trained(tmp_path / "run", *options)
    capsys.readouterr()
    _, out, _ = call(evaluate_command, tmp_path / "run", capsys=capsys)
    metrics = trained_runs.last_epoch(tmp_path / "run")
    shown = figures(out)
    assert (shown["pictures"], shown["loss"]) == ("30", f"{metrics['test_loss']:.4f}")
    code, _, err = call(evaluate_command, tmp_path / "run", "--data-dir", tmp_path, capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert "leave out --data-dir" in err


def test_a_run_in_mid_epoch_says_so(pictures, tmp_path, capsys):
    trained_runs.trained(tmp_path / "run", *trained_runs.on_folder(pictures), "--max-steps", 7)
    capsys.readouterr()
    _, out, _ = call(evaluate_command, tmp_path / "run", capsys=capsys)
    assert figures(out)["model"] == "alexnet-cifar, in epoch 2, after step 2"


def test_data_that_has_moved_is_named_and_found_again(tmp_path, capsys):
    before = picture_folder(tmp_path / "before")
    trained_runs.trained(tmp_path / "run", *trained_runs.on_folder(before))
    capsys.readouterr()
    _, out, _ = call(evaluate_command, tmp_path / "run", capsys=capsys)
    before.rename(tmp_path / "after")
    code, _, err = call(evaluate_command, tmp_path / "run", capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert f"no folder {before} (--data-dir)" in err
    code, again, _ = call(evaluate_command, tmp_path / "run", "--data-dir", tmp_path / "after", capsys=capsys)
    assert code == 0
    assert figures(again) == figures(out)


def test_other_classes_are_refused(folder, pictures, tmp_path, capsys):
    others = shutil.copytree(pictures, tmp_path / "others")
    for split in ("train", "val"):
        (others / split / "odd").rename(others / split / "strange")
    code, _, err = call(evaluate_command, folder, "--data-dir", others, capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert "other classes" in err


def test_test_pictures_that_cannot_be_read_are_skipped_counted_and_listed(folder, pictures, tmp_path, capsys):
    _, out, _ = call(evaluate_command, folder, capsys=capsys)
    copied = shutil.copytree(pictures, tmp_path / "copied")
    broken = copied / "val" / "odd" / "zz-broken.png"
    broken.write_bytes(b"no picture")
    for more in ([], ["--batch-size", 1], ["--ten-crop"]):
        code, again, err = call(evaluate_command, folder, "--data-dir", copied, *more, capsys=capsys)
        assert (code, err) == (0, "")
        shown, listed = again.split("Skipped 1 picture that cannot be read:\n")
        assert listed == f"  {broken}\n"
        assert figures(shown)["pictures"] == "20" + ", ten views of each" * (more == ["--ten-crop"])
        if more != ["--ten-crop"]:
            assert figures(shown) == figures(out)


def test_a_folder_of_damaged_test_pictures_is_an_error(folder, pictures, tmp_path, capsys):
    copied = shutil.copytree(pictures, tmp_path / "copied")
    for path in (copied / "val").rglob("*.png"):
        path.write_bytes(b"no picture")
    code, out, err = call(evaluate_command, folder, "--data-dir", copied, capsys=capsys)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "20 of 20 pictures cannot be read" in err


def test_help_shows_examples(capsys):
    code, out, _ = call(evaluate_command, "--help", capsys=capsys)
    assert code == 0
    assert "examples:" in out
    assert max(map(len, out.splitlines())) <= 80
