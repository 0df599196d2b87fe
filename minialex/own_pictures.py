"""What to train own pictures with where nobody says it: by how many there are, and how large.

benchmarks/own_pictures.py measures the choices for small pictures.
"""

from typing import NamedTuple

import numpy

from minialex.data.decode import open_picture
from minialex.data.own.found import Found
from minialex.data.own.stored import Source
from minialex.errors import InputError
from minialex.models import QUICK
from minialex.presets import ADAM, FINE_TUNING, IMAGENET, MUON

#: How many pictures are looked at for their size.
LOOKED_AT = 50

#: From how many photographs on, and from which shorter side, AlexNet itself learns from them.
MANY, LARGE = 100_000, 200

#: The side of the squares for larger pictures, by the most training pictures that it is for.
SIDES = {2_000: 64, 20_000: 96, MANY: 128}

#: Epochs and pictures in a step, by the most training pictures that they are for.
EPOCHS = {2_000: 30, 10_000: 20, MANY: 12}
BATCHES = {500: 16, 5_000: 64, MANY: 128}

#: From how many training pictures on alexnet-midi is worth its time, beside alexnet-mini.
ENOUGH_FOR_MIDI = 5_000


class Pictures(NamedTuple):
    """What decides: how many training pictures there are, the median of their shorter sides in
    pixels, and whether they are grey."""

    count: int
    side: int
    grey: bool


def measured(found: Found) -> Pictures:
    """How many pictures there are to train with, and what some of them are like.

    InputError if there are none, or if none that was looked at can be read.
    """
    if found.train is None:
        raise InputError(f"no pictures to train on, only in {found.test.where}")
    files = found.train.files
    places = numpy.linspace(0, len(files) - 1, min(LOOKED_AT, len(files))).round().astype(int)
    sides, colours, problem = [], [], None
    for place in places:
        try:
            side, grey = looked_at(files[place])
        except InputError as error:
            problem = problem or error
            continue
        sides.append(side)
        colours.append(not grey)
    if not sides:
        raise problem or InputError(f"no pictures to train on in {found.train.where}")
    return Pictures(len(files), int(numpy.median(sides)), not any(colours))


def looked_at(file: Source) -> tuple[int, bool]:
    """The shorter side of the picture, and whether it is grey."""
    with open_picture(file) as picture:
        return min(picture.size), picture.mode in ("1", "L", "LA", "I", "I;16")


def preset(pictures: Pictures, model: str | None = None, fine_tuning: bool = False) -> dict:
    """The options that suit these pictures, with the `model` if one is chosen. fine_tuning: weights
    that have learned from others.

    Grey pictures are not mirrored: they may be digits or letters.
    """
    augment = "crop" if pictures.grey else "crop,mirror"
    if fine_tuning:
        return dict(FINE_TUNING, augment=augment)
    if pictures.count >= MANY and pictures.side >= LARGE:
        return dict(IMAGENET)
    batch_size = by_count(BATCHES, pictures.count)
    quick = "alexnet-mini" if pictures.count < ENOUGH_FOR_MIDI else "alexnet-midi"
    lr = MUON["lr"] / 2 if batch_size < 64 else MUON["lr"]
    return dict(
        dict(MUON, lr=lr) if model in (None, *QUICK) else ADAM,
        model=model or quick,
        image_size=pictures.side if pictures.side <= 64 else by_count(SIDES, pictures.count),
        epochs=by_count(EPOCHS, pictures.count),
        batch_size=batch_size,
        augment=augment,
        schedule="cosine",
        weight_decay=0.0,
        log_every=100,
    )


def by_count(table: dict[int, int], count: int) -> int:
    """The entry of the first row that is for so many pictures, or the last one's."""
    return next((entry for most, entry in table.items() if count < most), [*table.values()][-1])


def advice(pictures: Pictures) -> str | None:
    """A sentence about weights to begin with, where they would help; else None."""
    if pictures.count >= MANY or pictures.side < 2 * 64 or pictures.grey:
        return None
    begin = "--weights torchvision begins with weights that have learned from 1.2 million"
    return f"so few photographs teach little: {begin}, and often gets further"
