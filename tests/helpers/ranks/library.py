"""On every rank: a script that trains, predicts, saves and resumes, as the documentation has it.

python library.py SCHEME FOLDER
"""

import sys
from pathlib import Path

import numpy

from minialex import Network, Trainer, distributed, load
from minialex.data import from_arrays
from minialex.errors import InputError
from minialex.layers import Conv2d, Dropout, Flatten, Linear, ReLU


def main():
    scheme, folder = sys.argv[1], Path(sys.argv[2])
    ranks = distributed.connect()
    rng = numpy.random.default_rng(1)
    pictures, labels = rng.integers(0, 256, (30, 8, 8, 3), numpy.uint8), rng.integers(0, 3, 30)
    dataset = from_arrays(pictures, labels, pictures[:7], labels[:7])

    def trainer(**options):
        """Without a seed: every rank draws weights and dropout generators of its own."""
        layers = [
            Conv2d(3, 6, 3),
            ReLU(),
            Dropout(0.2),
            Flatten(),
            Linear(216, 8),
            ReLU(),
            Linear(8, 3),
        ]
        network = Network(layers, (8, 8, 3))
        how = distributed.Scheme.of(scheme, ranks)
        options = dict(batch_size=7, augment=["mirror"]) | options
        return Trainer(network, dataset, scheme=how, **options)

    first = trainer()
    first.fit(2)
    answers = first.predict(pictures)
    for others in ranks.parts(answers):
        numpy.testing.assert_array_equal(others, answers)
    first.save(folder / "net.npz")
    numpy.testing.assert_allclose(load(folder / "net.npz").predict(pictures), answers, atol=1e-6)

    second = trainer()
    second.resume(folder / "net.npz")
    first.fit(1)
    second.fit(1)
    numpy.testing.assert_array_equal(second.predict(pictures), first.predict(pictures))
    assert first.history[-1]["test_loss"] == second.history[-1]["test_loss"]

    try:
        trainer(batch_size=7 + ranks.rank)
    except InputError as error:
        assert "has batch_size 7," in str(error)
        assert "rank 1 on" in str(error)
    else:
        raise AssertionError("a rank with another batch size is let in")


if __name__ == "__main__":
    main()
