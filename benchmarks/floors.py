"""The least memory traffic that a layer can have."""

import numpy

from minialex.layers import Conv2d, Dropout, Flatten, Layer, LocalResponseNorm, MaxPool2d


def floors(layer: Layer, n: int, before: tuple, after: tuple, first: bool) -> tuple[int, int]:
    """The bytes that forward and backward must move for n pictures of shape `before`.

    after: the shape of the layer's output for one picture.
    first: whether it is the net's first layer, which computes no gradient of its input.
    """
    if isinstance(layer, Flatten):
        return 0, 0
    x, y = n * int(numpy.prod(before)), n * int(numpy.prod(after))
    weights = sum(array.size for array in layer.params.values())
    dx = 0 if first else x
    sizes = {MaxPool2d: y / 4, LocalResponseNorm: y}
    kept = sum(size for kind, size in sizes.items() if isinstance(layer, kind))
    forward, backward = x + weights + y + kept, y + kept + 2 * weights + dx
    if not isinstance(layer, MaxPool2d | Dropout):
        backward += x
    if isinstance(layer, Conv2d):
        columns = y // layer.out_channels * layer.kernel_size**2 * layer.in_channels
        forward += 2 * columns
        backward += 2 * columns * (1 if first else 2)
    return int(4 * forward), int(4 * backward)
