"""What convolution and pooling share: the windows that slide over a picture."""

from collections.abc import Iterator

from minialex import backend, kernels


def output_size(size: int, kernel_size: int, stride: int, padding: int) -> int:
    """How many windows fit along one side: ⌊(size + 2·padding − kernel_size) / stride⌋ + 1.

    ValueError if not even one fits.
    """
    if size + 2 * padding < kernel_size:
        raise ValueError(
            f"a window of {kernel_size} does not fit into {size} pixels with padding {padding}"
        )
    return (size + 2 * padding - kernel_size) // stride + 1


def sizes(x) -> dict[str, int]:
    """What the kernels call the shape of the pictures x (n, H, W, C)."""
    _, height, width, channels = x.shape
    return dict(height=height, width=width, channels=channels)


def with_margin(x, padding: int, buffer, name: str = "padded"):
    """An array like x (n, H, W, C) with room for `padding` pixels on every side: x itself where that is 0.

    `buffer` is the layer's `buffer` method, which gives the memory.
    """
    n, h, w, c = x.shape
    return buffer(name, x, (n, h + 2 * padding, w + 2 * padding, c)) if padding else x


def padded(x, padding: int, value: float, buffer):
    """x (n, H, W, C) with `padding` pixels of `value` around it; x itself where padding is 0."""
    out = with_margin(x, padding, buffer)
    if padding:
        out[...] = value
        inside(out, padding)[...] = x
    return out


def inside(x, padding: int):
    """The view of x (n, H, W, C) that leaves out `padding` pixels on every side."""
    return x[:, padding : x.shape[1] - padding, padding : x.shape[2] - padding]


def taps(x, kernel_size: int, stride: int, height: int, width: int) -> Iterator:
    """For each place (kh, kw) in the window, row by row: the view (n, height, width, C) of x that all windows have there."""
    for kh in range(kernel_size):
        for kw in range(kernel_size):
            yield x[
                :,
                kh : kh + stride * (height - 1) + 1 : stride,
                kw : kw + stride * (width - 1) + 1 : stride,
            ]


def im2col(x, kernel_size: int, stride: int, padding: int, groups: int, out, buffer):
    """The windows of the pictures x (n, H, W, C) as rows, written into `out` (groups, n·OH·OW, kernel_size²·C / groups).

    The view repeats pixels without copying them (a window's neighbour shares most of its pixels); the one
    copy then writes rows, and as channels run fastest it moves kernel_size·C numbers at a stretch, or those of a group.
    """
    height, width = (output_size(side, kernel_size, stride, padding) for side in x.shape[1:3])
    if kernels.on_gpu(x):
        n, in_height, in_width, channels = x.shape
        made_from = dict(
            pictures=n, in_height=in_height, in_width=in_width, channels=channels, groups=groups
        )
        window = dict(kernel=kernel_size, stride=stride, padding=padding)
        kernels.im2col(x, out, **made_from, height=height, width=width, **window)
        return out
    x = padded(x, padding, 0, buffer)
    n, _, _, c = x.shape
    step_n, step_h, step_w, step_c = x.strides
    view = backend.of(x).lib.stride_tricks.as_strided(
        x,
        (groups, n, height, width, kernel_size, kernel_size, c // groups),
        (c // groups * step_c, step_n, stride * step_h, stride * step_w, step_h, step_w, step_c),
    )
    out.reshape(view.shape)[...] = view
    return out


def col2im(columns, kernel_size: int, stride: int, padding: int, x, buffer) -> None:
    """Writes into the pictures x (n, H, W, C) the sum of all numbers in `columns` that im2col took from each: its transpose."""
    (n, _, _, c), groups = x.shape, len(columns)
    height, width = (output_size(side, kernel_size, stride, padding) for side in x.shape[1:3])
    if kernels.on_gpu(x):
        window = dict(kernel=kernel_size, stride=stride, padding=padding)
        kernels.col2im(
            columns,
            x,
            pictures=n,
            groups=groups,
            out_height=height,
            out_width=width,
            **sizes(x),
            **window,
        )
        return
    picture = with_margin(x, padding, buffer)
    picture[...] = 0
    columns = columns.reshape(groups, n, height, width, kernel_size**2, c // groups).transpose(
        1, 2, 3, 4, 0, 5
    )
    for k, tap in enumerate(taps(picture, kernel_size, stride, height, width)):
        tap = tap.reshape(
            n, height, width, groups, c // groups
        )  # a view: channels lie side by side
        tap += columns[:, :, :, k]
    if padding:
        x[...] = inside(picture, padding)
