"""The evaluate command, run as by a user: its figures, its table of classes, its two pictures."""

import dataclasses
import functools
import shutil
from pathlib import Path

import numpy
import pytest
import trained_runs
from command_runs import call
from data_helpers import picture_folder
from pngs import opened

from minialex import charts, data
from minialex import figures as drawing
from minialex.data import shapes
from minialex.data.augment import centre_views
from minialex.data.batches import Batches
from minialex.evaluate import main as evaluate_command
from minialex.evaluation import evaluate
from minialex.files import PNG_MARK
from minialex.inference import load


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return picture_folder(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module", params=[[], ["--lrn", "after-pool"]], ids=["plain", "lrn"])
def folder(request, pictures, tmp_path_factory):
    """A run of two epochs, and one with an option that does not show in the weights' shapes."""
    return trained_runs.trained(
        tmp_path_factory.mktemp("runs") / "run", *trained_runs.on_folder(pictures), *request.param
    )


def figures(out):
    """The figures that the command prints first, without the speed."""
    rows = dict(line.split(maxsplit=1) for line in out.split("\n\n")[0].splitlines())
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


def test_they_are_equal_to_the_last_bit(folder, pictures):
    trained = load(folder, backend_name="numpy", workers=2)
    batches = Batches(data.load("folder", pictures, 16).test, 8, trained.standardize)
    metrics = trained_runs.last_epoch(folder)
    assert evaluate(trained.engine, batches) == {
        "loss": metrics["test_loss"],
        "accuracy": metrics["test_accuracy"],
        "top5": metrics["test_top5"],
    }


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    "options", [["--workers", 1], ["--workers", 3], ["--batch-size", 1], ["--batch-size", 500]]
)
def test_threads_and_batch_size_change_no_figure(options, folder, capsys):
    _, out, _ = call(evaluate_command, folder, capsys=capsys)
    code, again, _ = call(evaluate_command, folder, *options, capsys=capsys)
    assert code == 0
    assert figures(again) == figures(out)


@pytest.mark.usefixtures("undrawn")
def test_ten_crop_is_named_and_gives_the_same_for_any_batch_size(folder, capsys):
    _, plain, _ = call(evaluate_command, folder, capsys=capsys)
    code, out, _ = call(evaluate_command, folder, "--test-views", "ten-crop", capsys=capsys)
    assert code == 0
    assert figures(out)["pictures"] == "20, ten views of each"
    assert figures(out)["loss"] != figures(plain)["loss"]
    for size in (1, 500):
        assert figures(
            call(
                evaluate_command,
                folder,
                "--test-views",
                "ten-crop",
                "--batch-size",
                size,
                capsys=capsys,
            )[1]
        ) == figures(out)


@pytest.mark.usefixtures("undrawn")
def test_other_views_leave_the_pictures_of_the_plain_evaluation(folder, capsys):
    call(evaluate_command, folder, capsys=capsys)
    names = ("confusion.png", "mistakes.png")
    plain = [(folder / name).stat().st_mtime_ns for name in names]
    _, out, _ = call(evaluate_command, folder, "--test-views", "ten-crop", capsys=capsys)
    for name in ("confusion", "mistakes"):
        assert f"{name:<9} {folder / name}-ten-crop.png\n" in out
        assert (folder / f"{name}-ten-crop.png").exists()
    assert [(folder / name).stat().st_mtime_ns for name in names] == plain
    _, out, _ = call(evaluate_command, folder, "--test-views", "centre", capsys=capsys)
    assert f"confusion {folder / 'confusion.png'}\n" in out  # the same as without


@pytest.mark.usefixtures("undrawn")
def test_test_views_are_those_of_training(tmp_path, pictures, capsys):
    options = [*trained_runs.on_folder(pictures), "--test-views", "mirror"]
    run = trained_runs.trained(tmp_path / "run", *options)
    capsys.readouterr()
    metrics = trained_runs.last_epoch(run)
    code, out, _ = call(evaluate_command, run, capsys=capsys)
    assert (code, figures(out)["pictures"]) == (0, "20, with their mirror images")
    assert figures(out)["loss"] == f"{metrics['test_loss']:.4f}"
    _, out, _ = call(evaluate_command, run, "--test-views", "centre", capsys=capsys)
    assert (figures(out)["pictures"], figures(out)["loss"] != f"{metrics['test_loss']:.4f}") == (
        "20",
        True,
    )
    assert f"confusion {run / 'confusion-centre.png'}\n" in out
    trained = load(run, backend_name="numpy")
    scores = trained.evaluate(data.load("folder", pictures, trained.image_size))
    assert scores["loss"] == pytest.approx(metrics["test_loss"], rel=1e-5)


@pytest.mark.usefixtures("undrawn")
def test_ten_crop_moves_small_pictures_as_far_as_in_training(tmp_path, capsys, monkeypatch):
    few = functools.partial(shapes.load, train_size=40, test_size=30)
    drawn = dataclasses.replace(data.SOURCES["shapes"], load=few)
    monkeypatch.setitem(data.SOURCES, "shapes", drawn)
    trained_runs.trained(
        tmp_path / "run",
        "--batch-size",
        8,
        "--epochs",
        1,
        "--model",
        "alexnet-mini",
        "--crop-padding",
        1,
    )
    capsys.readouterr()
    _, out, _ = call(evaluate_command, tmp_path / "run", "--test-views", "ten-crop", capsys=capsys)
    trained = load(tmp_path / "run", backend_name="numpy")
    test = few(0).test
    losses = {}
    for test.padding in (1, 4):
        losses[test.padding] = evaluate(
            trained.engine, Batches(test, 8, trained.standardize, test_views="ten-crop")
        )["loss"]
    assert figures(out)["loss"] == f"{losses[1]:.4f}" != f"{losses[4]:.4f}"


@pytest.mark.usefixtures("undrawn")
def test_pictures_that_the_run_drew_itself_are_drawn_again(tmp_path, capsys, monkeypatch):
    few = functools.partial(shapes.load, train_size=40, test_size=30)
    drawn = dataclasses.replace(data.SOURCES["shapes"], load=few)
    monkeypatch.setitem(data.SOURCES, "shapes", drawn)
    options = [
        "--batch-size",
        8,
        "--epochs",
        1,
        "--seed",
        3,
        "--model",
        "lenet",
        "--image-size",
        28,
    ]
    trained_runs.trained(tmp_path / "run", *options)
    capsys.readouterr()
    _, out, _ = call(evaluate_command, tmp_path / "run", capsys=capsys)
    metrics = trained_runs.last_epoch(tmp_path / "run")
    shown = figures(out)
    assert (shown["pictures"], shown["loss"]) == ("30", f"{metrics['test_loss']:.4f}")
    code, _, err = call(evaluate_command, tmp_path / "run", "--data-dir", tmp_path, capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert "leave out --data-dir" in err


@pytest.mark.usefixtures("undrawn")
def test_the_step_of_an_unfinished_epoch_is_shown(pictures, tmp_path, capsys):
    trained_runs.trained(tmp_path / "run", *trained_runs.on_folder(pictures), "--max-steps", 7)
    capsys.readouterr()
    _, out, _ = call(evaluate_command, tmp_path / "run", capsys=capsys)
    assert figures(out)["model"] == "alexnet-cifar, in epoch 2, after step 2"


@pytest.mark.usefixtures("undrawn")
def test_data_that_has_moved_is_named_and_found_again(tmp_path, capsys):
    before = picture_folder(tmp_path / "before")
    trained_runs.trained(tmp_path / "run", *trained_runs.on_folder(before))
    capsys.readouterr()
    _, out, _ = call(evaluate_command, tmp_path / "run", capsys=capsys)
    before.rename(tmp_path / "after")
    code, _, err = call(evaluate_command, tmp_path / "run", capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert f"there is no folder {before}" in err
    code, again, _ = call(
        evaluate_command, tmp_path / "run", "--data-dir", tmp_path / "after", capsys=capsys
    )
    assert code == 0
    assert figures(again) == figures(out)


def test_other_classes_are_refused(folder, pictures, tmp_path, capsys):
    others = shutil.copytree(pictures, tmp_path / "others")
    for split in ("train", "val"):
        (others / split / "odd").rename(others / split / "strange")
    code, _, err = call(evaluate_command, folder, "--data-dir", others, capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert f"{others} has a class 'strange', which is none of the network's" in err


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A file of weights that says nothing about itself, in the folder where the test runs."""
    monkeypatch.chdir(tmp_path)
    return trained_runs.weights_without_metadata(tmp_path / "found.safetensors")


@pytest.mark.parametrize("where", ["", "val"])
def test_weights_from_elsewhere_are_tested_on_labelled_pictures(
    where, elsewhere, pictures, tmp_path, capsys
):
    code, out, err = call(
        evaluate_command, elsewhere, "--data-dir", pictures / where, capsys=capsys
    )
    assert code == 0
    assert "found.safetensors does not say what it is for: assumed alexnet-cifar" in err
    files = [
        path for name in ("even", "odd") for path in sorted((pictures / "val" / name).iterdir())
    ]
    trained = load(elsewhere, backend_name="numpy")
    pixels = trained.images(files).read(range(20), centre_views(20))
    logits = trained.engine.forward(trained.standardize(pixels)).astype(float)
    shares = numpy.exp(logits) / numpy.exp(logits).sum(axis=1, keepdims=True)
    labels = numpy.arange(20) // 10
    shown = figures(out)
    assert (shown["model"], shown["pictures"]) == ("alexnet-cifar, found.safetensors", "20")
    assert float(shown["loss"]) == pytest.approx(
        -numpy.log(shares[range(20), labels]).mean(), abs=1e-4
    )
    assert shown["top-1"] == f"{(shares.argmax(axis=1) == labels).mean():.2%}"
    for name in ("confusion-found.safetensors.png", "mistakes-found.safetensors.png"):
        opened((tmp_path / name).read_bytes())


def test_weights_from_elsewhere_need_pictures(elsewhere, pictures, tmp_path, capsys):
    code, out, err = call(evaluate_command, elsewhere, capsys=capsys)
    assert (code, out) == (2, "")
    assert "does not say what it was trained on: name a folder of pictures with --data-dir" in err
    code, out, err = call(
        evaluate_command, elsewhere, "--data-dir", tmp_path / "nowhere", capsys=capsys
    )
    assert (code, out) == (2, "")
    assert f"there is no folder {tmp_path / 'nowhere'}" in err


@pytest.mark.usefixtures("undrawn")
def test_test_pictures_that_cannot_be_read_are_skipped_counted_and_listed(
    folder, pictures, tmp_path, capsys
):
    _, out, _ = call(evaluate_command, folder, capsys=capsys)
    copied = shutil.copytree(pictures, tmp_path / "copied")
    broken = copied / "val" / "odd" / "zz-broken.png"
    broken.write_bytes(b"no picture")
    for more in ([], ["--batch-size", 1], ["--test-views", "ten-crop"]):
        code, again, err = call(
            evaluate_command, folder, "--data-dir", copied, *more, capsys=capsys
        )
        assert (code, err) == (0, "")
        shown, listed = again.split("Skipped 1 picture that cannot be read:\n")
        assert listed == f"  {broken}\n"
        ten = "ten-crop" in more
        assert figures(shown)["pictures"] == "20" + ", ten views of each" * ten
        if not ten:
            assert figures(shown) == figures(out)


def test_a_folder_of_damaged_test_pictures_is_an_error(folder, pictures, tmp_path, capsys):
    copied = shutil.copytree(pictures, tmp_path / "copied")
    for path in (copied / "val").rglob("*.png"):
        path.write_bytes(b"no picture")
    code, out, err = call(evaluate_command, folder, "--data-dir", copied, capsys=capsys)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "20 of 20 pictures cannot be read" in err


@pytest.fixture
def answered(folder, pictures):
    """The answers of the run's network, computed the long way: (labels, answers, confidence)."""
    test = data.load("folder", pictures, 16).test
    said = numpy.array(
        trained_runs.probabilities(folder, test.read(range(20), centre_views(20)), num_classes=2)
    )
    return test.labels, said.argmax(axis=1), said.max(axis=1)


def counts(labels, answers):
    """The confusion matrix of the two classes."""
    matrix = numpy.zeros((2, 2), int)
    for pair in zip(labels, answers, strict=True):
        matrix[pair] += 1
    return matrix


@pytest.mark.parametrize("folder", [[]], ids=["plain"], indirect=True)
def test_class_by_class(folder, answered, capsys):
    labels, answers, _ = answered
    matrix = counts(labels, answers)
    _, out, _ = call(evaluate_command, folder, capsys=capsys)
    heading, *lines = out.split("\n\n")[1].splitlines()
    assert heading.split() == ["class", "right", "of", "most", "often", "taken", "for"]
    for label, (name, other) in enumerate((("even", "odd"), ("odd", "even"))):
        wrong = matrix[label, 1 - label]
        expected = [
            name,
            f"{matrix[label, label] / 10:.2%}",
            "10",
            *([other, f"({wrong})"] if wrong else []),
        ]
        assert lines[label].split() == expected


@pytest.mark.parametrize("folder", [[]], ids=["plain"], indirect=True)
def test_two_pictures_are_drawn(folder, pictures, answered, capsys, tmp_path, monkeypatch):
    labels, answers, confidence = answered
    drawn = {}
    monkeypatch.setattr(
        charts, "confusion", lambda *given: drawn.update(confusion=given) or PNG_MARK
    )
    monkeypatch.setattr(drawing, "sheet", lambda *given: drawn.update(mistakes=given) or PNG_MARK)
    code, out, _ = call(evaluate_command, folder, "--out", tmp_path / "new", capsys=capsys)
    assert code == 0
    assert out.splitlines()[-2:] == [
        f"{name:<9} {tmp_path / 'new' / name}.png" for name in ("confusion", "mistakes")
    ]
    matrix, names, _ = drawn["confusion"]
    numpy.testing.assert_array_equal(matrix, counts(labels, answers))
    assert names == ["even", "odd"]
    shown, captions, _ = drawn["mistakes"]
    wrong = sorted(numpy.flatnonzero(labels != answers), key=lambda i: -confidence[i])
    test = data.load("folder", pictures, 16).test
    numpy.testing.assert_array_equal(shown, test.read(wrong, centre_views(len(wrong))))
    texts = [[text for text, _ in caption] for caption in captions]
    assert texts == [
        [
            f"{names[answers[i]]}: {confidence[i]:.1%}",
            f"is: {names[labels[i]]}",
            Path(test.paths[i]).name,
        ]
        for i in wrong
    ]


@pytest.mark.parametrize("folder", [[]], ids=["plain"], indirect=True)
def test_the_pictures_go_to_the_run_and_replace_only_minialex_s_own(folder, capsys):
    for _ in range(2):
        assert call(evaluate_command, folder, capsys=capsys)[0] == 0
        for name in ("confusion.png", "mistakes.png"):
            opened((folder / name).read_bytes())
    (folder / "mistakes.png").write_text("my own")
    code, out, err = call(evaluate_command, folder, capsys=capsys)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "mistakes.png already exists and was not made by minialex" in err
    assert (folder / "mistakes.png").read_text() == "my own"
    (folder / "mistakes.png").unlink()


def test_help_shows_examples(capsys):
    code, out, _ = call(evaluate_command, "--help", capsys=capsys)
    assert code == 0
    assert "examples:" in out
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize("folder", [[]], ids=["plain"], indirect=True)
def test_the_mistakes_are_the_right_pictures_even_after_one_that_cannot_be_read(
    folder, pictures, answered, capsys, tmp_path, monkeypatch
):
    labels, answers, confidence = answered
    copied = shutil.copytree(pictures, tmp_path / "copied")
    (copied / "val" / "even" / "0-broken.png").write_bytes(b"no picture")  # comes first
    drawn = []
    monkeypatch.setattr(drawing, "sheet", lambda *given: drawn.append(given) or PNG_MARK)
    assert (
        call(
            evaluate_command, folder, "--data-dir", copied, "--out", tmp_path / "new", capsys=capsys
        )[0]
        == 0
    )
    wrong = sorted(numpy.flatnonzero(labels != answers), key=lambda i: -confidence[i])
    test = data.load("folder", pictures, 16).test
    numpy.testing.assert_array_equal(drawn[0][0], test.read(wrong, centre_views(len(wrong))))
