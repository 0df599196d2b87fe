"""A trainer of so small a network that its checkpoint has a few kilobytes."""

import numpy

from minialex import Network, Trainer, optim, schedules
from minialex.data import from_arrays
from minialex.layers import Conv2d, Dropout, Flatten, Linear, ReLU

SIDE = 4


def trainer(epochs: int = 0) -> Trainer:
    """A new one, always the same, that has trained for so many epochs."""
    rng = numpy.random.default_rng(0)
    x, labels = rng.random((8, SIDE, SIDE, 3)), numpy.arange(8) % 2
    layers = [
        ("conv1", Conv2d(3, 2, 3, rng=rng)),
        ("relu1", ReLU()),
        ("flatten", Flatten()),
        ("dropout", Dropout(0.5, numpy.random.default_rng(1))),
        ("fc2", Linear(8, 2, rng=rng)),
    ]
    network = Network(layers, (SIDE, SIDE, 3))
    made = Trainer(
        network,
        from_arrays(x, labels, x[:4], labels[:4], ["up", "down"]),
        optim.SGD(network, lr=0.1),
        schedules.Plateau(0.1),
        batch_size=4,
        workers=1,
    )
    for _ in range(epochs):
        for _ in made.train_epoch():
            pass
        made.finish_epoch(made.evaluate())
    return made
