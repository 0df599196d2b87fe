"""The same seed, machine and number of workers give the same bits twice; what else differs, rounds.

Commands, and many ranks, are in tests/commands/test_same_bits.py.
"""

import sys

import numpy
import pytest
from data_helpers import picture_folder, random_pictures

from minialex import Network, Trainer, fast, models, optim
from minialex.data import load
from minialex.data.augment import AUGMENTATIONS
from minialex.data.lighting import Lighting
from minialex.layers import Conv2d, Dropout, Flatten, Linear, LocalResponseNorm, MaxPool2d, ReLU

WAYS = [("plain", 1), ("fast", 1), ("fast", 2), ("fast", 3)]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """40 pictures in files, which threads decode."""
    folder = picture_folder(tmp_path_factory.mktemp("pictures"))
    return load("folder", data_dir=folder, image_size=16)


@pytest.fixture(params=[0.005, 1e-6], ids=["", "hurried"])
def switching(request):
    """How long a thread runs before another one may: none knows when others are done."""
    before = sys.getswitchinterval()
    yield lambda: sys.setswitchinterval(request.param)
    sys.setswitchinterval(before)


def trainer(data, engine, workers):
    """Everything random at once: weights, dropout, order and views of the pictures."""
    rng = numpy.random.default_rng(3)
    layers = [
        *(Conv2d(3, 8, 3, padding=1, rng=rng), ReLU(), LocalResponseNorm()),
        *(MaxPool2d(3, stride=2), Conv2d(8, 8, 3, padding=1, rng=rng), ReLU()),
        *(Flatten(), Dropout(0.3, rng), Linear(392, 16, rng=rng), ReLU()),
        *(Dropout(0.5, rng), Linear(16, 2, rng=rng)),
    ]
    network = Network(layers, (16, 16, 3))
    settings = dict(batch_size=7, augment=AUGMENTATIONS, seed=5, engine=engine, workers=workers)
    lighting = Lighting(numpy.array([0.2, 0.02, 0.002]), numpy.eye(3))
    adam = optim.Adam(network, lr=0.01, weight_decay=0.01)
    return Trainer(network, data, adam, lighting=lighting, **settings)


def bits(trainer):
    """All that training has made of the numbers that it began with."""
    history = [
        {name: line[name] for name in line if name not in ("seconds", "images_per_second")}
        for line in trainer.history
    ]
    kept = trainer.network.params | trainer.optimizer.state
    return history, {name: array.tobytes() for name, array in kept.items()}


@pytest.mark.parametrize("engine, workers", WAYS)
def test_two_trainings_give_the_same_bits(engine, workers, data, switching):
    once, again = (trainer(data, engine, workers) for _ in range(2))
    once.fit(2)
    switching()
    again.fit(2)
    assert once.history[1]["train_loss"] != once.history[0]["train_loss"]
    assert bits(again) == bits(once)


@pytest.mark.parametrize("engine, workers", WAYS)
def test_so_does_one_that_stopped_and_was_resumed(engine, workers, data, tmp_path):
    whole, stopped, resumed = (trainer(data, engine, workers) for _ in range(3))
    whole.fit(2)
    stopped.fit(1)
    steps = stopped.train_epoch()
    for _ in range(2):
        next(steps)
    steps.close()
    stopped.save(tmp_path / "checkpoint.npz")
    resumed.resume(tmp_path / "checkpoint.npz")
    resumed.fit(1)
    assert bits(resumed) == bits(whole)


def test_the_plain_engine_does_not_depend_on_the_workers(data):
    one, three = (trainer(data, "plain", workers) for workers in (1, 3))
    one.fit(1)
    three.fit(1)
    assert bits(three) == bits(one)


def test_other_numbers_of_workers_add_up_in_another_order(data):
    """To rounding: in 5 steps nothing of it has grown."""
    one, *others = (trainer(data, "fast", workers) for workers in (1, 2, 3))
    one.fit(1)
    for other in others:
        other.fit(1)
        for name, array in one.network.params.items():
            numpy.testing.assert_allclose(other.network.params[name], array, rtol=1e-3, atol=1e-5)


@pytest.fixture(params=["plain", 1, 3])
def answering(request):
    """alexnet-cifar with the plain engine, or the fast one with a number of workers."""
    network = models.build("alexnet-cifar", rng=numpy.random.default_rng(0))
    return network if request.param == "plain" else fast.Engine(network, request.param)


PICTURES = random_pictures(9, 32).astype("float32") / 255


def test_answers_depend_on_the_batch_by_rounding_alone(answering):
    """All at once, each alone, or 4 at a time."""
    whole = answering.forward(PICTURES).copy()
    assert answering.forward(PICTURES).tobytes() == whole.tobytes()
    for size in (1, 4):
        parts = [answering.forward(PICTURES[i : i + size]).copy() for i in range(0, 9, size)]
        numpy.testing.assert_allclose(numpy.concatenate(parts), whole, atol=1e-5)


def test_an_answer_does_not_depend_on_the_other_pictures_of_the_batch(answering):
    before = answering.forward(PICTURES).copy()
    others = PICTURES.copy()
    others[3:] = random_pictures(6, 32, seed=1)
    assert answering.forward(others)[:3].tobytes() == before[:3].tobytes()
