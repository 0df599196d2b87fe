"""Pooling a few pictures at a time, while they are in the cache; kernels on a GPU."""

import math

from minialex import backend
from minialex.backend import Array
from minialex.fast.gpu import kernels
from minialex.fast.im2col import inside, padded, sizes, taps, with_margin
from minialex.fast.layer import FastLayer
from minialex.layers import AvgPool2d, MaxPool2d
from minialex.layers.checks import check_input
from minialex.layers.im2col import place


class FastMaxPool2d(FastLayer, MaxPool2d):
    """The maximum along rows, then along columns, so that no window is laid out.

    `winner` says in one byte which of the window's pixels was the largest, counted from the last,
    which is 1: kernel sizes up to 15. Where NaN is in a window, y is NaN and no pixel gets a
    gradient.
    """

    def forward(self, x: Array, train: bool = False) -> Array:
        check_input(self, x, None, None, None)
        shape = (len(x), *self.output_shape(x.shape[1:]))
        y, on_gpu = self.room_for_y(x, shape, train and self.y_needed), backend.on_gpu(x)
        keeps = train or on_gpu
        winner = self.memory.kept(self, "winner", x, shape, "uint8") if keeps else None
        if on_gpu:
            in_height, in_width = x.shape[1:3]
            window = dict(**self.window(), in_height=in_height, in_width=in_width)
            kernels.max_pool_forward(x, y, winner, **sizes(y), **window)
        else:
            self.pool(x, y, winner)
        self.cache = (x.shape, winner) if train else None
        return y

    def backward(self, dy: Array) -> Array:
        shape, winner = self.cached()
        dx = self.memory.passed(dy, shape)
        if backend.on_gpu(dy):
            out_height, out_width = dy.shape[1:3]
            window = dict(**self.window(), out_height=out_height, out_width=out_width)
            kernels.max_pool_backward(dy, winner, dx, **sizes(dx), **window)
            return dx
        for images in self.memory.cache_slices(dx):
            picture = with_margin(dx[images], self.padding, self.memory)
            picture[...] = 0
            for k, tap in enumerate(taps(picture, self.kernel_size, self.stride, *dy.shape[1:3])):
                tap += dy[images] * (winner[images] == self.kernel_size**2 - k)
            if self.padding:
                dx[images] = inside(picture, self.padding)
        return dx

    def pool(self, x: Array, y: Array, winner: Array | None) -> None:
        """Writes the largest pixels of x into y, and which they are into `winner` if there is
        one."""
        xp, (_, height, width, _) = backend.of(x), y.shape
        if winner is not None:
            winner[...] = 0
        for images in self.memory.cache_slices(x):
            largest = y[images]
            picture = padded(x[images], self.padding, -math.inf, self.memory)
            shape = (len(picture), height, *picture.shape[2:])
            over_rows = self.memory.scratch("rows", picture, shape)
            self.maximum(self.shifted(picture, 1, height), over_rows)
            self.maximum(self.shifted(over_rows, 2, width), largest)
            if winner is not None:
                places = taps(picture, self.kernel_size, self.stride, height, width)
                for k, tap in enumerate(places):
                    # in a tie the first wins: it has the largest number
                    hit = (tap == largest).view("uint8") * (self.kernel_size**2 - k)
                    xp.maximum(winner[images], hit, out=winner[images])

    def shifted(self, x: Array, axis: int, size: int) -> list[Array]:
        """For each place along one side of the window: the view of x that all windows have there,
        `size` along `axis`."""
        before = (slice(None),) * axis
        return [x[(*before, place(k, size, self.stride))] for k in range(self.kernel_size)]

    def maximum(self, arrays: list[Array], out: Array) -> None:
        """Writes the largest of `arrays` at each place into `out`."""
        xp = backend.of(out)
        xp.maximum(arrays[0], arrays[-1], out=out)
        for array in arrays[1:-1]:
            xp.maximum(out, array, out=out)

    def window(self) -> dict[str, int]:
        """What the kernels call the window."""
        return dict(kernel=self.kernel_size, stride=self.stride, padding=self.padding)


class FastAvgPool2d(FastLayer, AvgPool2d):
    """The window's pixels added up one place after the other."""

    def forward(self, x: Array, train: bool = False) -> Array:
        check_input(self, x, None, None, None)
        shape = (len(x), *self.output_shape(x.shape[1:]))
        y = self.room_for_y(x, shape, train and self.y_needed)
        for images in self.memory.cache_slices(x):
            y[images] = 0
            for tap in taps(x[images], self.kernel_size, self.stride, *y.shape[1:3]):
                y[images] += tap
            y[images] /= self.kernel_size**2
        self.cache = x.shape if train else None
        return y

    def backward(self, dy: Array) -> Array:
        dx = self.memory.passed(dy, self.cached())
        for images in self.memory.cache_slices(dx):
            dx[images] = 0
            share = dy[images] / self.kernel_size**2
            for tap in taps(dx[images], self.kernel_size, self.stride, *dy.shape[1:3]):
                tap += share
        return dx
