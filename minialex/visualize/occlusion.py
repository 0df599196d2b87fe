"""Occlusion: how probable a class still is while a part of the picture is covered.

Zeiler and Fergus 2014, "Visualizing and understanding convolutional networks", section 4.2.
"""

import itertools
from collections.abc import Callable

import numpy
from tqdm import tqdm

from minialex import backend, figures
from minialex.batch_memory import room_for_answers
from minialex.errors import InputError
from minialex.inference import TrainedNetwork
from minialex.prediction import probabilities, softmax
from minialex.visualize.subjects import Subjects, captions, class_number

#: How many places along a side the square stops at, if no step is given.
PLACES = 32


def draw(
    trained: TrainedNetwork,
    chosen: Subjects,
    of_class: str | None = None,
    square: int | None = None,
    step: int | None = None,
    batch_size: int | None = None,
) -> bytes:
    """The PNG.

    of_class     the class whose probability it is (default: each picture's most probable one)
    square       its side, in pixels (default: a quarter of the picture's)
    step         how far it slides (default: so that there are PLACES places along a side)
    batch_size   pictures at a time (default: as in training)

    InputError if the square or the step is larger than the pictures.
    """
    side = trained.image_size
    square, step = square or round(side / 4), step or max(1, round(side / PLACES))
    if max(square, step) > side:
        covers = f"a square of {square} pixels in steps of {step}"
        raise InputError(f"{covers}: the pictures are only {side} pixels wide")
    said = probabilities(trained, chosen.pictures)
    classes = said.argmax(axis=1)
    if of_class is not None:
        classes[:] = class_number(trained, of_class)
    batch_size = batch_size or trained.options["batch_size"]
    x, places = trained.standardize(chosen.pictures), len(middles(side, step)) ** 2
    bar = tqdm(total=places * len(x), desc="covering", unit="img", leave=False, disable=None)
    with bar, room_for_answers(trained.engine, min(batch_size, places)):
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
