"""Pictures and labels in somebody's own arrays, turned into a data set."""

from collections.abc import Sequence

import numpy
from numpy.typing import ArrayLike

from minialex.data.dataset import PADDING, Dataset, in_memory
from minialex.data.split import VAL_SHARE, stratified

Range = tuple[float, float]

#: The largest pixels that float32 can scale.
LARGEST = 1e30

#: The most classes that are believed where they have no names.
MOST_CLASSES = 100_000


def from_arrays(
    pictures: ArrayLike,
    labels: ArrayLike,
    test_pictures: ArrayLike | None = None,
    test_labels: ArrayLike | None = None,
    class_names: Sequence[str] | None = None,
    val_share: float | None = None,
    seed: int = 0,
    image_size: int | None = None,
    padding: int = PADDING,
) -> Dataset:
    """The data set of your own arrays.

    pictures: (N, S, S, C), C = 1 or 3, or (N, S, S) for grey ones. uint8 stays as it is; other
        numbers are scaled so that the training pictures' range becomes 0 to 255.
    labels: (N,) whole numbers from 0, or names.
    test_pictures, test_labels: without them the share `val_share` of each class (default:
        split.VAL_SHARE), drawn by `seed`, is kept from training and tested with.
    class_names: default: the names among the labels, sorted, or the numbers.
    image_size: the side that pictures are resized to; None keeps S.
    padding: by how many pixels a random crop may shift a picture.
    ValueError for arrays of another shape or kind.

    >>> import numpy
    >>> x, y = numpy.random.rand(20, 8, 8), ["cat", "dog"] * 10
    >>> dataset = from_arrays(x, y)
    >>> dataset.class_names, len(dataset.train), len(dataset.test)
    (['cat', 'dog'], 18, 2)
    """
    if (test_pictures is None) != (test_labels is None):
        raise ValueError("test_pictures and test_labels go together, got only one of them")
    x, share = as_array(pictures), None
    if x.ndim == 0:
        raise ValueError("expected pictures, got a single number")
    if test_pictures is None:
        share = VAL_SHARE if val_share is None else val_share
        y = numpy.asarray(labels)
        _, class_names = numbered(y, class_names)  # of all labels, whichever are held out
        if len(x) != len(y):
            raise ValueError(f"expected {len(x)} labels, one per picture, got {len(y)}")
        kept, tested = stratified(y, share, seed)
        if len(tested) == 0:
            raise ValueError("expected a class with two pictures at least, to hold one out")
        x, labels, test_pictures, test_labels = x[kept], y[kept], x[tested], y[tested]
    pixels = range_of(x)
    train = as_pictures(x, pixels)
    test = as_pictures(test_pictures, pixels, train.shape[1:])
    numbers, names = numbered(labels, class_names)
    test_numbers, _ = numbered(test_labels, names)
    parts = (train, numbers), (test, test_numbers)
    dataset = in_memory("arrays", *parts, names, image_size, padding)
    dataset.pixel_range, dataset.val_share = pixels, share
    return dataset


def as_pictures(
    pictures: ArrayLike, pixel_range: Sequence[float] | None, expected: Sequence[int] | None = None
) -> numpy.ndarray:
    """Pictures as uint8 (N, S, S, C): from (N, S, S, C), (N, S, S) if they are grey, or one of
    them.

    pixel_range: the numbers that become 0 and 255; uint8 pictures stay as they are.
    expected: (S, S, C), if it is known. ValueError if the pictures are not that.
    """
    x = as_array(pictures)
    if x.dtype.kind not in "buif":
        raise ValueError(f"expected pictures as numbers, got {x.dtype}")
    got = x.shape
    if expected is not None:
        *sides, channels = expected
        if channels == 1 and list(x.shape[-2:]) == sides and x.ndim <= 3:
            x = x[..., None]
        if list(x.shape) == list(expected):
            x = x[None]
    elif x.ndim == 3:
        x = x[..., None]
    wanted = expected or ("S", "S", "C")
    if x.ndim != 4 or (expected is not None and list(x.shape[1:]) != list(expected)):
        shape = ", ".join(map(str, wanted))
        raise ValueError(f"expected pictures (N, {shape}), got {got}")
    if x.shape[1] != x.shape[2] or x.shape[3] not in (1, 3):
        raise ValueError(f"expected square pictures (N, S, S, C) with C = 1 or 3, got {got}")
    if len(x) == 0:
        raise ValueError("expected at least one picture, got none")
    if x.size == 0:
        raise ValueError(f"expected pictures of at least one pixel, got {got}")
    if x.dtype == numpy.uint8:
        return x
    if not numpy.isfinite(x).all():
        raise ValueError("expected finite pixels, got NaN or infinity among them")
    if pixel_range is None and x.dtype.kind == "f" and 0 < x.max() <= 1:
        raise ValueError(f"expected pixels from 0 to 255, got {x.min():g} to {x.max():g}")
    low, high = pixel_range or (0, 255)
    if not max(abs(low), abs(high), abs(float(x.min())), abs(float(x.max()))) <= LARGEST:
        raise ValueError(f"expected pixels up to {LARGEST:g}, got {x.min():g} to {x.max():g}")
    if 0 < high - low < 1 / LARGEST:
        raise ValueError(f"expected pixels in a range, got {low:g} to {high:g}")
    scaled = (x.astype(numpy.float32) - low) * (255 / ((high - low) or 1))
    return scaled.round().clip(0, 255).astype(numpy.uint8)


def as_array(pictures: ArrayLike) -> numpy.ndarray:
    """The pictures as one array; ValueError if those of a list have different shapes."""
    try:
        return numpy.asarray(pictures)
    except ValueError:
        shapes = dict.fromkeys(str(numpy.shape(picture)) for picture in pictures)
        got = " and ".join(shapes)
        raise ValueError(f"expected pictures of the same shape, got {got}") from None


def range_of(pictures: ArrayLike) -> Range | None:
    """The least and the greatest pixel, which become 0 and 255; None for uint8, which stay."""
    x = as_array(pictures)
    if x.dtype == numpy.uint8 or x.size == 0 or x.dtype.kind not in "buif":
        return None
    return float(x.min()), float(x.max())


def numbered(
    labels: ArrayLike, class_names: Sequence[str] | None
) -> tuple[numpy.ndarray, list[str]]:
    """Labels as integers from 0, int64 (N,), and the names of the classes.

    Names, as labels are numbered in the order of `class_names`, or in alphabetical order.
    ValueError for labels that are neither names nor whole numbers from 0, or name no class.
    """
    x = numpy.asarray(labels)
    if x.ndim != 1:
        raise ValueError(f"expected labels (N,), got {x.shape}")
    if x.dtype.kind == "S":
        x = numpy.char.decode(x, "utf-8", "replace")
    if x.dtype.kind in "OSU":
        names = list(class_names or sorted({str(name) for name in x}))
        numbers = {name: number for number, name in enumerate(names)}
        unknown = next((str(name) for name in x if str(name) not in numbers), None)
        if unknown is not None:
            raise ValueError(f"the label {unknown!r} is not one of the classes {', '.join(names)}")
        return numpy.array([numbers[str(name)] for name in x], numpy.int64), names
    if x.dtype.kind not in "iu":
        raise ValueError(f"expected labels as whole numbers or names, got {x.dtype}")
    count = len(class_names) if class_names else int(x.max(initial=0)) + 1
    if count > MOST_CLASSES:
        most = f"expected labels up to {MOST_CLASSES:,} without class_names"
        raise ValueError(f"{most}, got {count - 1:,}")
    if len(x) and not (x.min() >= 0 and x.max() < count):
        raise ValueError(f"expected labels from 0 to {count - 1}, got {x.min()} to {x.max()}")
    return x.astype(numpy.int64), list(class_names or map(str, range(count)))
