"""Occlusion: how probable a class still is while a part of the picture is covered.

Zeiler and Fergus 2014, "Visualizing and understanding convolutional networks", section 4.2.
"""

import argparse
import itertools
from collections.abc import Callable

import numpy
from tqdm import tqdm

from minialex import backend, figures
from minialex.command import number
from minialex.errors import InputError
from minialex.prediction import probabilities, softmax
from minialex.visualize.subjects import (
    add_subject_options,
    captions,
    class_number,
    subjects,
)
from minialex.weight_options import trained_of

USAGE = "[PICTURE...] [options]"
LINE = "the parts of a picture that an answer depends on"
ABOUT = """\
Which parts of a picture an answer depends on: the probability of the class
while a grey square covers the picture around each pixel (Zeiler and Fergus
2014). Grey is the mean colour of the training pictures."""
EXAMPLES = """\
  python -m minialex.visualize occlusion --weights runs/shapes-alexnet-cifar
      of six test pictures; --seed N takes others
  python -m minialex.visualize occlusion cat.jpg --weights runs/long --square 9
      a smaller square shows finer parts, and fewer of them matter
  python -m minialex.visualize occlusion p.jpg --weights runs/long --class cat
      why it might be a cat, whatever the network takes it for
"""

#: Without --step, the square stops at so many places along a side.
PLACES = 32


def add_options(p: argparse.ArgumentParser) -> None:
    """Adds the options of this kind."""
    add_subject_options(p)
    p.add_argument(
        "--class",
        dest="of_class",
        metavar="NAME",
        help="whose probability (default: that of the network's answer)",
    )
    quarter = "the square's side (default: a quarter of the picture's)"
    p.add_argument("--square", type=number(int, 1), metavar="PIXELS", help=quarter)
    p.add_argument(
        "--step",
        type=number(int, 1),
        metavar="PIXELS",
        help=f"how far it slides (default: {PLACES} places a side)",
    )


def draw(given: argparse.Namespace) -> bytes:
    """The PNG."""
    trained = trained_of(given)
    chosen = subjects(given, trained, 6)
    side = trained.image_size
    square, step = given.square or round(side / 4), given.step or max(1, round(side / PLACES))
    if max(square, step) > side:
        raise InputError(
            f"--square {square} --step {step}: the pictures are only {side} pixels wide"
        )
    said = probabilities(trained, chosen.pictures)
    classes = said.argmax(axis=1)
    if given.of_class is not None:
        classes[:] = class_number(trained, given.of_class)
    batch_size = given.batch_size or trained.options["batch_size"]
    x, places = trained.standardize(chosen.pictures), len(middles(side, step)) ** 2
    with tqdm(total=places * len(x), desc="covering", unit="img", leave=False, disable=None) as bar:
        maps = [
            occlusion(trained.engine.forward, *one, square, step, batch_size, bar)
            for one in zip(x, classes, strict=True)
        ]
    title = "Occlusion: how probable the class is while a square of "
    title += f"{square}×{square} pixels covers the place"
    shown = captions(trained, chosen, said, classes)
    return figures.overlays(
        chosen.pictures, maps, shown, title, "probability of the class", True, "viridis"
    )


def occlusion(
    forward: Callable[[numpy.ndarray], numpy.ndarray],
    x: numpy.ndarray,
    label: int,
    square: int,
    step: int,
    batch_size: int,
    bar: tqdm | None = None,
) -> numpy.ndarray:
    """The probability of a class while a square covers x (S, S, C) around each pixel: (S, S).

    forward      pictures (n, S, S, C) -> logits (n, classes)
    label        the class
    square       the side of the square, in pixels; it is 0, the mean colour. Any of it beyond the
                 edge covers nothing
    step         how far the square slides, in pixels: every step × step pixels share the
                 probability with the square around the middle one
    batch_size   pictures at a time
    bar          counts the places of the square
    """
    side = len(x)
    corners = [place - square // 2 for place in middles(side, step)]
    spots = list(itertools.product(corners, corners))
    found = []
    for start in range(0, len(spots), batch_size):
        batch = spots[start : start + batch_size]
        covered = numpy.repeat(x[None], len(batch), axis=0)
        for picture, (top, left) in zip(covered, batch, strict=True):
            picture[max(top, 0) : top + square, max(left, 0) : left + square] = 0
        found.extend(softmax(backend.to_host(forward(covered)))[:, label])
        if bar is not None:
            bar.update(len(batch))
    blocks = numpy.array(found).reshape(len(corners), len(corners))
    return blocks.repeat(step, axis=0).repeat(step, axis=1)[:side, :side]


def middles(side: int, step: int) -> list[int]:
    """The middle pixel of each stretch of `step` pixels along a side.

    The last stretch may be shorter.
    """
    return [(start + min(start + step, side)) // 2 for start in range(0, side, step)]
