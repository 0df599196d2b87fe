"""Data augmentation and standardisation: crops, mirroring, rotation, colour, cutout, scale.

Training sees a new random view of each picture every epoch; testing sees its centre crop, that and
its mirror image, or ten fixed crops.
"""

from dataclasses import dataclass

import numpy
from numpy.typing import ArrayLike

from minialex.data.lighting import Lighting

#: The random augmentations that training can choose from; testing uses none.
AUGMENTATIONS = ("crop", "mirror", "cutout", "rotation", "brightness", "colour", "lighting")

DEGREES = 10.0  #: the largest rotation, in either direction
BRIGHTNESS = 0.4  #: the largest relative change of all pixels
TEMPERATURE = 0.2  #: red is scaled by up to e^±0.2, blue by the inverse: warmer or cooler


#: Pictures are standardised this many bytes at a time, which stay in or near a core's cache.
CACHE_BYTES = 2 << 20


@dataclass
class Views:
    """The view of each of n pictures: how it is cropped, mirrored, rotated and recoloured.

    top, left: float (n,) in [0, 1], the crop's position within the room that it has: 0 is the upper
        or left edge, 0.5 the centre.
    mirror: bool (n,), whether the picture is flipped left to right.
    cutout: float (n, 2) in [0, 1), the centre of a square that is blanked out, as a fraction of
        height and width; None for no cutout.
    angle: float (n,), the counterclockwise rotation before the crop, in degrees; None for no
        rotation.
    gain, shift: float (n, 1) or (n, C); pixel values 0..255 become gain · pixel + shift. None
        leaves them unchanged.
    """

    top: numpy.ndarray
    left: numpy.ndarray
    mirror: numpy.ndarray
    cutout: numpy.ndarray | None = None
    angle: numpy.ndarray | None = None
    gain: numpy.ndarray | None = None
    shift: numpy.ndarray | None = None

    def __len__(self) -> int:
        return len(self.mirror)

    def __getitem__(self, chosen: slice | ArrayLike) -> "Views":
        """A subset of the views; `chosen` is a slice, a list of indices or a bool array."""
        return Views(
            **{name: None if array is None else array[chosen] for name, array in vars(self).items()}
        )


#: How a picture can be tested, and how many views of it are then averaged.
TEST_VIEWS = {"centre": 1, "mirror": 2, "ten-crop": 10}


def fixed_views(kind: str, n: int) -> Views:
    """The views, one of TEST_VIEWS, with which each of n pictures is tested, one picture's after
    the other's: the centre crop, that and its mirror image, or ten_views."""
    if kind == "ten-crop":
        return ten_views(n)
    views = centre_views(TEST_VIEWS[kind] * n)
    views.mirror[1::2] = kind == "mirror"
    return views


def centre_views(n: int) -> Views:
    """n views for testing: the centre crop, not mirrored."""
    return Views(numpy.full(n, 0.5), numpy.full(n, 0.5), numpy.zeros(n, bool))


def ten_views(n: int) -> Views:
    """The paper's ten views (section 4.1) of each of n pictures: 10 n views, ten for each picture.

    They are the four corners and the centre, then all five mirrored.
    """
    top, left = numpy.array([[0, 0], [0, 1], [1, 0], [1, 1], [0.5, 0.5]]).T
    return Views(
        numpy.tile(top, 2 * n),
        numpy.tile(left, 2 * n),
        numpy.tile(numpy.repeat([False, True], 5), n),
    )


def random_views(
    n: int,
    rng: numpy.random.Generator,
    crop: bool = True,
    mirror: bool = True,
    cutout: bool = False,
    rotation: bool = False,
    brightness: bool = False,
    colour: bool = False,
    lighting: Lighting | None = None,
) -> Views:
    """n views for training, drawn independently of each other:

    crop        at a position drawn uniformly
    mirror      mirrored with probability 1/2
    cutout      a square blanked out, its centre drawn uniformly
    rotation    by an angle uniform in ±DEGREES
    brightness  all pixels times a factor uniform in 1 ± BRIGHTNESS
    colour      a colour temperature: red times eᵗ and blue times e⁻ᵗ, t uniform in ±TEMPERATURE;
                only for pictures with three channels
    lighting    a shift along the principal components of the training pictures' colours (see
                Lighting)

    Pixel values that leave 0..255 are not clipped.
    """
    views = centre_views(n)
    if crop:
        views.top, views.left = rng.random((2, n))
    if mirror:
        views.mirror = rng.random(n) < 0.5
    if cutout:
        views.cutout = rng.random((n, 2))
    if rotation:
        views.angle = rng.uniform(-DEGREES, DEGREES, n)
    if brightness:
        views.gain = rng.uniform(1 - BRIGHTNESS, 1 + BRIGHTNESS, (n, 1))
    if colour:
        warmth = rng.uniform(-TEMPERATURE, TEMPERATURE, (n, 1))
        views.gain = numpy.exp(warmth * [1, 0, -1]) * (1 if views.gain is None else views.gain)
    if lighting:
        views.shift = lighting.shifts(n, rng)
    return views


def offset(fraction: ArrayLike, room: int) -> numpy.ndarray:
    """The crop's first row or column, an int or int array in 0..room, for a float or float array.

    For a fraction uniform in [0, 1) every offset is equally likely; for 0.5 it is room / 2.
    """
    return numpy.minimum(numpy.floor(numpy.multiply(fraction, room + 1)), room).astype(int)


def pad(images: numpy.ndarray, padding: int, fill: ArrayLike) -> numpy.ndarray:
    """(..., H, W, C) -> (..., H + 2 padding, W + 2 padding, C), framed in `fill` (C values)."""
    *n, h, w, c = images.shape
    padded = numpy.empty((*n, h + 2 * padding, w + 2 * padding, c), images.dtype)
    padded[...] = fill
    padded[..., padding : padding + h, padding : padding + w, :] = images
    return padded


def crop_padded(
    images: numpy.ndarray, views: Views, padding: int, fill: ArrayLike
) -> numpy.ndarray:
    """Pads each picture with `fill`, then crops it to its own size: uint8 (n, H, W, C) -> the same.

    The crop shifts the picture by up to `padding` pixels. With centre views the result is `images`
    itself, not a copy.
    """
    tops, lefts = offset(views.top, 2 * padding), offset(views.left, 2 * padding)
    if (tops == padding).all() and (lefts == padding).all():
        return images
    h, w = images.shape[1:3]
    padded = pad(images, padding, fill)
    crops = numpy.empty_like(images)
    for i, (top, left) in enumerate(zip(tops, lefts, strict=True)):
        crops[i] = padded[i, top : top + h, left : left + w]
    return crops


def mirrored(images: numpy.ndarray, views: Views) -> numpy.ndarray:
    """images (n, H, W, C), flipped left to right where views.mirror is set.

    A new array, or `images` itself if no picture is mirrored.
    """
    if not views.mirror.any():
        return images
    result = images.copy()
    result[views.mirror] = images[views.mirror, :, ::-1]
    return result


def apply_cutout(x: numpy.ndarray, views: Views) -> None:
    """Sets the square at views.cutout to 0, the mean, in standardised pictures x (n, H, W, C).

    The square's side is a quarter of the height; it is clipped at the picture's edges. The network
    cannot rely on a single part of an object (DeVries and Taylor 2017, "cutout"). Changes x in
    place.
    """
    if views.cutout is None:
        return
    side = cutout_side(x.shape[1])
    for picture, (top, left) in zip(x, cutout_corners(views, x.shape[1:3]), strict=True):
        picture[max(top, 0) : top + side, max(left, 0) : left + side] = 0


def cutout_side(height: int) -> int:
    """The side of the square that is cut out of a picture."""
    return round(height / 4)


def cutout_corners(views: Views, shape: tuple[int, int]) -> numpy.ndarray:
    """The first row and column of each square, int (n, 2), in pictures of `shape`, height and
    width.

    They may lie outside the picture; without cutout, all of the square does.
    """
    if views.cutout is None:
        return numpy.broadcast_to(shape, (len(views), 2))
    return numpy.floor(views.cutout * shape).astype(int) - cutout_side(shape[0]) // 2


class Standardize:
    """y = (x - mean) / std per channel: mean 0 and standard deviation 1 over the training pictures.

    mean, std: C floats each, in units of x (0..255). A std of 0 (all pictures constant) counts as
    1, so that y is 0. With a std of 1, pixels are only centred, to about −128..127, as in 2012.
    The mean can also be a picture (H, W, C), as it was in 2012; `mean` is then its mean colour, and
    `relief` (H, W, C) the rest of it, divided by std.
    """

    def __init__(self, mean: ArrayLike, std: ArrayLike):
        self.whole_mean = whole = numpy.asarray(mean, numpy.float32)
        self.std = numpy.where(numpy.asarray(std) > 0, std, 1).astype(numpy.float32)
        self.mean = whole.mean(axis=(0, 1)) if whole.ndim == 3 else whole
        self.relief = (whole - self.mean) / self.std if whole.ndim == 3 else None

    def to_json(self) -> dict[str, list]:
        """The two arguments that make it again."""
        return {"mean": self.whole_mean.tolist(), "std": self.std.tolist()}

    def __call__(
        self, x: numpy.ndarray, views: Views | None = None, out: numpy.ndarray | None = None
    ) -> numpy.ndarray:
        """x: uint8 (n, H, W, C) -> y: float32, same shape, in `out` if that is given. ValueError if
        C does not match the mean.

        The colour changes in `views` come first: y = (gain · x + shift − mean) / std.
        """
        n, h, w, c = x.shape
        if c != len(self.mean):
            raise ValueError(f"pictures have {c} channels, the mean has {len(self.mean)}")
        y = numpy.empty(x.shape, numpy.float32) if out is None else out
        # Long inner loops within the cache: rows of W*C values, not pixels of C, and a few pictures
        # at a time.
        gain, mean = self.colours(views)
        gains, means = None if gain is None else tiled(gain, n, w, c), tiled(mean, n, w, c)
        std = numpy.tile(self.std, w)
        rows = y.reshape(n, h, w * c)
        step = max(1, CACHE_BYTES // (4 * h * w * c))
        for start in range(0, n, step):
            pictures = slice(start, start + step)
            if gains is None:
                numpy.subtract(
                    x[pictures].reshape(-1, h, w * c), means[pictures], out=rows[pictures]
                )
            else:
                numpy.multiply(
                    x[pictures].reshape(-1, h, w * c), gains[pictures], out=rows[pictures]
                )
                rows[pictures] -= means[pictures]
            rows[pictures] /= std
        if self.relief is not None:
            y -= self.relief
        return y

    def colours(self, views: Views | None) -> tuple[ArrayLike | None, ArrayLike]:
        """What pixels are multiplied with, if anything, and what is then subtracted: (C,), (n, 1)
        or (n, C)."""
        if views is None:
            return None, self.mean
        return views.gain, self.mean if views.shift is None else self.mean - views.shift


def tiled(values: numpy.ndarray, n: int, w: int, c: int) -> numpy.ndarray:
    """(c,), (n, 1) or (n, c) -> float32 (n, 1, w · c): each picture's values, repeated w times."""
    values = numpy.broadcast_to(numpy.asarray(values, numpy.float32), (n, c))
    return numpy.tile(values, w)[:, None]
