"""How much memory answers take on a CPU: what is said before against what is allocated."""

import tracemalloc

import numpy
import pytest

from minialex import fast, models
from minialex.data.augment import Standardize, centre_views
from minialex.data.picture_batch import PictureBatch
from minialex.fast.answer_footprint import answer_bytes
from minialex.fast.footprint import BATCHES


def allocated(name, options, pictures, workers):
    """The most bytes at a time that the answers to two batches hold, the pictures included."""
    network = models.build(name, rng=numpy.random.default_rng(0), **options)
    stored = numpy.zeros((pictures, *network.input_shape), numpy.uint8)
    same = [1.0] * stored.shape[-1]
    x = PictureBatch(stored, Standardize(same, same), centre_views(pictures))
    engine = fast.prepare(network, workers)
    tracemalloc.start()
    try:
        for _ in range(2):
            engine.forward(x)
        return BATCHES * stored.nbytes + tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    ("name", "options", "pictures"),
    [
        ("alexnet-cifar", {}, 1),
        ("alexnet-cifar", {}, 1000),
        ("alexnet-cifar", dict(lrn=True), 64),
        ("alexnet-maxi", {}, 300),
        ("alexnet-mini", dict(image_size=64), 128),
        ("alexnet", dict(num_classes=10), 24),
    ],
)
def test_what_is_said_is_within_an_eighth_of_what_answers_take(name, options, pictures, workers):
    engine = fast.prepare(models.build(name, **options), workers)
    said = answer_bytes(engine, pictures)
    assert 0.88 < said / allocated(name, options, pictures, workers) < 1.12


def test_a_plain_layers_temporaries_count_too():
    """On one thread: how much two of them hold at the same time is chance."""
    said = answer_bytes(fast.prepare(models.build("lenet")), 1000)
    assert 0.9 < said / allocated("lenet", {}, 1000, workers=1) < 1.5
