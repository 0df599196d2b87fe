"""A narrow AlexNet as the dict in a .npy file that Caffe's converters write."""

import numpy


def layers(rng):
    """{layer: [weight, bias]} of a narrow AlexNet, kernels (H, W, C, O)."""
    shapes = {
        **{"conv1": (11, 11, 3, 6), "conv2": (5, 5, 3, 8), "conv3": (3, 3, 8, 12)},
        **{"conv4": (3, 3, 6, 12), "conv5": (3, 3, 6, 8)},
        **{"fc6": (8, 10), "fc7": (10, 9), "fc8": (9, 4)},
    }
    return {
        name: [
            rng.standard_normal(shape, numpy.float32) / numpy.sqrt(numpy.prod(shape[:-1])),
            rng.standard_normal(shape[-1], numpy.float32),
        ]
        for name, shape in shapes.items()
    }
