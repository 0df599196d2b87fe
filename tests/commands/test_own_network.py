"""Every command on a network that a script has made and trained, with a layer of its own."""

import json
from pathlib import Path

import numpy
import own_layer
import pytest
from command_runs import call
from data_helpers import picture_folder
from own_layer import Leaky
from pngs import opened

import minialex
from minialex import Network, Trainer, evaluate, load, optim, report, schedules, train
from minialex import weights as weights_command
from minialex.layers import Conv2d, Dropout, Flatten, Linear, MaxPool2d
from minialex.visualize import __main__ as visualize

OWN = ("--own-layers", own_layer.__file__)
SIDE = 16


def network():
    rng = numpy.random.default_rng(3)
    features = [Conv2d(3, 8, 3, padding=1, rng=rng), Leaky(0.3), MaxPool2d(2, stride=2)]
    hidden = [Flatten(), Dropout(0.2, rng), Linear(512, 16, rng=rng), Leaky()]
    return Network([*features, *hidden, Linear(16, 2, rng=rng)], (SIDE, SIDE, 3))


def trainer(dataset, optimizer=optim.Adam, **options):
    net, schedule = network(), schedules.Step(0.003, every=2)
    options = dict(batch_size=8, augment=["crop", "mirror"], seed=5, workers=1) | options
    return Trainer(net, dataset, optimizer(net, lr=0.003), schedule, **options)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return minialex.data.load("folder", picture_folder(tmp_path_factory.mktemp("p")), SIDE)


@pytest.fixture(scope="module")
def trained(dataset):
    it = trainer(dataset)
    it.fit(2)
    return it


@pytest.fixture
def saved(trained, tmp_path, monkeypatch):
    """What the script saved, "own/checkpoint.npz" where the test runs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own").mkdir()
    trained.save(tmp_path / "own" / "checkpoint.npz")
    return tmp_path / "own"


def test_evaluate_finds_the_data_set_by_itself(saved, trained, capsys, undrawn):
    code, out, err = call(evaluate.main, saved, *OWN, capsys=capsys)
    assert (code, err) == (0, "")
    assert f"{trained.evaluate()['accuracy']:.2%}" in out
    assert "a network of its own, after epoch 2" in out


@pytest.mark.parametrize("kind", visualize.KINDS)
def test_visualize_draws_it(kind, saved, capsys):
    quickly = ["--step", 4] if kind == "occlusion" else []
    of_it = [saved] if kind == "curves" else ["--weights", saved, *OWN, *quickly]
    code, _, err = call(visualize.main, kind, *of_it, capsys=capsys)
    assert (code, err) == (0, "")
    opened((saved / f"{kind}.png").read_bytes())


def test_report_has_its_curves_and_settings(saved, capsys):
    code, _, err = call(report.main, saved, *OWN, capsys=capsys)
    assert (code, err) == (0, "")
    page = (saved / "report.html").read_text("utf-8")
    assert "over 2 epochs" in page
    assert "a network of its own, after epoch 2, on folder" in page
    assert "Step" in page and "python -m minialex.train" not in page
    assert ">None<" not in page


def export(file, capsys):
    return call(weights_command.main, "export", "own", file, *OWN, capsys=capsys)


def test_an_exported_network_is_as_good(saved, trained, dataset, capsys):
    code, out, err = export("net.safetensors", capsys)
    assert (code, err) == (0, "")
    assert out.endswith(
        f"8,466 parameters, {Path('net.safetensors').stat().st_size / 1e3:.1f} kB\n"
    )
    x = dataset.test.read([0, 1], minialex.data.augment.centre_views(2))
    again = load("net.safetensors", layers=[Leaky], workers=1)
    numpy.testing.assert_allclose(again.predict(x), trained.predict(x), atol=1e-6)


def test_onnx_has_no_operator_for_a_layer_of_your_own(saved, capsys, tmp_path):
    code, _, err = export("net.onnx", capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert "ONNX has no operator for leaky_1, a layer of your own: Leaky()" in err
    assert not (tmp_path / "net.onnx").exists()


@pytest.mark.parametrize("command", [evaluate, report])
def test_without_the_file_of_its_layers_it_is_refused(command, saved, capsys):
    code, _, err = call(command.main, saved, capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert "layers that are not minialex's, Leaky: name the file that defines them" in err


def lines(folder):
    texts = (folder / "metrics.jsonl").read_text().splitlines()
    kept = ("epoch", "train_loss", "test_loss", "learning_rate")
    return [[json.loads(text)[name] for name in kept] for text in texts]


def test_train_resumes_it_bit_for_bit(saved, dataset, capsys):
    """In two parts, to see that what the command saves can be resumed, too."""
    for epochs in (3, 5):
        code, out, err = call(
            train.main, "--resume", saved, *OWN, "--epochs", epochs, "--workers", 1, capsys=capsys
        )
        assert (code, err) == (0, "")
        assert "a network of its own, " in out
    script = trainer(dataset)
    script.fit(5)
    assert lines(saved) == [
        [line[name] for name in ("epoch", "train_loss", "test_loss", "learning_rate")]
        for line in script.history
    ]
    again = load(saved, layers=[Leaky])
    for name, array in script.network.params.items():
        numpy.testing.assert_array_equal(again.network.params[name], array)


@pytest.mark.parametrize(
    "options, said",
    [
        ([], "has finished epoch 2, its last: to train longer, give a larger --epochs"),
        (["--epochs", 3, "--lr", 0.1], "settings that stay: leave out --lr 0.1"),
        (["--epochs", 3, "--batch-size", 4], "settings that stay: leave out --batch-size 4"),
    ],
)
def test_what_a_resumed_script_s_run_may_not_change(options, said, saved, capsys):
    code, _, err = call(train.main, "--resume", saved, *OWN, *options, capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert said in err


def test_a_run_that_is_stopped_says_how_to_resume_it(saved, capsys):
    stop = ["--epochs", 3, "--max-steps", 12]
    code, out, _ = call(train.main, "--resume", saved, *OWN, *stop, capsys=capsys)
    assert code == 0
    assert f"train --resume {saved} --own-layers {own_layer.__file__}\n" in out


def test_the_file_of_the_layers_may_import_what_lies_beside_it(saved, capsys, tmp_path, undrawn):
    (tmp_path / "beside.py").write_text("SLOPE = 0.1\n")
    text = "from beside import SLOPE\nassert SLOPE == 0.1\n"
    (tmp_path / "layers_of_mine.py").write_text(text + Path(own_layer.__file__).read_text())
    options = ["--own-layers", tmp_path / "layers_of_mine.py"]
    assert call(evaluate.main, *options, saved, capsys=capsys)[0] == 0


def test_nothing_of_the_script_s_own_is_overwritten(saved, capsys):
    (saved / "config.json").write_text("mine")
    code, _, err = call(train.main, "--resume", saved, *OWN, "--epochs", 3, capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert "holds a file config.json, which the run would overwrite" in err
    assert (saved / "config.json").read_text() == "mine"
    (saved / "config.json").unlink()
    (saved / "curves.png").write_text("mine")
    assert call(train.main, "--resume", saved, *OWN, "--epochs", 3, capsys=capsys)[0] == 2
    assert (saved / "curves.png").read_text() == "mine"


def test_a_schedule_that_was_over_reaches_the_new_last_epoch(dataset, tmp_path, capsys):
    """Else the new epochs would have a learning rate of 0."""
    net = network()
    it = Trainer(net, dataset, optim.Adam(net), schedules.Cosine(0.01, epochs=1), workers=1)
    it.fit(1)
    it.save(tmp_path / "own" / "checkpoint.npz")
    arguments = ["--resume", tmp_path / "own", *OWN, "--epochs", 4]
    assert call(train.main, *arguments, capsys=capsys)[0] == 0
    rates = [rate for *_, rate in lines(tmp_path / "own")]
    assert rates[1] > rates[2] > rates[3] > 0


class OwnAdam(optim.Adam):
    """Somebody's own optimiser."""


def test_what_only_the_script_can_resume(dataset, tmp_path, capsys):
    x, labels = numpy.random.default_rng(0).random((8, SIDE, SIDE, 3)), [0, 1] * 4
    arrays = minialex.data.from_arrays(x, labels, x, labels)
    for it, said in (
        (trainer(arrays), "was trained on arrays"),
        (trainer(dataset, OwnAdam), "has its own optimizer"),
    ):
        it.save(tmp_path / "own" / "checkpoint.npz")
        arguments = ["--resume", tmp_path / "own", *OWN, "--epochs", 3]
        code, _, err = call(train.main, *arguments, capsys=capsys)
        assert (code, err.count("\n")) == (2, 1)
        assert f"{said}: only its script can resume it, with Trainer.resume" in err


def test_train_fine_tunes_it_for_other_classes(saved, dataset, tmp_path, capsys):
    folder = picture_folder(tmp_path / "others")
    for split in ("train", "val"):
        (folder / split / "odd").rename(folder / split / "strange")
    arguments = ["--dataset", "folder", "--data-dir", folder, "--weights", saved]
    arguments += ["--epochs", 1, "--batch-size", 8, "--out", tmp_path / "run"]
    code, _, err = call(train.main, *arguments, capsys=capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert "name the file that defines them with --own-layers" in err
    code, out, _ = call(train.main, *arguments, *OWN, capsys=capsys)
    assert code == 0 and "the last layer starts from random weights" in out
    assert call(evaluate.main, tmp_path / "run", *OWN, capsys=capsys)[0] == 0
    page = call(report.main, tmp_path / "run", *OWN, capsys=capsys)
    assert page[0] == 0


def test_a_network_without_what_a_picture_needs(dataset, tmp_path, capsys):
    """No convolution, no hidden layer: said in a line, and the report has all the rest."""
    flat = Network([Flatten(), Linear(SIDE * SIDE * 3, 2)], (SIDE, SIDE, 3))
    Trainer(flat, dataset, workers=1).save(tmp_path / "flat.npz")
    for kind, said in (("filters", "no convolution"), ("nearest", "no hidden layer")):
        out = ["--out", tmp_path / "a.png"]
        weights = ["--weights", tmp_path / "flat.npz"]
        code, _, err = call(visualize.main, kind, *weights, *out, capsys=capsys)
        assert (code, err.count("\n")) == (2, 1)
        assert said in err
    assert call(report.main, tmp_path / "flat.npz", capsys=capsys)[0] == 0
    assert "no convolution" in (tmp_path / "report-flat.html").read_text("utf-8")
