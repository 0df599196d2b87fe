"""How pictures are looked at before they reach the network: crops, mirroring, standardisation, covered parts.

Training looks at each picture from a new place every epoch, and in a mirror half of the time; testing looks
at its centre, or at ten places.
"""

from dataclasses import dataclass

import numpy

from minialex import backend

#: What a training picture's view can be drawn from; testing uses none.
AUGMENTATIONS = ("crop", "mirror", "cutout")


@dataclass
class Views:
    """How each of n pictures is looked at.

    top, left: float (n,) in [0, 1], where the crop lies in the room there is: 0 at the upper or left edge, 0.5 in the centre.
    mirror: bool (n,), whether left and right are exchanged.
    cover: float (n, 2) in [0, 1), where the middle of a covered square lies, as a share of height and width; None for none.
    """

    top: numpy.ndarray
    left: numpy.ndarray
    mirror: numpy.ndarray
    cover: numpy.ndarray | None = None

    def __len__(self) -> int:
        return len(self.mirror)


def centre_views(n: int) -> Views:
    """The n views that testing uses: the centre, not mirrored."""
    return Views(numpy.full(n, 0.5), numpy.full(n, 0.5), numpy.zeros(n, bool))


def ten_views(n: int) -> Views:
    """The paper's ten views (section 4.1) of each of n pictures: four corners and the centre, then all five mirrored.

    The first ten are the first picture's.
    """
    top, left = numpy.array([[0, 0], [0, 1], [1, 0], [1, 1], [0.5, 0.5]]).T
    return Views(numpy.tile(top, 2 * n), numpy.tile(left, 2 * n), numpy.tile(numpy.repeat([False, True], 5), n))


def random_views(n: int, rng: numpy.random.Generator, crop: bool = True, mirror: bool = True, cutout: bool = False) -> Views:
    """n views for training: with `crop` from places drawn uniformly, with `mirror` mirrored with probability 1/2, with
    `cutout` covered at places drawn uniformly."""
    views = centre_views(n)
    if crop:
        views.top, views.left = rng.random((2, n))
    if mirror:
        views.mirror = rng.random(n) < 0.5
    if cutout:
        views.cover = rng.random((n, 2))
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
    """

    def __init__(self, mean, std):
        self.mean = numpy.asarray(mean, numpy.float32)
        self.std = numpy.where(numpy.asarray(std) > 0, std, 1).astype(numpy.float32)

    def __call__(self, x: numpy.ndarray) -> numpy.ndarray:
        """x: uint8 (n, H, W, C) -> y: float32, same shape. ValueError if C does not match the mean."""
        n, h, w, c = x.shape
        if c != len(self.mean):
            raise ValueError(f"pictures have {c} channels, the mean has {len(self.mean)}")
        y = numpy.empty(x.shape, numpy.float32)
        # Rows of W*C values instead of pixels of C, and a few pictures at a time: long inner loops over what the cache holds.
        mean, std = numpy.tile(self.mean, w), numpy.tile(self.std, w)
        rows = y.reshape(n, h, w * c)
        for pictures in backend.in_cache(rows):
            numpy.subtract(x[pictures].reshape(-1, h, w * c), mean, out=rows[pictures])
            rows[pictures] /= std
        return y


def standardize_from(images, limit: int = 2000) -> Standardize:
    """The Standardize of the training pictures `images`, seen at centre views.

    Pictures in memory are all counted. Where each must first be decoded or resized, at most `limit` of them are,
    evenly spaced.
    """
    n = len(images) if images.in_memory else min(limit, len(images))
    indices = numpy.linspace(0, len(images) - 1, n).round().astype(int)
    total, squares = 0, 0  # exact integers, (C,)
    for chunk in numpy.array_split(indices, -(-n // 100)):
        x = images.read(chunk, centre_views(len(chunk)))
        total += x.sum(axis=0, dtype=numpy.uint32).sum(axis=(0, 1), dtype=numpy.int64)
        squares += numpy.square(x, dtype=numpy.uint16).sum(axis=0, dtype=numpy.uint32).sum(axis=(0, 1), dtype=numpy.int64)
    count = n * images.image_size**2
    mean = total / count
    return Standardize(mean, numpy.sqrt(numpy.maximum(squares / count - mean**2, 0)))
