"""On every rank, each on a host of its own: how long ring sums take, printed by rank 0 as JSON.

python ring_times.py [[K,S,ENOUGH],…]

For each case the sum of S bytes over the first K ranks is repeated until it has taken no more than
ENOUGH seconds, at most thirty times; the result is the least that it took.
"""

import json
import sys
import time

import numpy

from minialex.distributed.ring import Ring
from minialex.distributed.start import connect
from minialex.distributed.sums import let_others

PAUSE = 0.05  #: seconds in which all get to know when to begin


def seconds(ranks, size):
    """How long a sum over these ranks takes. They begin at the same moment, as the hosts of
    links.py share one clock."""
    x = numpy.full(size // 4, ranks.rank + 1, numpy.float32)
    start = ranks.numbers(time.monotonic()).max() + PAUSE
    time.sleep(max(0, start - time.monotonic()))
    ring = Ring(ranks.comm, numpy.empty_like(x))
    ring.begin(x, tag=1)
    while not ring.advance():
        let_others()
    assert (x == sum(range(1, ranks.size + 1))).all()
    return ranks.numbers(time.monotonic()).max() - start


def main():
    everybody = connect()
    found = []
    for count, size, enough in json.loads(sys.argv[1]):
        ranks = everybody.split(int(everybody.rank >= count))
        least = float("inf")
        for _ in range(30):
            if everybody.rank < count and least > enough:
                least = min(least, seconds(ranks, size))
        found.append(least)
    if everybody.rank == 0:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
