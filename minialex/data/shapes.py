"""Shapes: ten kinds of bright figures, 32x32, at any place, size and angle on a scribbled wall.

A data set that needs no download. People tell its classes apart at a glance; a linear classifier
cannot.
"""

import sys

import numpy
from PIL import Image, ImageDraw
from tqdm import tqdm

from minialex.data.dataset import PADDING, Dataset, in_memory

SIDE = 32  # of a picture, in pixels
FINE = 3  # figures are drawn this many times larger, then shrunk for smooth edges
SHEET = 500  # pictures painted at once, on the same wall
CELLS = 16  # width and height of a wall, in pictures
STROKES = 1500  # lines and blobs on a wall: about six per picture


def load(
    seed: int = 0,
    train_size: int = 10_000,
    test_size: int = 2_000,
    image_size: int | None = None,
    padding: int = PADDING,
) -> Dataset:
    """The Dataset "shapes": pictures of 32x32x3 with ten equally likely classes.

    seed: the same seed draws the same pictures, except that another version of Pillow may differ in
        single pixels at edges. Training and test pictures use different streams of it.
    image_size: the side that pictures are resized to; None keeps 32.
    padding: by how many pixels a random crop may shift a picture.
    """
    with tqdm(
        total=train_size + test_size, desc="shapes", leave=False, disable=not sys.stderr.isatty()
    ) as progress:
        train = draw(train_size, numpy.random.default_rng((seed, 10)), progress)
        test = draw(test_size, numpy.random.default_rng((seed, 11)), progress)
    return in_memory("shapes", train, test, list(FIGURES), image_size, padding)


def polygon(*points: tuple[float, float], scale: float = 1) -> numpy.ndarray:
    """The polygon with these corners, divided by `scale`: float (corners, 2)."""
    return numpy.array(points, float) / scale


def regular_polygon(
    corners: int,
    radius: float | tuple[float, ...] = 1.0,
    centre: tuple[float, float] = (0.0, 0.0),
) -> numpy.ndarray:
    """A regular polygon, float (corners, 2): a circle if it has many corners.

    A tuple of radii is used in turn, which makes a star or a cross.
    """
    angle = numpy.arange(corners) * (2 * numpy.pi / corners)
    return (
        numpy.stack([numpy.cos(angle), numpy.sin(angle)], axis=1)
        * numpy.resize(radius, (corners, 1))
        + centre
    )


def heart() -> numpy.ndarray:
    """The curve x = 16 sin³ t, y = 13 cos t - 5 cos 2t - 2 cos 3t - cos 4t: float (32, 2)."""
    t = numpy.arange(32) * (2 * numpy.pi / 32)
    x = 16 * numpy.sin(t) ** 3
    y = 13 * numpy.cos(t) - 5 * numpy.cos(2 * t) - 2 * numpy.cos(3 * t) - numpy.cos(4 * t)
    return numpy.stack([x, y + 2], axis=1) / 16


# A polygon in about the unit circle for each class; some have a second one that is cut out of it.
FIGURES = {
    "circle": [regular_polygon(32, 0.85)],
    "ring": [regular_polygon(32), regular_polygon(32, 0.55)],
    "triangle": [regular_polygon(3, 1.1)],
    "square": [regular_polygon(4)],
    "star": [regular_polygon(10, (1.15, 0.45))],
    "cross": [regular_polygon(12, (1.05, 1.05, 0.39))],
    "heart": [heart()],
    "crescent": [regular_polygon(32), regular_polygon(32, 0.8, (0.45, 0))],
    "arrow": [polygon((-5, -1), (0, -1), (0, -3.5), (5, 0), (0, 3.5), (0, 1), (-5, 1), scale=4.5)],
    "hourglass": [polygon((-3, -4), (3, -4), (0.4, 0), (3, 4), (-3, 4), (-0.4, 0), scale=4.5)],
}


def draw(
    n: int, rng: numpy.random.Generator, progress: tqdm
) -> tuple[numpy.ndarray, numpy.ndarray]:
    """n pictures: (images uint8 (n, 32, 32, 3), labels int64 (n,))."""
    labels = rng.integers(len(FIGURES), size=n)
    images = numpy.empty((n, SIDE, SIDE, 3), numpy.uint8)
    for start in range(0, n, SHEET):
        sheet = labels[start : start + SHEET]
        images[start : start + SHEET] = paint(
            figures(sheet, rng), backgrounds(len(sheet), rng), rng
        )
        progress.update(len(sheet))
    return images, labels


def figures(labels: numpy.ndarray, rng: numpy.random.Generator) -> numpy.ndarray:
    """The masks of n figures: uint8 (n, 32, 32), 255 inside, less at the edge, 0 outside."""
    n = len(labels)
    radius = rng.uniform(7, 13, n)
    angle = rng.uniform(0, 2 * numpy.pi, n)
    centre = SIDE / 2 + rng.uniform(-1, 1, (n, 2)) * (SIDE / 2 - 1 - radius)[:, numpy.newaxis]
    cos, sin = radius * numpy.cos(angle), radius * numpy.sin(angle)
    rotations = numpy.stack([cos, sin, -sin, cos], axis=1).reshape(n, 2, 2)
    parts = list(FIGURES.values())
    masks = numpy.empty((n, SIDE, SIDE), numpy.uint8)
    for i, label in enumerate(labels):
        canvas = Image.new("L", (FINE * SIDE, FINE * SIDE))
        pen = ImageDraw.Draw(canvas)
        for outline, ink in zip(parts[label], (255, 0), strict=False):
            pen.polygon((FINE * (outline @ rotations[i] + centre[i])).ravel().tolist(), ink)
        masks[i] = canvas.reduce(FINE)
    return masks


def backgrounds(n: int, rng: numpy.random.Generator) -> numpy.ndarray:
    """Random crops of one wall covered in lines and blobs: uint8 (n, 32, 32, 3)."""
    side = CELLS * SIDE
    colours = rng.integers(20, 130, size=(CELLS, CELLS, 3), dtype=numpy.uint8)
    wall = Image.fromarray(colours).resize((2 * side, 2 * side), Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(wall)
    starts = rng.integers(0, 2 * side, (STROKES, 2))
    ends = starts + rng.integers(-30, 31, (STROKES, 2))
    inks = rng.integers(10, 150, (STROKES, 3))
    for stroke, (start, end, ink) in enumerate(
        zip(starts.tolist(), ends.tolist(), inks.tolist(), strict=True)
    ):
        if stroke % 2:
            pen.line((*start, *end), tuple(ink), width=2 + stroke % 5)
        else:
            pen.ellipse((*map(min, start, end), *map(max, start, end)), tuple(ink))
    wall = numpy.asarray(wall.reduce(2))
    corners = rng.integers(0, side - SIDE + 1, (n, 2))
    return numpy.stack([wall[y : y + SIDE, x : x + SIDE] for y, x in corners])


def paint(
    masks: numpy.ndarray, behind: numpy.ndarray, rng: numpy.random.Generator
) -> numpy.ndarray:
    """The figures painted on the backgrounds `behind`, with noise: uint8 (n, 32, 32, 3).

    Of five random colours, a figure gets the one that differs most from the mean colour it covers.
    All in integers, for the same result on any machine.
    """
    n = len(masks)
    inside = masks[..., numpy.newaxis].astype(numpy.uint16)
    covered = (behind * inside).sum(axis=1, dtype=numpy.uint32).sum(axis=1) // inside.sum(
        axis=(1, 2), dtype=numpy.uint32
    )
    inks = rng.integers(100, 256, size=(5, n, 3))
    best = numpy.square(inks - covered).sum(axis=2).argmax(axis=0)
    ink = inks[best, numpy.arange(n)].astype(numpy.uint16)[:, numpy.newaxis, numpy.newaxis]
    pictures = (ink * inside + behind * (255 - inside)) // 255  # 255 * 255 just fits uint16
    noise = rng.integers(-16, 17, size=pictures.shape, dtype=numpy.int8)
    return (pictures.astype(numpy.int16) + noise).clip(0, 255).astype(numpy.uint8)
