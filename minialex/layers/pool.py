"""Pooling: each window of a feature map becomes one number."""

import math

from minialex import backend, kernels
from minialex.layers.layer import Layer, check_input, check_positive, check_shape
from minialex.layers.windows import inside, output_size, padded, sizes, taps, with_margin


class MaxPool2d(Layer):
    """y = the largest x in each window;  dx = dy, added to the pixel it came from (windows may overlap).

    With kernel_size 3 and stride 2 the windows overlap, as in Krizhevsky et al. 2012, section 3.4. In a tie the first
    maximum wins, row by row. Padding is −∞, so it never wins.
    x: (N, H, W, C); y: (N, OH, OW, C), OH = ⌊(H + 2·padding − kernel_size) / stride⌋ + 1.
    """

    def __init__(self, kernel_size: int, stride: int, padding: int = 0):
        super().__init__()
        check_positive(kernel_size=kernel_size, stride=stride)
        if kernel_size > 15:
            raise ValueError(
                f"kernel_size is at most 15 (one byte says which pixel won), got {kernel_size}"
            )
        if not 0 <= 2 * padding <= kernel_size:
            raise ValueError(
                f"padding must be between 0 and half of kernel_size {kernel_size}, got {padding}"
            )
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        self.window = dict(kernel=kernel_size, stride=stride, padding=padding)

    def forward(self, x, train: bool = False):
        check_input(self, x, None, None, None)
        shape = (len(x), *self.output_shape(x.shape[1:]))
        y = self.buffer("y", x, shape)
        #: Which of the window's pixels was the largest, counted from the last, which is 1.
        winner = (
            self.buffer("winner", x, shape, dtype="uint8") if train or kernels.on_gpu(x) else None
        )
        if kernels.on_gpu(x):
            in_height, in_width = x.shape[1:3]
            kernels.max_pool_forward(
                x, y, winner, in_height=in_height, in_width=in_width, **sizes(y), **self.window
            )
        else:
            self.pool(x, y, winner)
        self.cache = (x.shape, winner) if train else None
        return y

    def pool(self, x, y, winner) -> None:
        """Writes the largest pixels of x into y, and which they are into `winner` unless it is None."""
        xp, (_, height, width, _) = backend.of(x), y.shape
        if winner is not None:
            winner[...] = 0
        for images in backend.in_cache(x):
            largest = y[images]
            picture = padded(x[images], self.padding, -math.inf, self.scratch)
            over_rows = self.scratch("rows", picture, (len(picture), height, *picture.shape[2:]))
            self.maximum(self.shifted(picture, 1, height), over_rows)
            self.maximum(self.shifted(over_rows, 2, width), largest)
            if winner is not None:
                for k, tap in enumerate(
                    taps(picture, self.kernel_size, self.stride, height, width)
                ):
                    hit = (tap == largest).view(
                        "uint8"
                    )  # of equals the first wins: it has the largest number
                    xp.maximum(winner[images], hit * (self.kernel_size**2 - k), out=winner[images])

    def shifted(self, x, axis: int, size: int) -> list:
        """For each place along one side of the window: the view of x that all windows have there, `size` along `axis`."""
        stretch = self.stride * (size - 1) + 1
        before = (slice(None),) * axis
        return [x[(*before, slice(k, k + stretch, self.stride))] for k in range(self.kernel_size)]

    def maximum(self, arrays: list, out) -> None:
        """Writes the largest of `arrays` at each place into `out`."""
        xp = backend.of(out)
        xp.maximum(arrays[0], arrays[-1], out=out)
        for array in arrays[1:-1]:
            xp.maximum(out, array, out=out)

    def backward(self, dy):
        shape, winner = self.cached()
        dx = self.room_for_dx(dy, shape)
        if kernels.on_gpu(dy):
            out_height, out_width = dy.shape[1:3]
            kernels.max_pool_backward(
                dy,
                winner,
                dx,
                out_height=out_height,
                out_width=out_width,
                **sizes(dx),
                **self.window,
            )
            return dx
        for images in backend.in_cache(dx):
            picture = with_margin(dx[images], self.padding, self.scratch)
            picture[...] = 0
            for k, tap in enumerate(taps(picture, self.kernel_size, self.stride, *dy.shape[1:3])):
                tap += dy[images] * (winner[images] == self.kernel_size**2 - k)
            if self.padding:
                dx[images] = inside(picture, self.padding)
        return dx

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        check_shape(self, shape, None, None, None)
        height, width, channels = shape
        sides = (
            output_size(side, self.kernel_size, self.stride, self.padding)
            for side in (height, width)
        )
        return (*sides, channels)

    def __repr__(self) -> str:
        padding = f", padding={self.padding}" * (self.padding > 0)
        return f"MaxPool2d({self.kernel_size}, stride={self.stride}{padding})"


class AvgPool2d(Layer):
    """y = the mean of x over each window;  dx = dy / kernel_size², added to each pixel of the window.

    LeNet's way of pooling (LeCun et al. 1998). x: (N, H, W, C); y: (N, OH, OW, C), OH = ⌊(H − kernel_size) / stride⌋ + 1.
    """

    def __init__(self, kernel_size: int, stride: int):
        super().__init__()
        check_positive(kernel_size=kernel_size, stride=stride)
        self.kernel_size, self.stride = kernel_size, stride

    def forward(self, x, train: bool = False):
        check_input(self, x, None, None, None)
        y = self.buffer("y", x, (len(x), *self.output_shape(x.shape[1:])))
        for images in backend.in_cache(x):
            y[images] = 0
            for tap in taps(x[images], self.kernel_size, self.stride, *y.shape[1:3]):
                y[images] += tap
            y[images] /= self.kernel_size**2
        self.cache = x.shape if train else None
        return y

    def backward(self, dy):
        dx = self.room_for_dx(dy, self.cached())
        for images in backend.in_cache(dx):
            dx[images] = 0
            share = dy[images] / self.kernel_size**2
            for tap in taps(dx[images], self.kernel_size, self.stride, *dy.shape[1:3]):
                tap += share
        return dx

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        check_shape(self, shape, None, None, None)
        height, width, channels = shape
        return (
            *(output_size(side, self.kernel_size, self.stride, 0) for side in (height, width)),
            channels,
        )

    def __repr__(self) -> str:
        return f"AvgPool2d({self.kernel_size}, stride={self.stride})"
