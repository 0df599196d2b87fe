"""Divides labelled pictures into those to train on and those to test with."""

import numpy
from numpy.typing import ArrayLike

#: The share of each class that is held out where nobody says.
VAL_SHARE = 0.1

#: The stream of the seed that the split comes from; batches, views and weights have others.
SPLIT = 4


def stratified(labels: ArrayLike, share: float, seed: int) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Holds out `share` of each class, at random: (training indices, test indices), both sorted.

    labels: (N,), of any kind that can be compared. Of a class with at least two pictures at least
    one is in each part; a single picture is for training. The same labels and seed give the same
    parts on every machine. ValueError for a share that is not between 0 and 1.
    """
    if not 0 < share < 1:
        raise ValueError(f"expected a share between 0 and 1, got {share}")
    labels = numpy.asarray(labels)
    rng = numpy.random.default_rng((seed, SPLIT))
    order = numpy.argsort(labels, kind="stable")
    starts = numpy.flatnonzero(labels[order][1:] != labels[order][:-1]) + 1
    held_out = numpy.zeros(len(labels), bool)
    for members in numpy.split(order, starts):
        count = max(1, min(round(len(members) * share), len(members) - 1))
        if len(members) > 1:
            held_out[rng.permutation(members)[:count]] = True
    return numpy.flatnonzero(~held_out), numpy.flatnonzero(held_out)
