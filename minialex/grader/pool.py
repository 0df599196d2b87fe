"""Grades lessons/exercises/pool.py: the plain max-pooling, its cases, the classic mistakes."""

import math

import numpy

from minialex.grader import conv_and_pool
from minialex.grader.conv_and_pool import Windowed, WindowTrial
from minialex.grader.exercise import Exercise, Mistake, Stage
from minialex.grader.trials import LayerCase


class MaxPool2d(Windowed):
    """Max-pooling over an array of all windows, (N, OH, OW, K, K, C)."""

    outside = -math.inf

    def __init__(self, kernel_size: int, stride: int, padding: int = 0):
        super().__init__()
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding

    def forward(self, x: numpy.ndarray, train: bool = False) -> numpy.ndarray:
        padded = self.pad(x)
        windows = padded[self.windows(padded)]
        self.cache = padded.shape, windows.reshape(*windows.shape[:3], -1, windows.shape[-1])
        return self.arrange(self.pool(windows))

    def pool(self, windows: numpy.ndarray) -> numpy.ndarray:
        """The largest numbers (N, OH, OW, C) of windows (N, OH, OW, K, K, C)."""
        return windows.max(axis=(3, 4))

    def backward(self, dy: numpy.ndarray) -> numpy.ndarray:
        shape, windows = self.cache
        dwindows = self.share(windows, dy).reshape(
            *dy.shape[:3], self.kernel_size, self.kernel_size, dy.shape[-1]
        )
        dpadded = numpy.zeros(shape)
        self.scatter(dpadded, self.windows_back(*dy.shape[1:3]), dwindows)
        return self.cut(dpadded)

    def share(self, windows: numpy.ndarray, dy: numpy.ndarray) -> numpy.ndarray:
        """The gradient of each number of the windows (N, OH, OW, K², C): dy or 0."""
        return dy[:, :, :, None] * self.winners(windows)

    def winners(self, windows: numpy.ndarray) -> numpy.ndarray:
        """True at the first maximum of each window."""
        return windows.argmax(axis=3)[:, :, :, None] == numpy.arange(self.kernel_size**2)[:, None]


def cases(rng: numpy.random.Generator) -> list[LayerCase]:
    """From easy to hard. Numbers are 0.1 apart, except in the last case, where many are equal."""

    def apart(*shape: int):
        return (
            rng.permutation(math.prod(shape)).reshape(shape) - math.prod(shape) // 2
        ) / 10 + 0.05

    ties = rng.integers(0, 2, (3, 7, 5, 3)).astype(float)
    return [
        LayerCase((2, 2), {}, apart(2, 4, 6, 1)),
        LayerCase((3, 2), {}, apart(3, 7, 5, 2)),
        LayerCase((2, 3), {}, apart(3, 5, 8, 2)),
        LayerCase((3, 2), {"padding": 1}, apart(3, 4, 5, 2) - 20),
        LayerCase((3, 1), {"padding": 1}, apart(3, 3, 4, 2)),
        LayerCase((3, 2), {}, ties, differentiable=False, note="of zeros and ones, so with ties"),
    ]


def pool_too_far(self, x, train=False):
    """Windows reach one row and column further, but not beyond the edge of the picture."""
    padded = self.pad(x)
    grown = numpy.pad(padded, ((0, 0), (0, 1), (0, 1), (0, 0)), constant_values=-math.inf)
    _, rows, columns = self.windows(padded)
    return numpy.maximum.reduce(
        [self.pool(grown[:, rows + down, columns + right]) for down, right in numpy.ndindex(2, 2)]
    )


def pool_channels_too(self, windows):
    y = MaxPool2d.pool(self, windows)
    return numpy.broadcast_to(y.max(axis=3, keepdims=True), y.shape)


def windows_side_by_side(self, padded):
    H, W = (size - 2 * self.padding for size in padded.shape[1:3])
    return self.index(self.side(H), self.side(W), self.kernel_size)


def assign_winners(self, dpadded, index, dwindows, order=(0, 1, 2, 3)):
    """Only winners are assigned to; `order` is the nesting of the loops over i, j, kh and kw."""
    counts = dwindows.shape[1:5]
    for place in numpy.ndindex(*(counts[axis] for axis in order)):
        i, j, kh, kw = (place[order.index(axis)] for axis in range(4))
        pixels, back = (
            dpadded[:, index[1][i, 0, kh, 0], index[2][0, j, 0, kw]],
            dwindows[:, i, j, kh, kw],
        )
        pixels[back != 0] = back[back != 0]


def share_swapped(self, windows, dy):
    K, share = self.kernel_size, MaxPool2d.share(self, windows, dy)
    return share.reshape(*dy.shape[:3], K, K, dy.shape[-1]).swapaxes(3, 4).reshape(share.shape)


TOO_SMALL = (
    "kh and kw go from 0 to kernel_size − 1. A slice a : b ends before b, so it is a : a + "
    "kernel_size."
)
FORWARD = [
    *conv_and_pool.FORWARD,
    Mistake(
        "the padding is 0",
        "It should never win, and in a window of negative numbers 0 is the largest. What is "
        "smaller than every number?",
        outside=0.0,
    ),
    Mistake(
        "the search for the largest starts at 0",
        "In a window of negative numbers 0 wins, and it is not in the window.",
        pool=lambda self, windows: numpy.maximum(MaxPool2d.pool(self, windows), 0),
    ),
    Mistake(
        "the window is off by one: too small",
        TOO_SMALL,
        pool=lambda self, windows: MaxPool2d.pool(self, windows[..., :-1, :-1, :]),
    ),
    Mistake("the window is off by one: too large", TOO_SMALL, forward=pool_too_far),
    Mistake(
        "windows lie side by side",
        "They start `stride` pixels apart, not kernel_size: with a stride of 2 and a kernel_size "
        "of 3 they overlap (section 3.4 of the paper).",
        side=lambda self, size: (
            (size + 2 * self.padding - self.kernel_size) // self.kernel_size + 1
        ),
        windows=windows_side_by_side,
    ),
    Mistake(
        "this is the mean of each window",
        "Max-pooling takes the largest number. (LeNet took means.)",
        pool=lambda self, windows: windows.mean(axis=(3, 4)),
    ),
    Mistake(
        "the maximum is taken over channels, too",
        "Each channel is pooled by itself. From a window (KH, KW, C), .max() makes one number; "
        ".max(axis=(0, 1)) makes C.",
        pool=pool_channels_too,
    ),
]
BACKWARD = [
    *conv_and_pool.BACKWARD,
    Mistake(*conv_and_pool.ASSIGNED, scatter=assign_winners),
    Mistake(
        *conv_and_pool.ASSIGNED,
        scatter=lambda *arguments: assign_winners(*arguments, order=(2, 3, 0, 1)),
    ),
    Mistake(
        "every number that equals the maximum gets the whole gradient",
        "In a tie there is one winner. Flat regions, of which ReLU makes many, would get several "
        "times their share.",
        winners=lambda self, windows: windows == windows.max(axis=3, keepdims=True),
    ),
    Mistake(
        "in a tie the last maximum wins",
        "Mathematically any will do, but this exercise asks for the first one, row by row: compare "
        "with >, not with >=.",
        winners=lambda self, windows: MaxPool2d.winners(self, windows[:, :, :, ::-1])[
            :, :, :, ::-1
        ],
    ),
    Mistake(
        "the whole window gets the gradient",
        "A number that did not win has no effect on y: nudge it, and y does not move. Only the "
        "winner gets a gradient.",
        winners=lambda self, windows: numpy.ones_like(windows),
    ),
    Mistake(
        "the gradient is spread over the window",
        "That is the gradient of a mean. Here the winner gets everything and the others nothing.",
        share=lambda self, windows, dy: (
            dy[:, :, :, None] * numpy.ones_like(windows) / self.kernel_size**2
        ),
    ),
    Mistake(
        "the winner's row and column are swapped",
        "numpy.argmax counts row by row: the row is index // kernel_size, the column index % "
        "kernel_size.",
        share=share_swapped,
    ),
    Mistake(
        "the window's own position is forgotten",
        "numpy.argmax says where in the window the winner is. In the picture that is row "
        "i·stride + kh, column j·stride + kw.",
        windows_back=lambda self, OH, OW: self.index(OH, OW, 0),
    ),
]
EXERCISE = Exercise(
    "pool",
    MaxPool2d,
    WindowTrial,
    cases,
    {
        "output_shape": Stage("05", FORWARD),
        "forward": Stage("05", FORWARD),
        "backward": Stage("05", BACKWARD),
    },
)
