"""On every rank: the training command, where one rank meets a fault at its third step.

python faulty.py KIND RANK train's arguments
"""

import os
import sys

from minialex import train
from minialex.command import run
from minialex.training import Trainer

kind, rank, *arguments = sys.argv[1:]
here = os.environ["OMPI_COMM_WORLD_RANK"] == rank
step = Trainer.step


def faulty(self, x, labels):
    if self.progress["steps"] == 2:
        match kind:
            case "exception":
                raise RuntimeError("the fan has stopped")
            case "memory":
                raise MemoryError("Unable to allocate 9 GiB")
            case "nan":
                x = x * float("nan")
            case "weights":
                next(iter(self.network.params.values()))[:] += 1e-6
            case "exit":
                os._exit(0)
    return step(self, x, labels)


if here and kind == "version":
    train.__version__ = "0.0.1"
elif here:
    Trainer.step = faulty
sys.argv = ["train", *arguments]
run(train.main)
