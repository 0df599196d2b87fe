"""Saliency: how much the logit of a class changes with each pixel, by one backward pass.

Simonyan et al. 2013, "Deep inside convolutional networks", section 3.
"""

from collections.abc import Sequence

import numpy

from minialex import backend, figures
from minialex.inference import TrainedNetwork
from minialex.layers import Dropout
from minialex.network import Network
from minialex.prediction import probabilities
from minialex.twin import twin
from minialex.visualize.subjects import Subjects, captions, class_number


def draw(trained: TrainedNetwork, chosen: Subjects, of_class: str | None = None) -> bytes:
    """The PNG.

    of_class: the class whose logit it is (default: each picture's most probable one).
    """
    said = probabilities(trained, chosen.pictures)
    classes = said.argmax(axis=1)
    if of_class is not None:
        classes[:] = class_number(trained, of_class)
    maps = saliency(trained.network, trained.standardize(chosen.pictures), classes)
    title = "Saliency: the pixels that the logit of the class changes most with"
    unit = "|∂ logit / ∂ pixel|, pixels standardised"
    return figures.overlays(
        chosen.pictures, maps, captions(trained, chosen, said, classes), title, unit
    )


def saliency(
    network: Network, x: numpy.ndarray, classes: numpy.ndarray | Sequence[int]
) -> numpy.ndarray:
    """max_c |∂ logit / ∂ x_c| for each pixel of pictures x (N, H, W, C): (N, H, W), on the host.

    classes: (N,), whose logit to take for each picture. As x is standardised, the gradient is per
    standard deviation of a channel. Dropout is off, and the network stays as it was.
    """
    layers = [twin(layer) for layer in network.layers.values() if not isinstance(layer, Dropout)]
    xp = backend.of(next(iter(network.params.values())))
    y = backend.to_device(x, xp)
    for layer in layers:
        y = layer.forward(y, train=True)
    dy = xp.zeros_like(y)
    dy[xp.arange(len(x)), backend.to_device(numpy.asarray(classes), xp)] = 1
    for layer in reversed(layers):
        dy = layer.backward(dy)
    return backend.to_host(abs(dy).max(axis=3))
