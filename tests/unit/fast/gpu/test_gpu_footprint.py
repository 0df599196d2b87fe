"""How much memory training takes: the estimate against what is allocated, and the batch size that
is said to fit."""

import re
import tracemalloc

import numpy
import pytest
from command_runs import call
from data_helpers import picture_folder
from trained_runs import on_folder

from minialex import backend, fast, models, optim, standin, train
from minialex.fast.gpu import cublas, footprint
from minialex.layers import SoftmaxCrossEntropy

WORKSPACE = 16 << 20

pytestmark = pytest.mark.usefixtures("compiler")


def allocated(network, pictures):
    """The most bytes at a time that two training steps on the stand-in hold, the weights
    included."""
    rng = numpy.random.default_rng(0)
    x = rng.standard_normal((pictures, *network.input_shape), dtype=numpy.float32)
    labels = rng.integers(0, 10, pictures)
    cublas.of(standin).prepared_handle()  # as an earlier test may have done
    room = cublas.WORKSPACE
    tracemalloc.start()
    try:
        engine = fast.prepare(network.to(standin), gpu_workspace=WORKSPACE)
        optimizer = optim.SGD(network)
        for _ in range(2):
            engine.step(x, labels, SoftmaxCrossEntropy())
            engine.update(optimizer)
        return room + tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def answering(network, pictures):
    """The most bytes at a time that the answers to two batches hold, the weights included."""
    x = numpy.zeros((pictures, *network.input_shape), "float32")
    cublas.of(standin).prepared_handle()
    tracemalloc.start()
    try:
        engine = fast.prepare(network.to(standin), gpu_workspace=WORKSPACE)
        for _ in range(2):
            engine.forward(x)
        return cublas.WORKSPACE + tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "name, options, pictures",
    [
        ("alexnet-cifar", {}, 64),
        ("alexnet-cifar", dict(lrn=True), 64),
        ("alexnet-maxi", {}, 64),
        ("alexnet", dict(num_classes=10), 2),
        ("lenet", {}, 256),
    ],
)
def test_the_estimate_is_near_what_is_allocated(name, options, pictures):
    network = models.build(name, rng=numpy.random.default_rng(0), **options)
    estimate = footprint.training_bytes(network, pictures, states=1, workspace=WORKSPACE)
    assert 0.8 * estimate < allocated(network, pictures) < 1.2 * estimate


@pytest.mark.parametrize(
    "name, options, pictures",
    [
        ("alexnet-cifar", {}, 64),
        ("alexnet-cifar", dict(lrn=True), 64),
        ("alexnet", dict(num_classes=10), 4),
        ("lenet", {}, 256),
    ],
)
def test_answers_take_at_most_what_is_said(name, options, pictures):
    network = models.build(name, rng=numpy.random.default_rng(0), **options)
    estimate = footprint.answer_bytes(network, pictures, WORKSPACE)
    assert 0.7 * estimate < answering(network, pictures) < estimate


def test_the_batch_that_fits_is_the_largest_that_does():
    network = models.build("alexnet-cifar", rng=numpy.random.default_rng(0))
    sizes = dict(states=2, workspace=1 << 20)
    for fits in (1, 7, 100, 4096):
        enough = footprint.training_bytes(network, fits, **sizes)
        assert footprint.batch_size_for(network, enough, **sizes) == fits
        assert footprint.batch_size_for(network, enough - 1, **sizes) == fits - 1


@pytest.mark.parametrize(
    "free, said",
    [
        (
            60_000_000,
            r"60 MB .* is too small for --batch-size 64: "
            r"about \d\d should fit, more with a smaller --gpu-workspace",
        ),
        (
            1_000_000_000,
            r"1,000 MB .* is too small for --batch-size 64: about 48 should fit",
        ),  # the estimate was off
        (
            1_000_000,
            r"1 MB .* is too small for --batch-size 64: "
            r"alexnet-cifar needs \d\d MB for a single picture",
        ),
    ],
)
@pytest.mark.parametrize(
    "where",
    [(fast.TrainingStep, "__call__"), (optim.Optimizer, "__init__")],
    ids=["in a step", "before"],
)
def test_when_memory_runs_out_a_line_says_which_batch_would_fit(
    free, said, where, tmp_path, monkeypatch, capsys
):
    def full(*arguments):
        raise standin.OutOfMemoryError("Out of memory allocating 512 bytes")

    monkeypatch.setattr(backend, "get", lambda *_: standin)
    monkeypatch.setattr(standin.machine, "free_memory", free)
    monkeypatch.setattr(*where, full)
    options = on_folder(picture_folder(tmp_path / "pictures"))
    options += ["--batch-size", 64, "--gpu-workspace", 1, "--out", tmp_path / "run"]
    code, _, err = call(train.main, *options, capsys=capsys)
    assert code == 2
    assert len(err.splitlines()) == 1
    assert re.search(said, err), err


def test_the_hosts_own_memory_is_not_taken_for_the_gpus(tmp_path, monkeypatch, capsys):
    def full(*arguments):
        raise MemoryError("Unable to allocate 3 GiB")

    monkeypatch.setattr(backend, "get", lambda *_: standin)
    monkeypatch.setattr(fast.TrainingStep, "__call__", full)
    options = on_folder(picture_folder(tmp_path / "pictures"))
    code, _, err = call(train.main, *options, "--out", tmp_path / "run", capsys=capsys)
    assert (code, err) == (
        2,
        "error: out of memory: Unable to allocate 3 GiB (a smaller --batch-size needs less)\n",
    )
