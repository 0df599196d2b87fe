"""Pictures that pass the stages a few at a time, and weights that are updated while their gradients
are made: the numbers are those of the plain network."""

import numpy
import pytest

from minialex import fast, optim
from minialex.data.augment import Standardize, random_views
from minialex.data.picture_batch import PictureBatch
from minialex.fast import linear, stage
from minialex.fast import workers as sharing
from minialex.fast.conv import FastConv2d
from minialex.fast.stage import Stages, in_even_parts
from minialex.layers import (
    AvgPool2d,
    CeilMaxPool2d,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    ReLU,
    SoftmaxCrossEntropy,
    Tanh,
)
from minialex.network import Network


def paper(rng):
    """As alexnet: normalised before the pool, convolutions in a row, linear layers with dropout."""
    return [
        ("conv1", Conv2d(3, 8, 5, stride=2, padding=2, rng=rng)),
        ("relu1", ReLU()),
        ("norm1", LocalResponseNorm(alpha=1.0)),
        ("pool1", MaxPool2d(3, stride=2)),
        ("conv2", Conv2d(8, 12, 3, padding=1, groups=2, rng=rng)),
        ("relu2", ReLU()),
        ("conv3", Conv2d(12, 6, 3, padding=1, rng=rng)),
        ("relu3", ReLU()),
        ("pool3", AvgPool2d(2, stride=2)),
        ("flatten", Flatten()),
        ("fc4", Linear(6, 9, rng=rng)),
        ("relu4", ReLU()),
        ("dropout4", Dropout(0.5, numpy.random.default_rng(1))),
        ("fc5", Linear(9, 5, rng=rng)),
    ]


def pool_first(rng):
    """Stages that begin with a normalisation, and with a pool."""
    return [
        ("pool0", AvgPool2d(2, stride=2)),
        ("conv1", Conv2d(3, 6, 3, rng=rng)),
        ("relu1", ReLU()),
        ("pool1", MaxPool2d(2, stride=2)),
        ("norm1", LocalResponseNorm(size=3, groups=2)),
        ("relu2", ReLU()),
        ("conv3", Conv2d(6, 4, 3, rng=rng)),
        ("flatten", Flatten()),
        ("fc4", Linear(1 * 1 * 4, 5, rng=rng)),
    ]


def as_it_is(rng):
    """Stages that end with layers that have no fast twin, which return memory of their own."""
    return [
        ("tanh0", Tanh()),
        ("conv1", Conv2d(3, 4, 3, rng=rng)),
        ("tanh1", Tanh()),
        ("pool1", CeilMaxPool2d(3, stride=2)),
        ("relu1", ReLU()),
        ("conv2", Conv2d(4, 5, 3, rng=rng)),
        ("tanh2", Tanh()),
        ("flatten", Flatten()),
        ("fc3", Linear(5 * 5 * 5, 5, rng=rng)),
    ]


BUILDERS = [paper, pool_first, as_it_is]
SHAPE = (16, 16, 3)


def network(build):
    return Network(build(numpy.random.default_rng(0)), SHAPE).astype("float64")


def batch(pictures):
    rng = numpy.random.default_rng(3)
    return rng.standard_normal((pictures, *SHAPE)), rng.integers(0, 5, pictures)


@pytest.fixture(params=[1, 9_000, 40_000], ids=["one", "few", "several"])
def small_parts(request, monkeypatch):
    """Parts of one picture, of different numbers from stage to stage, and larger ones; and linear
    layers that make few rows of a gradient at a time, on all threads."""
    monkeypatch.setattr(stage, "PART_BYTES", request.param)
    monkeypatch.setattr(linear, "ROWS_BYTES", 200)
    monkeypatch.setattr(sharing, "WORTH_SHARING", 1)


def assert_close(got, expected, what=""):
    assert got.shape == expected.shape
    assert numpy.abs(got - expected).max() <= 1e-11 * max(1, numpy.abs(expected).max()), what


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("build", BUILDERS)
def test_a_few_pictures_at_a_time_give_the_same(build, workers, small_parts):
    """Batches of several sizes one after the other, tests between them."""
    plain, engine = network(build), fast.prepare(network(build), workers)
    for pictures in (7, 1, 11):
        x, labels = batch(pictures)
        loss, logits = engine.step(x, labels, SoftmaxCrossEntropy())
        expected, expected_logits = plain.step(x, labels, SoftmaxCrossEntropy())
        assert_close(loss, expected)
        assert_close(logits, expected_logits)
        for name, grad in plain.grads.items():
            assert_close(engine.grads[name], grad, name)
        assert_close(engine.forward(x), plain.forward(x))


def bytes_of(pictures):
    rng = numpy.random.default_rng(4)
    views = random_views(pictures, rng, cutout=True, brightness=True, colour=True)
    stored = rng.integers(0, 256, (pictures, *SHAPE), dtype="uint8")
    return PictureBatch(stored, Standardize([100, 110, 120], [50, 60, 70]), views)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("build", BUILDERS)
def test_bytes_give_the_same_as_the_pictures_they_become(build, workers, small_parts):
    """To the bit, with parts that are not all of the same size."""
    lazy, eager = (fast.prepare(Network(build(rng), SHAPE), workers) for rng in rngs())
    for pictures in (7, 1, 11):
        x, (_, labels) = bytes_of(pictures), batch(pictures)
        for got, expected in zip(
            lazy.step(x, labels, SoftmaxCrossEntropy()),
            eager.step(x.standardized(), labels, SoftmaxCrossEntropy()),
            strict=True,
        ):
            numpy.testing.assert_array_equal(got, expected)
        for name, grad in eager.grads.items():
            numpy.testing.assert_array_equal(lazy.grads[name], grad, name)
        numpy.testing.assert_array_equal(lazy.forward(x), eager.forward(x.standardized()))


def rngs():
    return (numpy.random.default_rng(0) for _ in range(2))


def test_bytes_never_become_a_whole_batch(monkeypatch):
    monkeypatch.setattr(stage, "PART_BYTES", 40_000)
    engine = fast.prepare(Network(paper(numpy.random.default_rng(0)), SHAPE))
    step = fast.TrainingStep(engine, SoftmaxCrossEntropy(), optim.SGD(engine.network))
    step(bytes_of(32), batch(32)[1])
    made = [
        array
        for key, array in engine.memories[0].arrays.items()
        if isinstance(key, tuple) and key[1] == "x"
    ]
    assert [array.nbytes < 32 * 16 * 16 * 3 * 4 / 2 for array in made] == [True]


def test_bytes_are_for_float64_too():
    engine, x = fast.prepare(network(paper)), bytes_of(3)
    assert_close(engine.forward(x), network(paper).forward(x.standardized().astype("float64")))


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("optimizer", [optim.SGD, optim.Adam, optim.Muon])
@pytest.mark.parametrize("build", BUILDERS)
def test_whole_steps_are_those_of_the_optimiser(build, optimizer, workers, small_parts):
    plain, trained = network(build), network(build)
    expected, loss = optimizer(plain, 0.01, weight_decay=0.1), SoftmaxCrossEntropy()
    optimiser = optimizer(trained, 0.01, weight_decay=0.1)
    step = fast.TrainingStep(fast.prepare(trained, workers), SoftmaxCrossEntropy(), optimiser)
    for pictures in (5, 8, 3):
        x, labels = batch(pictures)
        value, _ = step(x, labels)
        assert_close(value, plain.step(x, labels, loss)[0])
        expected.step()
    assert optimiser.steps == 3
    for name, array in (plain.params | expected.state).items():
        assert_close((trained.params | optimiser.state)[name], array, name)


def test_a_gradient_that_was_used_up_is_not_there_and_a_later_one_is():
    trained = network(paper)
    engine = fast.prepare(trained)
    x, labels = batch(4)
    engine.step(x, labels, SoftmaxCrossEntropy())
    fast.TrainingStep(engine, SoftmaxCrossEntropy(), optim.SGD(trained))(x, labels)
    with pytest.raises(ValueError, match=r"fc4.grads has no 'weight'"):
        trained.grads["fc4.weight"]
    assert trained.grads["conv1.weight"].shape == (8, 5, 5, 3)
    engine.step(x, labels, SoftmaxCrossEntropy())
    assert trained.grads["fc4.weight"].shape == (9, 6)


@pytest.mark.parametrize("pictures", [1, 2, 5, 13])
@pytest.mark.parametrize("size", [1, 9_000, 20_000, 40_000, 10**9])
def test_each_stage_takes_each_picture_once_round_by_round(pictures, size, monkeypatch):
    monkeypatch.setattr(stage, "PART_BYTES", size)
    own: Stages = fast.prepare(network(paper)).stages[0]
    rounds = own.cut(pictures, SHAPE)
    for of_stage in zip(*rounds, strict=True):
        seen = [
            picture for parts in of_stage for part in parts for picture in range(pictures)[part]
        ]
        assert seen == list(range(pictures))
    for number, size_of_part in enumerate(own.sizes(pictures, SHAPE)):
        cut = [part for parts_of_stages in rounds for part in parts_of_stages[number]]
        assert max(part.stop - part.start for part in cut) == size_of_part
    for parts_of_stages in rounds:
        assert len({(parts[0].start, parts[-1].stop) for parts in parts_of_stages}) == 1
    most = {1: 1, 10**9: pictures}.get(size)
    if most:
        assert own.sizes(pictures, SHAPE) == [most, most]


@pytest.mark.parametrize("most, sizes", [(9, [5]), (4, [2, 3]), (2, [1, 2, 2]), (1, [1] * 5)])
def test_parts_are_even(most, sizes):
    parts = in_even_parts(slice(2, 7), most)
    assert [part.stop - part.start for part in parts] == sizes
    assert (parts[0].start, parts[-1].stop) == (2, 7)


def test_large_maps_and_gradients_exist_for_a_part_alone(monkeypatch):
    """Of what is kept and passed on, only what norm1 keeps is as large as conv1's output for all of
    32 pictures."""
    monkeypatch.setattr(stage, "PART_BYTES", 40_000)
    engine = fast.prepare(network(paper))
    step = fast.TrainingStep(engine, SoftmaxCrossEntropy(), optim.SGD(engine.network))
    step(*batch(32))
    arrays = [item for memory in engine.memories for item in memory.arrays.items()]
    large = [key for key, array in arrays if array.nbytes >= 8 * 32 * 8 * 8 * 8]
    owned = [key for key in large if isinstance(key, tuple) or key.startswith("passed")]
    assert [(type(layer), name) for layer, name in owned] == [(FastConv2d, "y")]
