"""What convolution and pooling share: windows that slide over a picture, laid out as rows (im2col),
and rows added back to where they came from (col2im)."""

from minialex import backend
from minialex.backend import Array


def output_size(size: int, kernel_size: int, stride: int, padding: int) -> int:
    """How many windows fit along one side: ⌊(size + 2·padding − kernel_size) / stride⌋ + 1.

    ValueError if not even one fits.
    """
    if size + 2 * padding < kernel_size:
        raise ValueError(
            f"a window of {kernel_size} does not fit into {size} pixels with padding {padding}"
        )
    return (size + 2 * padding - kernel_size) // stride + 1


def im2col(x: Array, kernel_size: int, stride: int, padding: int, value: float = 0) -> Array:
    """Every window of the pictures x: (N, H, W, C) -> (N, OH, OW, K, K, C).

    `padding` pixels of `value` are put around each picture first. For each place (kh, kw) in the
    window, one slice of x holds the pixels that all windows have there.
    """
    n, height, width, channels = x.shape
    oh, ow = (output_size(side, kernel_size, stride, padding) for side in (height, width))
    columns = backend.of(x).empty((n, oh, ow, kernel_size, kernel_size, channels), x.dtype)
    x = pad(x, padding, value)
    for kh in range(kernel_size):
        for kw in range(kernel_size):
            columns[:, :, :, kh, kw] = x[:, place(kh, oh, stride), place(kw, ow, stride)]
    return columns


def col2im(columns: Array, shape: tuple[int, ...], stride: int, padding: int) -> Array:
    """The transpose of im2col: pictures of `shape`, each pixel the sum of all numbers in `columns`
    that im2col copies it to: (N, OH, OW, K, K, C) -> (N, H, W, C).
    """
    n, height, width, channels = shape
    _, oh, ow, kernel_size, _, _ = columns.shape
    padded_shape = (n, height + 2 * padding, width + 2 * padding, channels)
    x = backend.of(columns).zeros(padded_shape, columns.dtype)
    for kh in range(kernel_size):
        for kw in range(kernel_size):
            x[:, place(kh, oh, stride), place(kw, ow, stride)] += columns[:, :, :, kh, kw]
    return x[:, padding : padding + height, padding : padding + width].copy()


def place(k: int, count: int, stride: int) -> slice:
    """Along one side, the pixels that `count` windows have at their place k: k, k + stride, …"""
    return slice(k, k + stride * (count - 1) + 1, stride)


def pad(x: Array, padding: int, value: float = 0) -> Array:
    """Pictures x (N, H, W, C) with `padding` pixels of `value` on every side."""
    n, height, width, channels = x.shape
    shape = (n, height + 2 * padding, width + 2 * padding, channels)
    padded = backend.of(x).full(shape, value, x.dtype)
    padded[:, padding : padding + height, padding : padding + width] = x
    return padded
