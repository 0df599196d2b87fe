"""How much memory a training step takes on a CPU: what is said before against what is allocated."""

import tracemalloc

import numpy
import pytest
from own_layer import Leaky

from minialex import Network, fast, models, optim
from minialex.data.augment import Standardize, centre_views
from minialex.data.picture_batch import PictureBatch
from minialex.fast import footprint
from minialex.fast.footprint import BATCHES, PROCESS
from minialex.layers import (
    Conv2d,
    Flatten,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    ReLU,
    SoftmaxCrossEntropy,
)


def allocated(name, options, pictures, workers, kind=optim.SGD):
    """The most bytes at a time that two training steps hold, weights and pictures included."""

    def network():
        return models.build(name, rng=numpy.random.default_rng(0), **options)

    return allocated_by(network, pictures, workers, kind)


def allocated_by(build, pictures, workers, kind=optim.SGD):
    """The same for the network that build() returns."""
    tracemalloc.start()
    try:
        network = build()
        rng = numpy.random.default_rng(0)
        shape = (pictures, *network.input_shape)
        stored = rng.integers(0, 256, (BATCHES, *shape), dtype=numpy.uint8)
        same = [1.0] * shape[-1]
        x = PictureBatch(stored[0], Standardize(same, same), centre_views(pictures))
        labels = rng.integers(0, 10, pictures)
        engine = fast.prepare(network, workers)
        step = fast.TrainingStep(engine, SoftmaxCrossEntropy(), kind(network))
        tracemalloc.reset_peak()
        for _ in range(2):
            step(x, labels)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    "name, options, pictures",
    [
        ("alexnet-cifar", {}, 128),
        ("alexnet-cifar", dict(lrn=True), 400),
        ("alexnet-maxi", {}, 300),
        ("alexnet-mini", dict(image_size=64), 128),
        ("alexnet", dict(num_classes=10), 24),
        ("alexnet-owt", dict(num_classes=10), 9),
    ],
)
def test_what_is_said_is_within_five_per_cent_of_what_a_step_takes(
    name, options, pictures, workers
):
    engine = fast.prepare(models.build(name, **options), workers)
    said = footprint.training_bytes(engine, pictures, optim.SGD)
    assert said["Python and its libraries"] == PROCESS
    total = PROCESS + allocated(name, options, pictures, workers)
    assert 0.95 < sum(said.values()) / total < 1.05


def test_a_plain_layers_temporaries_count_too():
    """On one thread: how much two of them hold at the same time is chance."""
    said = footprint.training_bytes(fast.prepare(models.build("lenet")), 256, optim.SGD)
    assert 0.95 < sum(said.values()) / (PROCESS + allocated("lenet", {}, 256, workers=1)) < 1.05


@pytest.mark.parametrize("workers", [1, 2])
def test_behind_a_layer_of_one_s_own_all_layers_take_the_whole_batch(workers):
    def network():
        rng = numpy.random.default_rng(0)
        layers = [
            *(Conv2d(3, 32, 5, padding=2, rng=rng), Leaky(), MaxPool2d(2, stride=2)),
            *(Conv2d(32, 64, 3, padding=1, rng=rng), ReLU(), LocalResponseNorm()),
            *(MaxPool2d(2, stride=2), Flatten(), Linear(64 * 64, 10, rng=rng)),
        ]
        return Network(layers, (32, 32, 3))

    said = footprint.training_bytes(fast.prepare(network(), workers), 64, optim.SGD)
    total = PROCESS + allocated_by(network, 64, workers)
    assert 0.9 < sum(said.values()) / total < 1.1


@pytest.mark.parametrize(
    "name, options, pictures",
    [
        ("alexnet-maxi", {}, 100),
        ("alexnet-cifar", {}, 64),
        ("alexnet-owt", dict(num_classes=10, image_size=99), 4),
    ],
)
def test_muons_whole_gradients_and_products_count_too(name, options, pictures):
    """On one thread, and at least what two take, as two updates at a time are chance."""
    for workers in (1, 2):
        engine = fast.prepare(models.build(name, **options), workers)
        said = sum(footprint.training_bytes(engine, pictures, optim.Muon).values())
        total = PROCESS + allocated(name, options, pictures, workers, optim.Muon)
        assert 0.95 < said / total < (1.05 if workers == 1 else 1.3)


@pytest.mark.parametrize("workers", [1, 2])
def test_what_adam_keeps_counts_too(workers):
    engine = fast.prepare(models.build("alexnet", num_classes=10), workers)
    said = sum(footprint.training_bytes(engine, 4, optim.Adam).values())
    total = PROCESS + allocated("alexnet", dict(num_classes=10), 4, workers, optim.Adam)
    assert 0.95 < said / total < 1.05


def test_adam_keeps_twice_what_momentum_does():
    engine = fast.prepare(models.build("lenet"))
    once, twice = (footprint.training_bytes(engine, 8, kind) for kind in (optim.SGD, optim.Adam))
    assert sum(twice.values()) - sum(once.values()) == 4 * engine.network.parameter_count()


def test_the_largest_batch_that_fits_is_found():
    engine = fast.prepare(models.build("alexnet-cifar"), 2)
    available = footprint.step_bytes(engine, 100, optim.SGD)

    def needed(size):
        return footprint.step_bytes(engine, size, optim.SGD)

    fits = footprint.batch_size_for(needed, available, 1000)
    assert 100 <= fits < 120  # a part more or less makes steps in what is needed
    assert footprint.step_bytes(engine, fits, optim.SGD) <= available
    assert footprint.step_bytes(engine, fits + 1, optim.SGD) > available
    assert footprint.batch_size_for(needed, available, 60) == 60
    assert footprint.batch_size_for(needed, 10**5, 60) == 0


def test_what_is_there_before_a_step_does_not_count_for_it():
    """The weights, and what the optimiser keeps, which is made with it."""
    engine = fast.prepare(models.build("alexnet", num_classes=10), 2)
    said = footprint.training_bytes(engine, 8, optim.Adam)
    there = PROCESS + said["weights"] + said["the optimiser's state"]
    assert footprint.step_bytes(engine, 8, optim.Adam) == sum(said.values()) - there
