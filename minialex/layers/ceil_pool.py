"""Max-pooling whose last windows may reach beyond the edge."""

import math

from minialex import backend
from minialex.backend import Array
from minialex.layers.checks import check_input, check_shape
from minialex.layers.pool import MaxPool2d


class CeilMaxPool2d(MaxPool2d):
    """MaxPool2d with OH = ⌈(H + 2·padding − kernel_size) / stride⌉ + 1: rounded up, not down.

    So do cuda-convnet and Caffe, and torch with ceil_mode. What lies beyond the edge is −∞, as
    padding is. A window that would begin behind the picture and its first padding is left out.
    """

    def forward(self, x: Array, train: bool = False) -> Array:
        check_input(self, x, None, None, None)
        _, height, width, _ = x.shape
        extended = backend.of(x).full(self.extended(x.shape), -math.inf, x.dtype)
        extended[:, :height, :width] = x
        self.size = height, width
        return super().forward(extended, train)

    def backward(self, dy: Array) -> Array:
        dx = super().backward(dy)
        height, width = self.size
        return dx[:, :height, :width].copy()

    def beyond(self, size: int) -> int:
        """By how many pixels the last window reaches beyond `size` pixels and their padding."""
        room = size + 2 * self.padding - self.kernel_size
        begin = -(-room // self.stride) * self.stride  # of the last window, rounded up
        return begin - room if begin < size + self.padding else 0

    def extended(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape (…, H, W, C) of pictures so large that no window reaches beyond their edge."""
        *before, height, width, channels = shape
        return (*before, height + self.beyond(height), width + self.beyond(width), channels)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        check_shape(self, shape, None, None, None)
        return super().output_shape(self.extended(shape))

    def __repr__(self) -> str:
        return f"Ceil{super().__repr__()}"
