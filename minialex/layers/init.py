"""Initial weights: normal, with a given standard deviation or He's, which fits the layer's size.

Random numbers come from NumPy generators on the host, so they are the same on a CPU and on a GPU.
"""

import math

import numpy

Rng = numpy.random.Generator


def initial_weight(
    shape: tuple[int, ...], fan_in: int, std: float | None = None, rng: Rng | None = None
) -> numpy.ndarray:
    """A float32 array of `shape` drawn from N(0, std²); std None means √(2 / fan_in).

    With He's √(2 / fan_in), a ReLU layer gives outputs of the same variance as its inputs (He et
    al. 2015, section 2.2), so a small net trains without tuning. Krizhevsky et al. 2012, section 5,
    used 0.01 for every layer. `fan_in` is how many inputs one output is a sum over; without `rng` a
    fresh generator draws.
    """
    rng = rng or fresh_rng()
    weight = rng.standard_normal(shape, dtype=numpy.float32)
    weight *= numpy.float32(math.sqrt(2 / fan_in) if std is None else std)
    return weight


def initial_bias(size: int, value: float) -> numpy.ndarray:
    """A float32 array (size,) filled with `value`."""
    return numpy.full(size, value, numpy.float32)


def fresh_rng() -> Rng:
    """A generator seeded by the operating system."""
    return numpy.random.default_rng()
