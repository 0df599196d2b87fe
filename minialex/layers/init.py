"""Initial weights: normal, with the paper's fixed standard deviation or He's, which fits the layer's size."""

import math

import numpy


def initial_weight(
    shape: tuple[int, ...], fan_in: int, std: float | None = None, rng: numpy.random.Generator | None = None
) -> numpy.ndarray:
    """A float32 array of `shape` drawn from N(0, std²); std None means √(2 / fan_in).

    With He's √(2 / fan_in) a ReLU layer gives outputs of the same variance as its inputs (He et al. 2015, section
    2.2), so a small net trains without tuning. Krizhevsky et al. 2012, section 5, used 0.01 for every layer.
    `fan_in` is how many inputs one output is a sum over; rng None draws a fresh generator.
    """
    rng = rng or numpy.random.default_rng()
    weight = rng.standard_normal(shape, dtype=numpy.float32)
    weight *= numpy.float32(math.sqrt(2 / fan_in) if std is None else std)
    return weight
