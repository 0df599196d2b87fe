"""How pictures are looked at before they reach the network: crops, mirroring, rotation, colours, covered parts, scale.

Training looks at each picture from a new place every epoch, in a mirror half of the time, and in another light; testing
looks at its centre, or at ten places.
"""

from dataclasses import dataclass

import numpy

from minialex import backend
from minialex.data.lighting import Lighting

#: What a training picture's view can be drawn from; testing uses none.
AUGMENTATIONS = ("crop", "mirror", "cutout", "rotation", "brightness", "colour", "lighting")

DEGREES = 10.0  #: a picture is turned by up to so many, either way
BRIGHTNESS = 0.4  #: the share by which its pixels become brighter or darker, at most
TEMPERATURE = 0.2  #: red grows by a factor of up to e^0.2 while blue shrinks by it (warmer), or the other way round


@dataclass
class Views:
    """How each of n pictures is looked at.

    top, left: float (n,) in [0, 1], where the crop lies in the room there is: 0 at the upper or left edge, 0.5 in the centre.
    mirror: bool (n,), whether left and right are exchanged.
    cover: float (n, 2) in [0, 1), where the middle of a covered square lies, as a share of height and width; None for none.
    angle: float (n,), by how many degrees it is turned counterclockwise before it is cropped; None for none.
    gain, shift: float (n, 1) or (n, C), what pixel values (0..255) are multiplied with, and what is added then; None for none.
    """

    top: numpy.ndarray
    left: numpy.ndarray
    mirror: numpy.ndarray
    cover: numpy.ndarray | None = None
    angle: numpy.ndarray | None = None
    gain: numpy.ndarray | None = None
    shift: numpy.ndarray | None = None

    def __len__(self) -> int:
        return len(self.mirror)

    def __getitem__(self, chosen) -> "Views":
        """Some of them; `chosen` is a slice, numbers or a bool array."""
        return Views(
            **{name: None if array is None else array[chosen] for name, array in vars(self).items()}
        )


def centre_views(n: int) -> Views:
    """The n views that testing uses: the centre, not mirrored."""
    return Views(numpy.full(n, 0.5), numpy.full(n, 0.5), numpy.zeros(n, bool))


def ten_views(n: int) -> Views:
    """The paper's ten views (section 4.1) of each of n pictures: four corners and the centre, then all five mirrored.

    The first ten are the first picture's.
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
    """n views for training, each with draws of its own:

    crop        from a place drawn uniformly
    mirror      mirrored with probability 1/2
    cutout      a square covered, its middle drawn uniformly
    rotation    turned by an angle uniform in ±DEGREES
    brightness  all pixels times a factor uniform in 1 ± BRIGHTNESS
    colour      a colour temperature: red times eᵗ and blue times e⁻ᵗ, t uniform in ±TEMPERATURE; for red, green and blue only
    lighting    a shift along the principal components of the training pictures' colours (see Lighting)

    Pixels that leave 0..255 on the way are not cut off.
    """
    views = centre_views(n)
    if crop:
        views.top, views.left = rng.random((2, n))
    if mirror:
        views.mirror = rng.random(n) < 0.5
    if cutout:
        views.cover = rng.random((n, 2))
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


def offset(fraction, room: int):
    """The crop's first row or column, 0..room: all equally likely for a fraction uniform in [0, 1); room / 2 for 0.5.

    `fraction` is a float or an array of them; the result is an int or an int array.
    """
    return numpy.minimum(numpy.floor(numpy.multiply(fraction, room + 1)), room).astype(int)


def pad(images: numpy.ndarray, padding: int, fill) -> numpy.ndarray:
    """(..., H, W, C) -> (..., H + 2 padding, W + 2 padding, C): a frame of colour `fill` (C values) around each picture."""
    *n, h, w, c = images.shape
    padded = numpy.empty((*n, h + 2 * padding, w + 2 * padding, c), images.dtype)
    padded[...] = fill
    padded[..., padding : padding + h, padding : padding + w, :] = images
    return padded


def crop_padded(images: numpy.ndarray, views: Views, padding: int, fill) -> numpy.ndarray:
    """Each picture shifted by up to `padding` pixels, with `fill` where it moved away from: uint8 (n, H, W, C), as given.

    It is what a crop of H x W out of the padded picture shows. Centre views give `images` back, not a copy.
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
    """The pictures (n, H, W, C), those with views.mirror set mirrored: a new array, or `images` itself if none is."""
    if not views.mirror.any():
        return images
    result = images.copy()
    result[views.mirror] = images[views.mirror, :, ::-1]
    return result


def cover(x: numpy.ndarray, views: Views) -> None:
    """Sets a square in each standardised picture x (n, H, W, C) to 0, which is the mean, where the views say so.

    Its side is a quarter of the height; what of it lies beyond the edge covers nothing. So no single part of a thing can
    be all that a net knows it by (DeVries and Taylor 2017, "cutout").
    """
    if views.cover is None:
        return
    side = round(x.shape[1] / 4)
    corners = numpy.floor(views.cover * x.shape[1:3]).astype(int) - side // 2
    for picture, (top, left) in zip(x, corners, strict=True):
        picture[max(top, 0) : top + side, max(left, 0) : left + side] = 0


class Standardize:
    """y = (x - mean) / std for each channel: pixels with mean 0 and standard deviation 1 over the training pictures.

    mean, std: C floats each, in units of x (0..255). A std of 0 (all pictures constant) is taken as 1: y is then 0.
    With stds of 1, pixels are only centred: −128..127 or so, as in 2012.
    """

    def __init__(self, mean, std):
        self.mean = numpy.asarray(mean, numpy.float32)
        self.std = numpy.where(numpy.asarray(std) > 0, std, 1).astype(numpy.float32)

    def __call__(self, x: numpy.ndarray, views: Views | None = None) -> numpy.ndarray:
        """x: uint8 (n, H, W, C) -> y: float32, same shape. ValueError if C does not match the mean.

        Colours that `views` change come first: y = (gain · x + shift − mean) / std.
        """
        n, h, w, c = x.shape
        if c != len(self.mean):
            raise ValueError(f"pictures have {c} channels, the mean has {len(self.mean)}")
        y = numpy.empty(x.shape, numpy.float32)
        gain = None if views is None else views.gain
        shift = None if views is None else views.shift
        # Rows of W*C values instead of pixels of C, and a few pictures at a time: long inner loops over what the cache holds.
        gains = None if gain is None else tiled(gain, n, w, c)
        means = tiled(self.mean if shift is None else self.mean - shift, n, w, c)
        std = numpy.tile(self.std, w)
        rows = y.reshape(n, h, w * c)
        for pictures in backend.in_cache(rows):
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
        return y


def tiled(values: numpy.ndarray, n: int, w: int, c: int) -> numpy.ndarray:
    """(c,), (n, 1) or (n, c) -> float32 (n, 1, w · c): for each picture a row of pixels that are all its values."""
    values = numpy.broadcast_to(numpy.asarray(values, numpy.float32), (n, c))
    return numpy.tile(values, w)[:, None]
