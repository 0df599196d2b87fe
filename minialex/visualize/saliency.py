"""Saliency: how much the class's logit would change with each pixel, by one walk backward (Simonyan et al. 2013)."""

import argparse

import numpy

from minialex import backend, figures
from minialex.inference import trained_of
from minialex.layers import Dropout
from minialex.network import Network
from minialex.visualize.subjects import (
    add_subject_options,
    captions,
    class_number,
    probabilities,
    subjects,
)

USAGE = "[PICTURE...] [options]"
LINE = "the pixels that an answer hangs on"
ABOUT = """\
Which pixels an answer hangs on: how much the logit of the class changes with
each, over the picture (Simonyan et al. 2013). The gradient that trains the
weights, walked one step further back, to the pixels."""
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
    title = "Saliency: the pixels that the class's logit changes with the most"
    unit = "|∂ logit / ∂ pixel|, pixels as standardised"
    return figures.overlays(
        chosen.pictures, maps, captions(trained, chosen, said, classes), title, unit
    )


def saliency(network: Network, x: numpy.ndarray, classes: numpy.ndarray) -> numpy.ndarray:
    """max_c |∂ logit_class / ∂ x_c| for each pixel of the pictures x (N, H, W, C): (N, H, W), on the host.

    classes: (N,), whose logit for each picture. x is standardised, so the gradient is by standard deviations of a channel.
    """
    logits_of = without_dropout(network)
    logits = logits_of.forward(
        backend.to_device(x, backend.of(next(iter(network.params.values())))), train=True
    )
    xp = backend.of(logits)
    dlogits = xp.zeros_like(logits)
    dlogits[xp.arange(len(x)), backend.to_device(numpy.asarray(classes), xp)] = 1
    dx = logits_of.backward(dlogits)
    return backend.to_host(abs(dx).max(axis=3))


def without_dropout(network: Network) -> Network:
    """The network as it answers when testing, over the same weights, but able to go backward."""
    layers = [
        (name, layer.replica())
        for name, layer in network.layers.items()
        if not isinstance(layer, Dropout)
    ]
    return Network(layers, network.input_shape)
