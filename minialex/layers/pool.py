"""Pooling: each window of a feature map becomes one number."""

import math

from minialex import backend
from minialex.backend import Array
from minialex.layers.checks import check_input, check_positive, check_shape
from minialex.layers.im2col import col2im, im2col, output_size
from minialex.layers.layer import Layer


class MaxPool2d(Layer):
    """y = the largest x in each window;  dx = dy, added to the pixel it came from.

    With kernel_size 3 and stride 2 the windows overlap, as in Krizhevsky et al. 2012, section 3.4;
    a pixel that wins in several gets the sum. In a tie the first maximum wins, row by row. Padding
    is −∞, so it never wins.
    x: (N, H, W, C); y: (N, OH, OW, C), OH = ⌊(H + 2·padding − kernel_size) / stride⌋ + 1.
    """

    def __init__(self, kernel_size: int, stride: int, padding: int = 0):
        super().__init__()
        check_positive(kernel_size=kernel_size, stride=stride)
        if not 0 <= 2 * padding <= kernel_size:
            half = f"half of kernel_size {kernel_size}"
            raise ValueError(f"padding must be between 0 and {half}, got {padding}")
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding

    def forward(self, x: Array, train: bool = False) -> Array:
        check_input(self, x, None, None, None)
        windows = im2col(x, self.kernel_size, self.stride, self.padding, -math.inf)
        n, oh, ow, kh, kw, channels = windows.shape
        windows = windows.reshape(n, oh, ow, kh * kw, channels)
        self.cache = (x.shape, windows.argmax(axis=3)) if train else None
        return windows.max(axis=3)

    def backward(self, dy: Array) -> Array:
        shape, winner = self.cached()  # winner: (N, OH, OW, C), the place in the window
        k, places = self.kernel_size, backend.of(dy).arange(self.kernel_size**2)
        won = places[:, None] == winner[:, :, :, None]  # (N, OH, OW, K·K, C)
        dwindows = (dy[:, :, :, None] * won).reshape(*dy.shape[:3], k, k, -1)
        return col2im(dwindows, shape, self.stride, self.padding)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        check_shape(self, shape, None, None, None)
        window = (self.kernel_size, self.stride, self.padding)
        return (output_size(shape[0], *window), output_size(shape[1], *window), shape[2])

    def __repr__(self) -> str:
        padding = f", padding={self.padding}" * (self.padding > 0)
        return f"MaxPool2d({self.kernel_size}, stride={self.stride}{padding})"


class AvgPool2d(Layer):
    """y = the mean of x over each window;  dx = dy / kernel_size², added to each of its pixels.

    LeNet's pooling (LeCun et al. 1998). x: (N, H, W, C); y: (N, OH, OW, C),
    OH = ⌊(H − kernel_size) / stride⌋ + 1.
    """

    def __init__(self, kernel_size: int, stride: int):
        super().__init__()
        check_positive(kernel_size=kernel_size, stride=stride)
        self.kernel_size, self.stride = kernel_size, stride

    def forward(self, x: Array, train: bool = False) -> Array:
        check_input(self, x, None, None, None)
        self.cache = x.shape if train else None
        return im2col(x, self.kernel_size, self.stride, padding=0).mean(axis=(3, 4))

    def backward(self, dy: Array) -> Array:
        k, (n, oh, ow, channels) = self.kernel_size, dy.shape
        share = dy[:, :, :, None, None] / k**2
        dwindows = backend.of(dy).broadcast_to(share, (n, oh, ow, k, k, channels))
        return col2im(dwindows, self.cached(), self.stride, padding=0)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        check_shape(self, shape, None, None, None)
        window = (self.kernel_size, self.stride, 0)
        return (output_size(shape[0], *window), output_size(shape[1], *window), shape[2])

    def __repr__(self) -> str:
        return f"AvgPool2d({self.kernel_size}, stride={self.stride})"
