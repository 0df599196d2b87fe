"""Space-to-depth: a convolution with a stride becomes one without.

A kernel of K×K pixels that moves by s pixels moves by one block of s×s pixels. With the numbers of
a block side by side, as s²·C channels of one large pixel, its stride is 1 and it covers r = ⌈K / s⌉
blocks each way, with zeros beyond its edge.
"""

from collections.abc import Callable

from minialex import backend
from minialex.backend import Array
from minialex.layers import Conv2d


def kernel_blocks(conv: Conv2d) -> int:
    """How many blocks the kernel covers each way, the last one perhaps in part."""
    return -(-conv.kernel_size // conv.stride)


def to_blocks(x: Array, s: int, groups: int, scratch: Callable) -> Array:
    """Pictures x (N, rows·s, columns·s, C) as blocks (N, rows, columns, s²·C), each group's
    channels together. `scratch` is a Memory's method, which gives the room. Where s is 1, x itself.
    """
    if s == 1:
        return x
    n, height, width, c = x.shape
    parts = x.reshape(n, height // s, s, width // s, s, groups, c // groups)
    parts = parts.transpose(0, 1, 3, 5, 2, 4, 6)  # (N, rows, columns, groups, s, s, C / groups)
    out = scratch("blocks", x, parts.shape)
    out[...] = parts
    return out.reshape(n, height // s, width // s, s * s * c)


def to_pixels(blocks: Array, s: int, groups: int) -> Array:
    """The inverse: blocks (N, rows, columns, s²·C) as pictures (N, rows·s, columns·s, C), a view
    where s is 1."""
    n, rows, columns, numbers = blocks.shape
    parts = blocks.reshape(n, rows, columns, groups, s, s, -1).transpose(0, 1, 4, 2, 5, 3, 6)
    return parts.reshape(n, rows * s, columns * s, numbers // s**2)


def weight_to_blocks(weight: Array, s: int, scratch: Callable) -> Array:
    """A weight (O, K, K, C) as one for blocks, (O, r, r, s²·C). Where s is 1, the weight itself."""
    if s == 1:
        return weight
    filters, k, _, channels = weight.shape
    side = -(-k // s) * s
    whole = backend.of(weight).zeros((filters, side, side, channels), weight.dtype)
    whole[:, :k, :k] = weight
    return to_blocks(whole, s, 1, scratch)


def weight_to_pixels(weight: Array, s: int, k: int) -> Array:
    """The inverse: the kernels of k×k pixels, (O, k, k, C), of a weight for blocks."""
    return to_pixels(weight, s, 1)[:, :k, :k]
