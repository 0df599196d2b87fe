"""Saliency: how much the logit of a class changes with each pixel, by one backward pass.

Simonyan et al. 2013, "Deep inside convolutional networks", section 3.
"""

import argparse
import copy
from collections.abc import Sequence

import numpy

from minialex import backend, figures
from minialex.layers import Dropout, Layer
from minialex.network import Network
from minialex.prediction import probabilities
from minialex.visualize.subjects import (
    add_subject_options,
    captions,
    class_number,
    subjects,
)
from minialex.weight_options import trained_of

USAGE = "[PICTURE...] [options]"
LINE = "the pixels that an answer depends on"
ABOUT = """\
Which pixels an answer depends on: how much the logit of the class changes with
each of them (Simonyan et al. 2013). It is the gradient that trains the weights,
taken one step further back, to the pixels."""
EXAMPLES = """\
  python -m minialex.visualize saliency --weights runs/shapes-alexnet-cifar
      of six test pictures; --seed N takes others
  python -m minialex.visualize saliency cat.jpg dog.jpg --weights runs/long
  python -m minialex.visualize saliency pets.jpg --weights runs/long --class cat
      why it might be a cat, whatever the network takes it for
"""


def add_options(p: argparse.ArgumentParser) -> None:
    """Adds the options of this kind."""
    add_subject_options(p)
    p.add_argument(
        "--class",
        dest="of_class",
        metavar="NAME",
        help="whose logit (default: that of the network's answer)",
    )


def draw(given: argparse.Namespace) -> bytes:
    """The PNG."""
    trained = trained_of(given)
    chosen = subjects(given, trained, 6)
    said = probabilities(trained, chosen.pictures)
    classes = said.argmax(axis=1)
    if given.of_class is not None:
        classes[:] = class_number(trained, given.of_class)
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


def twin(layer: Layer) -> Layer:
    """A layer over the same parameter arrays, with its own gradients and cache."""
    other = copy.copy(layer)
    other.grads, other.cache = {}, None
    return other
