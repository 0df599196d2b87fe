"""On every rank: how long it has to wait for sums of gradients after it has done something else for
so many seconds, printed by rank 0.

python hidden_sums.py BYTES SECONDS
"""

import sys
import time

import numpy

from minialex import Network
from minialex.distributed.gradients import Gradients
from minialex.distributed.start import connect
from minialex.layers import Linear


def main():
    size, seconds = int(sys.argv[1]), float(sys.argv[2])
    ranks = connect()
    layer = Linear(1, size // 8, rng=numpy.random.default_rng(0))
    gradients = Gradients(Network([("fc1", layer)], (1,)), ranks)
    layer.grads = {name: numpy.ones_like(param) for name, param in layer.params.items()}
    ranks.numbers(0)
    gradients.finished("fc1")
    time.sleep(seconds)
    start = time.monotonic()
    gradients.wait()
    waited = ranks.numbers(time.monotonic() - start).max()
    assert (layer.grads["weight"] == ranks.size).all()
    if ranks.rank == 0:
        print(waited)


if __name__ == "__main__":
    main()
