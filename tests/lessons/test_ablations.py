"""lessons/ablations.py: each net lacks one thing, finished runs are kept, seeds are paired."""

import importlib
import json
import math
from pathlib import Path

import numpy
import pytest
from command_runs import call

from minialex import data
from minialex.data import shapes
from minialex.data.dataset import in_memory
from minialex.layers import Dropout, LocalResponseNorm, MaxPool2d, ReLU, Tanh

LESSONS = Path(__file__).parents[2] / "lessons"


@pytest.fixture
def ablations(monkeypatch):
    """The program as a module, with a small set of drawn shapes."""
    monkeypatch.syspath_prepend(str(LESSONS))
    monkeypatch.setattr(
        data, "load", lambda name, data_dir: shapes.load(0, train_size=130, test_size=60)
    )
    return importlib.import_module("ablations")


@pytest.fixture
def report(monkeypatch):
    monkeypatch.syspath_prepend(str(LESSONS))
    return importlib.import_module("ablation_report")


def small_run(ablations, folder, capsys, *more):
    options = (
        "--dataset",
        "shapes",
        "--pictures",
        128,
        "--epochs",
        1,
        "--workers",
        1,
        "--out",
        folder,
    )
    return call(ablations.main, *options, *more, capsys=capsys)


def kinds(network, layer):
    return sum(isinstance(each, layer) for each in network.layers.values())


def test_each_net_lacks_one_thing_and_is_the_same_otherwise(ablations):
    complete = ablations.network("nothing", 10, seed=0)
    assert [kinds(complete, layer) for layer in (ReLU, Tanh, LocalResponseNorm, Dropout)] == [
        5,
        0,
        2,
        2,
    ]
    expected = {
        "relu": [0, 5, 2, 2],
        "lrn": [5, 0, 0, 2],
        "overlap": [5, 0, 2, 2],
        "dropout": [5, 0, 2, 0],
    }
    for without, counts in {**expected, "augmentation": [5, 0, 2, 2]}.items():
        net = ablations.network(without, 10, seed=0)
        assert [kinds(net, layer) for layer in (ReLU, Tanh, LocalResponseNorm, Dropout)] == counts
        assert [net.shapes()[name] for name in ("pool1", "pool2", "fc6")] == [
            (8, 8, 32),
            (4, 4, 64),
            (10,),
        ]
        windows = {
            (pool.kernel_size, pool.stride)
            for pool in net.layers.values()
            if isinstance(pool, MaxPool2d)
        }
        assert windows == ({(2, 2)} if without == "overlap" else {(3, 2)})
        assert net.params.keys() == complete.params.keys()
        assert all((net.params[name] == complete.params[name]).all() for name in complete.params)
    other = ablations.network("nothing", 10, seed=1)
    assert not (other.params["conv1.weight"] == complete.params["conv1.weight"]).any()


def test_finished_runs_are_kept_and_missing_ones_trained(ablations, tmp_path, capsys, monkeypatch):
    code, printed, _ = small_run(
        ablations, tmp_path, capsys, "--without", "augmentation,lrn", "--seeds", 2
    )
    assert code == 0
    whole = (tmp_path / "results.jsonl").read_text()
    results = [json.loads(line) for line in whole.splitlines()]
    assert [(r["without"], r["seed"]) for r in results] == [
        ("nothing", 0), ("lrn", 0), ("augmentation", 0),
        ("nothing", 1), ("lrn", 1), ("augmentation", 1),
    ]  # fmt: skip
    assert len({r["losses"][0] for r in results}) == 6  # each differs in its net or its pictures
    assert all(0 <= r["test_error"] <= 100 and len(r["losses"]) == 1 for r in results)
    table = (tmp_path / "table.txt").read_text()
    assert table in printed and "LRN" in table and "ReLU" not in table
    assert max(map(len, table.splitlines())) <= 80
    assert (tmp_path / "table.md").read_text().count("\n") == 5
    assert (tmp_path / "ablations.png").read_bytes().startswith(b"\x89PNG")

    killed_in_the_fifth = "".join(whole.splitlines(keepends=True)[:4])
    (tmp_path / "results.jsonl").write_text(killed_in_the_fifth)
    trained = []
    train = ablations.train
    monkeypatch.setattr(ablations, "train", lambda *a: trained.append(a[-1]) or train(*a))
    assert (
        small_run(ablations, tmp_path, capsys, "--without", "augmentation,lrn", "--seeds", 2)[0]
        == 0
    )
    assert trained == ["5/6 without LRN, seed 1", "6/6 without augmentation, seed 1"]
    assert (tmp_path / "results.jsonl").read_text() == whole
    assert (tmp_path / "table.txt").read_text() == table

    one_of_them = small_run(ablations, tmp_path, capsys, "--without", "lrn", "--seeds", 1)[1]
    assert (
        len(trained) == 2
        and "augmentation" not in one_of_them
        and "one seed proves nothing" in one_of_them
    )
    assert (tmp_path / "results.jsonl").read_text() == whole


def test_results_of_other_settings_or_programs_are_refused_and_left_alone(
    ablations, tmp_path, capsys
):
    line = {"dataset": "shapes", "pictures": 128, "epochs": 2, "without": "nothing", "seed": 0}
    line |= {"losses": [1.0], "train_error": 1.0, "test_error": 1.0}
    for text, complaint in (
        (
            json.dumps(line) + "\n",
            "results.jsonl has results for epochs 2, expected 1: choose another --out",
        ),
        ("{}\n", "does not contain results of this program"),
        ("no JSON", "does not contain results of this program"),
    ):
        (tmp_path / "results.jsonl").write_text(text)
        code, _, error = small_run(ablations, tmp_path, capsys)
        assert code == 2 and complaint in error and len(error.splitlines()) == 1
        assert (tmp_path / "results.jsonl").read_text() == text


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (
            ["--pictures", 131],
            "expected at most 130 (--pictures), the training pictures of shapes, got 131",
        ),
        (
            ["--without", "relu,pooling"],
            "expected any of relu,lrn,overlap,dropout,augmentation, got 'relu,pooling'",
        ),
        (["--seeds", 0], "expected a whole number of at least 1, got '0'"),
    ],
)
def test_wrong_options_are_refused_in_one_line(ablations, tmp_path, capsys, options, complaint):
    code, _, error = small_run(ablations, tmp_path / "new", capsys, *options)
    assert code == 2 and complaint in error and len(error.splitlines()) == 1
    assert not (tmp_path / "new").exists()


def made(without, errors, losses=(2.0, 1.0)):
    """Results of runs with these test errors, seeds 0, 1, …"""
    return [
        {
            "without": without,
            "seed": seed,
            "test_error": error,
            "train_error": 1.0,
            "losses": list(losses),
        }
        for seed, error in enumerate(errors)
    ]


def test_differences_are_between_nets_of_the_same_seed(report):
    results = (
        made("nothing", [20, 30, 40]) + made("lrn", [21, 31.5, 40.5])[::-1] + made("dropout", [25])
    )
    assert report.differences(results, "lrn") == [1, 1.5, 0.5]
    assert report.standard_error([1, 1.5, 0.5]) == pytest.approx(0.5 / math.sqrt(3))
    assert report.shown([1, 1.5, 0.5], "+") == "+1.0 ± 0.3"
    assert report.differences(results, "dropout") == [5] and report.shown([5]) == "5.0"


def test_a_verdict_takes_more_than_chance(report):
    assert report.verdict([1.0, 1.2, 1.1]) == "worse, as the paper says"
    assert report.verdict([-1.0, -1.2, -1.1]) == "better, at this scale"
    assert report.verdict([0.1, 1.0, 2.0]) == "may be chance"  # 1.9 standard errors, three seeds
    assert report.verdict([3.0]) == "one seed proves nothing"
    draws = numpy.random.default_rng(0).normal(size=(2000, 3))
    sure = sum(report.verdict(list(draw)) != "may be chance" for draw in draws)
    assert 60 < sure < 140  # five in a hundred


def test_the_head_start_is_the_epoch_in_which_relu_reaches_tanhs_final_loss(report):
    fast, slow = made("nothing", [1], [2.0, 1.4, 1.1, 0.9]), made("relu", [1], [2.2, 1.9, 1.6, 1.4])
    assert (
        report.head_start(fast + slow)
        == "ReLU reaches tanh's final training loss, 1.40, in 2 of 4 epochs"
    )
    slower = made("nothing", [1], [2.2, 1.9]) + made("relu", [1], [1.9, 1.4])
    assert (
        report.head_start(slower)
        == "ReLU never reaches tanh's final training loss, 1.40, in 2 epochs"
    )


def test_without_augmentation_nothing_is_mirrored(ablations, tmp_path, capsys, monkeypatch):
    """Two classes, bright on the left or right: mirrored half of the time, they look the same."""
    labels = numpy.arange(128) % 2
    images = numpy.random.default_rng(0).integers(0, 90, (128, 32, 32, 3), dtype=numpy.uint8)
    for side in (0, 1):
        images[labels == side, :, 16 * side : 16 * side + 16] += 120
    pictures = in_memory("halves", (images, labels), (images, labels), ["left", "right"])
    monkeypatch.setattr(data, "load", lambda name, data_dir: pictures)
    assert (
        small_run(
            ablations, tmp_path, capsys, "--without", "augmentation", "--seeds", 1, "--epochs", 8
        )[0]
        == 0
    )
    complete, without = (
        json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()
    )
    assert complete["losses"][-1] > 0.6 > 0.3 > without["losses"][-1]
