"""On every rank: the training command, where one rank meets a fault: at its third step, or before
the first.

python faulty.py KIND RANK train's arguments
"""

import os
import sys

from minialex import batch_memory, train
from minialex.command import run
from minialex.training import Trainer

step = Trainer.step


def faulty(kind, self, x, labels):
    if self.progress["steps"] == 2:
        match kind:
            case "exception":
                raise RuntimeError("the fan has stopped")
            case "memory":
                raise MemoryError("Unable to allocate 9 GiB")
            case "nan":
                x = x.standardized() * float("nan")
            case "weights":
                next(iter(self.network.params.values()))[:] += 1e-6
            case "exit":
                os._exit(0)
    return step(self, x, labels)


def main():
    kind, rank, *arguments = sys.argv[1:]
    if os.environ["OMPI_COMM_WORLD_RANK"] == rank:
        if kind == "version":
            train.__version__ = "0.0.1"
        elif kind == "room":
            batch_memory.available_memory = lambda: 10_000_000
        else:
            Trainer.step = lambda self, x, labels: faulty(kind, self, x, labels)
    sys.argv = ["train", *arguments]
    run(train.main)


if __name__ == "__main__":
    main()
