"""im2col and col2im in memory that is used again: one copy of a view that overlaps itself, or a
kernel on a GPU."""

from collections.abc import Iterator

from minialex import backend
from minialex.backend import Array
from minialex.fast.gpu import kernels
from minialex.fast.memory import Memory
from minialex.layers.im2col import output_size, place


def im2col(
    x: Array, kernel_size: int, stride: int, padding: int, groups: int, out: Array, memory: Memory
) -> Array:
    """Writes the windows of the pictures x (n, H, W, C) as rows into `out`
    (groups, n·OH·OW, kernel_size²·C / groups), and returns it.

    The view repeats pixels without copying them (a window's neighbour shares most of its pixels);
    the one copy then writes rows. As channels run fastest, it moves kernel_size·C numbers at a
    stretch, or those of a group.
    """
    height, width = (output_size(side, kernel_size, stride, padding) for side in x.shape[1:3])
    if backend.on_gpu(x):
        n, in_height, in_width, channels = x.shape
        made_from = dict(pictures=n, in_height=in_height, in_width=in_width, channels=channels)
        window = dict(kernel=kernel_size, stride=stride, padding=padding)
        kernels.im2col(x, out, **made_from, groups=groups, height=height, width=width, **window)
        return out
    x = padded(x, padding, 0, memory)
    n, _, _, c = x.shape
    step_n, step_h, step_w, step_c = x.strides
    view = backend.of(x).lib.stride_tricks.as_strided(
        x,
        (groups, n, height, width, kernel_size, kernel_size, c // groups),
        (c // groups * step_c, step_n, stride * step_h, stride * step_w, step_h, step_w, step_c),
    )
    out.reshape(view.shape)[...] = view
    return out


def col2im(
    columns: Array, kernel_size: int, stride: int, padding: int, x: Array, memory: Memory
) -> None:
    """Writes into the pictures x (n, H, W, C) the sum of all numbers in `columns`, shaped as
    im2col's `out`, that im2col takes from each pixel: its transpose."""
    (n, _, _, c), groups = x.shape, len(columns)
    height, width = (output_size(side, kernel_size, stride, padding) for side in x.shape[1:3])
    if backend.on_gpu(x):
        window = dict(kernel=kernel_size, stride=stride, padding=padding)
        made_from = dict(pictures=n, groups=groups, out_height=height, out_width=width)
        kernels.col2im(columns, x, **made_from, **sizes(x), **window)
        return
    picture = with_margin(x, padding, memory)
    picture[...] = 0
    columns = columns.reshape(groups, n, height, width, kernel_size**2, c // groups)
    columns = columns.transpose(1, 2, 3, 4, 0, 5)
    for k, tap in enumerate(taps(picture, kernel_size, stride, height, width)):
        tap = tap.reshape(n, height, width, groups, c // groups)  # a view: channels lie together
        tap += columns[:, :, :, k]
    if padding:
        x[...] = inside(picture, padding)


def taps(x: Array, kernel_size: int, stride: int, height: int, width: int) -> Iterator[Array]:
    """For each place (kh, kw) in the window, row by row: the view (n, height, width, C) of x that
    all windows have there."""
    for kh in range(kernel_size):
        for kw in range(kernel_size):
            yield x[:, place(kh, height, stride), place(kw, width, stride)]


def with_margin(x: Array, padding: int, memory: Memory) -> Array:
    """An array like x (n, H, W, C) with room for `padding` pixels on every side; x itself if that
    is 0."""
    n, h, w, c = x.shape
    shape = (n, h + 2 * padding, w + 2 * padding, c)
    return memory.scratch("padded", x, shape) if padding else x


def padded(x: Array, padding: int, value: float, memory: Memory) -> Array:
    """x (n, H, W, C) with `padding` pixels of `value` around it; x itself where padding is 0."""
    out = with_margin(x, padding, memory)
    if padding:
        out[...] = value
        inside(out, padding)[...] = x
    return out


def inside(x: Array, padding: int) -> Array:
    """The view of x (n, H, W, C) without `padding` pixels on every side."""
    return x[:, padding : x.shape[1] - padding, padding : x.shape[2] - padding]


def sizes(x: Array) -> dict[str, int]:
    """What the kernels call the shape of the pictures x (n, H, W, C)."""
    _, height, width, channels = x.shape
    return dict(height=height, width=width, channels=channels)
