"""Initial weights with a case for linear layers, from float32 numbers of the generator."""

import numpy


def fans(self, shape):
    if len(shape) == 2:
        return shape[1], shape[0]
    O, KH, KW, C = shape
    return KH * KW * C, O * KH * KW


def xavier(self, shape, rng):
    b = (6 / sum(self.fans(shape))) ** 0.5
    return (rng.random(shape, dtype="float32") - 0.5) * numpy.float32(2 * b)


def he(self, shape, rng):
    weights = rng.standard_normal(shape, dtype="float32")
    weights *= (2 / self.fans(shape)[0]) ** 0.5
    return weights
