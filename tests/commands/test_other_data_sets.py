"""Networks tested on other data sets than they were trained on, and training on a .npz file."""

import cifar10_c_files
import mnist_files
import numpy
import pytest
import trained_runs
from cifar_files import small_cifar10, write_cifar10_pickles
from command_runs import call
from data_helpers import random_pictures
from mnist_files import idx

from minialex import data, models, train
from minialex.data.augment import centre_views
from minialex.data.published import mnist
from minialex.evaluate import main as evaluate_command
from minialex.inference import load
from minialex.options import read
from minialex.presets import PRESETS

SMALL = ["--model", "alexnet-mini", "--epochs", 1, "--batch-size", 8, "--workers", 2]


@pytest.fixture(scope="module")
def cifar_run(tmp_path_factory):
    """A network trained on a small CIFAR-10 of 20 pictures."""
    root = tmp_path_factory.mktemp("cifar")
    folder = write_cifar10_pickles(root / "data")
    (folder / "batches.meta").unlink()  # so that the classes have their published names
    options = ["--dataset", "cifar10", "--data-dir", folder, *SMALL]
    return trained_runs.trained(root / "run", *options)


def figures(out):
    return dict(line.split(maxsplit=1) for line in out.split("\n\n")[0].splitlines())


@pytest.mark.usefixtures("undrawn")
def test_training_pictures_held_out_to_choose_by_are_so_again(tmp_path, capsys):
    """By evaluate, and by a run that is resumed; the data set's own test pictures are not used."""
    folder = write_cifar10_pickles(tmp_path / "data")
    options = ["--dataset", "cifar10", "--data-dir", folder, "--val-share", 0.5, *SMALL]
    run = trained_runs.trained(tmp_path / "run", *options)
    assert "held out of them to test" in " ".join(capsys.readouterr().out.split())
    metrics = trained_runs.last_epoch(run)
    trained = load(run, backend_name="numpy")
    own, chosen_by = (data.load("cifar10", folder, val_share=share) for share in (None, 0.5))
    assert trained.progress["pictures"][:2] == [len(chosen_by.train), len(chosen_by.test)]
    assert len(chosen_by.train) + len(chosen_by.test) == len(own.train)
    code, out, err = call(evaluate_command, run, capsys=capsys)
    assert (code, err) == (0, "")
    assert figures(out)["loss"] == f"{metrics['test_loss']:.4f}"
    assert figures(out)["pictures"].endswith(", held out of the training pictures")
    code, _, err = call(train.main, "--resume", run, "--epochs", 2, capsys=capsys)
    assert (code, err) == (0, "")
    assert load(run, backend_name="numpy").progress["pictures"] == trained.progress["pictures"]


@pytest.mark.usefixtures("undrawn")
def test_cifar10_c_is_tested_by_corruption_and_severity(cifar_run, tmp_path, capsys):
    pictures, labels = small_cifar10()[0]
    cifar10_c_files.write(tmp_path / "c", pictures, labels)
    options = ["--dataset", "cifar10-c", "--data-dir", tmp_path / "c", "--batch-size", 7]
    code, out, err = call(evaluate_command, cifar_run, *options, capsys=capsys)
    assert (code, err) == (0, "")
    *blocks, _ = out.split("\n\n")  # the last one has paths
    assert max(len(line) for block in blocks for line in block.splitlines()) <= 80
    about = figures(out)
    assert (about["dataset"], about["pictures"]) == ("cifar10-c", "380")

    trained = load(cifar_run, backend_name="numpy")
    test = data.load("cifar10-c", tmp_path / "c").test
    answers = trained.predict(test.read(range(380), centre_views(380))).argmax(axis=1)
    accuracy = (answers == test.labels).reshape(19, 5, 4).mean(axis=2)
    heading, *lines = out.split("\n\n")[1].splitlines()
    assert heading.split() == ["corruption", "severity", *"12345", "mean"]
    expected = {
        name: [f"{value:.2%}" for value in (*row, row.mean())]
        for name, row in zip(cifar10_c_files.NAMES, accuracy, strict=True)
    }
    means = accuracy[:15].mean(axis=0)
    expected["mean of these 15"] = [f"{value:.2%}" for value in (*means, means.mean())]
    assert {line[:17].strip(): line[17:].split() for line in lines} == expected
    assert [line[:17].strip() for line in lines][14:17] == [
        *("jpeg_compression", "mean of these 15", "speckle_noise")
    ]


def test_the_run_s_own_pictures_stay(cifar_run, tmp_path, capsys):
    images, labels = small_cifar10()[5]
    numpy.save(tmp_path / "cifar10.1_v6_data.npy", images)
    numpy.save(tmp_path / "cifar10.1_v6_labels.npy", labels)
    assert call(evaluate_command, cifar_run, capsys=capsys)[0] == 0
    before = (cifar_run / "confusion.png").read_bytes()
    options = ["--dataset", "cifar10.1", "--data-dir", tmp_path]
    code, out, err = call(evaluate_command, cifar_run, *options, capsys=capsys)
    assert (code, err) == (0, "")
    about, metrics = figures(out), trained_runs.last_epoch(cifar_run)
    assert (about["dataset"], about["pictures"]) == ("cifar10.1", "4")
    assert about["loss"] == f"{metrics['test_loss']:.4f}"  # they are the test pictures
    assert (cifar_run / "confusion.png").read_bytes() == before
    assert (cifar_run / "mistakes-cifar10.1.png").exists()


@pytest.fixture(scope="module")
def mnist_run(tmp_path_factory):
    root = tmp_path_factory.mktemp("mnist")
    folder = mnist_files.write(root / "data")
    options = ["--dataset", "mnist", "--data-dir", folder, "--image-size", 32, *SMALL]
    return trained_runs.trained(root / "run", *options)


@pytest.mark.usefixtures("undrawn")
def test_mnist_s_network_is_tested_on_qmnist(mnist_run, tmp_path, capsys):
    n, seed = mnist_files.SIZES["t10k"], 1
    rows = numpy.tile((numpy.arange(n) + seed) % 10, (8, 1)).T
    for part in ("train", "test"):
        images = random_pictures(n, 28, 1, seed)[..., 0]
        (tmp_path / f"qmnist-{part}-images-idx3-ubyte").write_bytes(idx(images))
        (tmp_path / f"qmnist-{part}-labels-idx2-int").write_bytes(idx(rows, 0x0C))
    options = ["--dataset", "qmnist", "--data-dir", tmp_path]
    code, out, err = call(evaluate_command, mnist_run, *options, capsys=capsys)
    assert (code, err) == (0, "")
    assert figures(out)["loss"] == f"{trained_runs.last_epoch(mnist_run)['test_loss']:.4f}"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("kmnist", "has other classes, 10 (o, ki, su, …): the network has 10 (0, 1, 2, …)"),
        ("fashion-mnist", "has other classes, 10 (T-shirt/top, Trouser, Pullover, …)"),
    ],
)
def test_other_classes_are_refused(mnist_run, tmp_path, capsys, name, said):
    options = ["--dataset", name, "--data-dir", mnist_files.write(tmp_path)]
    code, out, err = call(evaluate_command, mnist_run, *options, capsys=capsys)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err


def test_pictures_in_colour_are_refused_for_a_grey_network(mnist_run, tmp_path, capsys):
    x, y = random_pictures(20, 28), numpy.arange(20) % 10
    numpy.savez(tmp_path / "some.npz", x=x, y=y)
    options = ["--data-dir", tmp_path / "some.npz"]
    code, out, err = call(evaluate_command, mnist_run, *options, capsys=capsys)
    assert (code, out) == (2, "")
    assert "data set npz has pictures in colour: the network takes grey pictures" in err


@pytest.mark.parametrize("name", ["stl10", "cifar10-c", "cifar100"])
def test_other_classes_are_refused_before_anything_is_downloaded(mnist_run, name, capsys):
    code, out, err = call(evaluate_command, mnist_run, "--dataset", name, capsys=capsys)
    assert (code, out) == (2, "")
    assert f"data set {name} has other classes" in err


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("named", [[], ["--dataset", "npz"]])
def test_all_pictures_of_a_npz_file_that_the_network_has_not_seen_are_tested(
    mnist_run, tmp_path, capsys, named
):
    n, seed = mnist_files.SIZES["t10k"], 1  # the test pictures, of 5 of the 10 classes
    x = random_pictures(n, 28, 1, seed)[..., 0]
    numpy.savez(tmp_path / "some.npz", x=x, y=(numpy.arange(n) + seed) % 10)
    options = [*named, "--data-dir", tmp_path / "some.npz"]
    code, out, err = call(evaluate_command, mnist_run, *options, capsys=capsys)
    assert (code, err) == (0, "")
    about = figures(out)
    assert (about["dataset"], about["pictures"]) == ("npz", "5")
    assert about["loss"] == f"{trained_runs.last_epoch(mnist_run)['test_loss']:.4f}"


@pytest.mark.parametrize("name", ["cifar10.1", "cifar10-c"])
def test_what_has_no_training_pictures_is_not_trained_on(tmp_path, capsys, name):
    code, out, err = call(train.main, "--dataset", name, "--data-dir", tmp_path, capsys=capsys)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"data set {name} has only test pictures, for a network that was trained on" in err
    assert f"python -m minialex.evaluate RUN --dataset {name}" in err


@pytest.mark.usefixtures("undrawn")
def test_a_npz_file_needs_no_name_and_is_found_again(tmp_path, capsys):
    x = random_pictures(40, 16, 1)[..., 0] / 255
    numpy.savez(tmp_path / "mine.npz", x=x, y=numpy.arange(40) % 4)
    options = ["--data-dir", tmp_path / "mine.npz", "--out", tmp_path / "run", "--seed", 5, *SMALL]
    code, out, err = call(train.main, *options, capsys=capsys)
    assert (code, err) == (0, "")
    assert "dataset  npz, 36 training pictures and 4 held out of them to test with, 16×16×1," in out
    metrics = trained_runs.last_epoch(tmp_path / "run")
    named = ["--dataset", "npz", "--data-dir", tmp_path / "mine.npz"]
    for options in ([], named):
        code, out, err = call(evaluate_command, tmp_path / "run", *options, capsys=capsys)
        assert (code, err) == (0, "")
        about = figures(out)
        assert about["loss"] == f"{metrics['test_loss']:.4f}"  # the same pictures were held out
        assert (about["dataset"], about["pictures"]) == (
            "npz",
            "4, held out of the training pictures",
        )
    (tmp_path / "mine.npz").rename(tmp_path / "new.npz")  # said to be another one
    options = ["--dataset", "npz", "--data-dir", tmp_path / "new.npz"]
    code, out, err = call(evaluate_command, tmp_path / "run", *options, capsys=capsys)
    assert (code, figures(out)["pictures"]) == (0, "40")


@pytest.mark.usefixtures("undrawn")
def test_the_pictures_of_a_npz_file_in_another_order_are_others(tmp_path, capsys):
    x, y = random_pictures(40, 16, 1)[..., 0], numpy.arange(40) % 4
    mine, moved, run = tmp_path / "mine.npz", tmp_path / "moved.npz", tmp_path / "run"
    numpy.savez(mine, x=x, y=y)
    trained_runs.trained(run, "--data-dir", mine, *SMALL, "--epochs", 2, "--max-steps", 1)
    mine.rename(moved)
    numpy.savez(mine, x=numpy.roll(x, 4, axis=0), y=y)
    for options in ([], ["--data-dir", mine]):
        code, _, err = call(evaluate_command, run, *options, capsys=capsys)
        assert (code, err.count("\n")) == (2, 1)
        assert "another order" in err and "name others with --dataset npz and --data-dir" in err
    code, _, err = call(train.main, "--resume", run, capsys=capsys)
    assert (code, err.count("\n"), "another order" in err) == (2, 1, True)
    code, out, err = call(evaluate_command, run, "--data-dir", moved, capsys=capsys)
    assert (code, err) == (0, "")
    assert figures(out)["pictures"] == "4, held out of the training pictures"
    code, _, err = call(train.main, "--resume", run, "--data-dir", moved, capsys=capsys)
    assert (code, err) == (0, "")


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_in_force_and_its_network_can_be_built(name):
    chosen = read(["--dataset", name]).chosen
    assert {option: chosen[option] for option in PRESETS[name]} == PRESETS[name]
    colour = name not in mnist.FAMILY
    side = chosen["image_size"] or (32 if colour else 28)
    shapes = models.of_run(chosen, 10, side, 3 if colour else 1).shapes()
    assert list(shapes.values())[-1] == (10,)


def test_digits_and_letters_are_not_mirrored():
    for name in (*mnist.FAMILY, "svhn"):
        if name != "fashion-mnist":
            assert "mirror" not in PRESETS[name]["augment"]
