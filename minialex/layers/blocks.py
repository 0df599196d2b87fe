"""Blocks of pixels: over them a convolution with a stride is one without.

A kernel of K×K pixels that moves on by s pixels moves on by one block of s×s pixels. With the numbers of a block side by side,
as s²·C channels of one large pixel, its stride is 1, and it covers r = ⌈K / s⌉ blocks each way, with zeros beyond its edge.
"""

from minialex import backend


def kernel_blocks(conv) -> int:
    """How many blocks the kernel of a Conv2d covers each way, the last one perhaps in part."""
    return -(-conv.kernel_size // conv.stride)


def to_blocks(x, s: int, groups: int, buffer):
    """Pictures x (N, rows·s, columns·s, C) as blocks (N, rows, columns, s²·C), each group's channels together.

    `buffer` is the layer's `buffer` or `scratch` method, which gives the memory. Where s is 1, x itself.
    """
    if s == 1:
        return x
    n, height, width, c = x.shape
    parts = x.reshape(n, height // s, s, width // s, s, groups, c // groups).transpose(
        0, 1, 3, 5, 2, 4, 6
    )
    out = buffer("blocks", x, parts.shape)
    out[...] = parts
    return out.reshape(n, height // s, width // s, s * s * c)


def to_pixels(blocks, s: int, groups: int):
    """The way back: blocks (N, rows, columns, s²·C) as pictures (N, rows·s, columns·s, C), a view where s is 1."""
    n, rows, columns, numbers = blocks.shape
    parts = blocks.reshape(n, rows, columns, groups, s, s, -1).transpose(0, 1, 4, 2, 5, 3, 6)
    return parts.reshape(n, rows * s, columns * s, numbers // s**2)


def weight_to_blocks(weight, s: int, buffer):
    """A weight (O, K, K, C) as one for blocks, (O, r, r, s²·C). Where s is 1, the weight itself."""
    if s == 1:
        return weight
    filters, k, _, channels = weight.shape
    side = -(-k // s) * s
    whole = backend.of(weight).zeros((filters, side, side, channels), weight.dtype)
    whole[:, :k, :k] = weight
    return to_blocks(whole, s, 1, buffer)


def weight_to_pixels(weight, s: int, k: int):
    """The way back: the kernels of k×k pixels, (O, k, k, C), of a weight for blocks."""
    return to_pixels(weight, s, 1)[:, :k, :k]
