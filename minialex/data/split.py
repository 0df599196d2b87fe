"""Holding out some of the pictures of every class, to test with."""

import numpy


def stratified(
    labels: numpy.ndarray, share: float, seed: int
) -> tuple[numpy.ndarray, numpy.ndarray]:
    """(the indices to train with, the indices to test with), both sorted: int64 arrays that
    together are 0 to N - 1.

    labels: (N,), of any kind that can be compared.
    share: of each class this share is drawn to test with, rounded, but of a class with at least two
        pictures at least one, and not all. A single picture of a class is trained with.
    seed: the same seed draws the same pictures.
    ValueError for a share that is not between 0 and 1.
    """
    if not 0 < share < 1:
        raise ValueError(f"expected a share between 0 and 1, got {share}")
    labels, rng = numpy.asarray(labels), numpy.random.default_rng(seed)
    held_out = numpy.zeros(len(labels), bool)
    for name in numpy.unique(labels):
        places = numpy.flatnonzero(labels == name)
        count = min(max(1, round(share * len(places))), len(places) - 1)
        held_out[rng.permutation(places)[:count]] = True
    return numpy.flatnonzero(~held_out), numpy.flatnonzero(held_out)
