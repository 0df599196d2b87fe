"""The mean over pictures by NumPy's average; the part by going round the ring."""

import numpy


def mean(self, gradients, counts):
    some = [rank for rank, count in enumerate(counts) if count]
    return numpy.average(
        [gradients[rank] for rank in some], axis=0, weights=[counts[rank] for rank in some]
    )


def part(self, rank, turn, ranks):
    for _ in range(turn):
        rank = rank - 1 if rank > 0 else ranks - 1
    return rank
