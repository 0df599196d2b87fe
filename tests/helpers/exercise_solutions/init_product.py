"""Initial weights with products over the window, from float64 numbers of the generator."""

import numpy


def fans(self, shape):
    outputs, inputs, window = shape[0], shape[-1], 1
    for size in shape[1:-1]:
        window *= size
    fan_in = window * inputs
    fan_out = window * outputs
    return fan_in, fan_out


def xavier(self, shape, rng):
    fan_in, fan_out = self.fans(shape)
    b = numpy.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(-b, b, shape).astype("float32")


def he(self, shape, rng):
    fan_in = self.fans(shape)[0]
    std = numpy.sqrt(2 / fan_in)
    return rng.normal(0, std, shape).astype("float32")
