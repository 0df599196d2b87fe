"""Training in float32 gives the curve of float64, on the plain layers and on the fast ones."""

import functools

import numpy
import pytest

from minialex import Network, Trainer, optim
from minialex.data import from_arrays
from minialex.layers import Conv2d, Dropout, Flatten, Linear, LocalResponseNorm, MaxPool2d, ReLU

#: How far a loss may be from float64's of the plain layers in 100 steps, relative to it. What is
#: met is a hundredth of that: other machines round in other places.
FLOAT32, FLOAT64 = 1e-4, 1e-11


@functools.cache
def losses(engine, dtype, optimizer):
    """The losses of 100 steps: overlapping pools, normalisation, dropout, mirroring."""
    rng = numpy.random.default_rng(0)
    labels = numpy.arange(400) % 4
    pictures = rng.random((400, 8, 8, 1))
    pictures[numpy.arange(400), 2 * labels] += 0.3
    layers = [
        *(Conv2d(1, 8, 3, padding=1, rng=rng), ReLU(), LocalResponseNorm()),
        *(MaxPool2d(3, stride=2), Conv2d(8, 8, 3, padding=1, rng=rng), ReLU()),
        *(Flatten(), Dropout(0.3, rng), Linear(72, 4, rng=rng)),
    ]
    network = Network(layers, (8, 8, 1)).astype(dtype)
    data = from_arrays(pictures, labels, pictures[:8], labels[:8])
    chosen = optimizer(network, lr=0.01)
    settings = dict(batch_size=16, augment=["mirror"], workers=1, engine=engine)
    trainer, found = Trainer(network, data, chosen, **settings), []
    for _ in range(4):
        for _ in trainer.train_epoch():
            found.append(trainer.last_loss)
        trainer.finish_epoch(trainer.evaluate())
    assert all(array.dtype == dtype for array in network.params.values())
    return numpy.array(found)


@pytest.mark.parametrize("optimizer", [optim.SGD, optim.Adam])
@pytest.mark.parametrize(
    ("engine", "dtype", "tolerance"),
    [("plain", "float32", FLOAT32), ("fast", "float32", FLOAT32), ("fast", "float64", FLOAT64)],
)
def test_100_steps_give_the_same_losses(engine, dtype, tolerance, optimizer):
    exact = losses("plain", "float64", optimizer)
    assert len(exact) == 100
    assert exact[-20:].mean() < 0.8 * exact[:20].mean()
    numpy.testing.assert_allclose(losses(engine, dtype, optimizer), exact, rtol=tolerance)
