"""On every rank: the bytes that training steps take at most, beside what is said before.

python step_memory.py SCHEME: rank 0 prints the ratio.
"""

import sys
import tracemalloc

import numpy

from minialex import Trainer, distributed, models, optim
from minialex.batch_memory import of_training
from minialex.data import from_arrays


def main():
    ranks = distributed.connect()
    scheme = distributed.Scheme.of(sys.argv[1], ranks)
    rng = numpy.random.default_rng(0)
    pictures, labels = rng.integers(0, 256, (64, 64, 64, 3), numpy.uint8), rng.integers(0, 10, 64)
    dataset = from_arrays(pictures, labels, pictures[:9], labels[:9], list("abcdefghij"))
    tracemalloc.start()
    network = models.build("alexnet-maxi", num_classes=10, image_size=64, rng=rng)
    sgd = optim.SGD(network, 0.001)
    trainer = Trainer(network, dataset, sgd, batch_size=64, workers=1, scheme=scheme)
    said = of_training(trainer.engine, optim.SGD, trainer.part)(64)
    before, _ = tracemalloc.get_traced_memory()
    for _ in trainer.train_epoch():
        pass
    _, most = tracemalloc.get_traced_memory()
    taken = most - before + trainer.training_step.gradients.flat.nbytes
    if ranks.rank == 0:
        print(said / taken)


if __name__ == "__main__":
    main()
