"""Grades lessons/exercises/lrn.py: the plain normalisation, its cases, the classic mistakes."""

import numpy

from minialex.grader.exercise import Exercise, Mistake, Stage
from minialex.grader.trials import LayerCase, LayerTrial
from minialex.layers import Layer


class LocalResponseNorm(Layer):
    """Normalisation that sums over windows by products with a matrix of zeros and ones."""

    def __init__(self, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 2.0):
        super().__init__()
        self.size, self.alpha, self.beta, self.k, self.half = size, alpha, beta, k, size // 2

    def forward(self, x: numpy.ndarray, train: bool = False) -> numpy.ndarray:
        s = self.scale(x)
        self.cache = x, s
        return self.damp(x, s)

    def scale(self, x: numpy.ndarray) -> numpy.ndarray:
        return self.k + self.alpha * self.around(x**2)

    def damp(self, x: numpy.ndarray, s: numpy.ndarray) -> numpy.ndarray:
        return x * s**-self.beta

    def backward(self, dy: numpy.ndarray) -> numpy.ndarray:
        x, s = self.cache
        return dy * s**-self.beta - self.cross(x, s, dy)

    def cross(self, x: numpy.ndarray, s: numpy.ndarray, dy: numpy.ndarray) -> numpy.ndarray:
        """The cross term: how x_i damps every y_j that has it in its window."""
        return 2 * self.alpha * self.beta * x * self.around_back(dy * x * s ** (-self.beta - 1))

    def around(self, a: numpy.ndarray) -> numpy.ndarray:
        """Σ of a over the window of each channel."""
        return self.window_sum(a, self.half, self.half)

    def around_back(self, a: numpy.ndarray) -> numpy.ndarray:
        """The same in backward."""
        return self.window_sum(a, self.half, self.half)

    def window_sum(self, a: numpy.ndarray, before: int, after: int) -> numpy.ndarray:
        """Σ of a over the channels from i − before to i + after."""
        i = numpy.arange(a.shape[-1])
        distance = i[:, None] - i  # of channel j, a row, from channel i, a column
        return a @ ((-before <= distance) & (distance <= after)).astype(float)


def cases(rng: numpy.random.Generator) -> list[LayerCase]:
    """α is near 1: with the paper's 0.0001, a wrong window would disappear in the rounding of
    finite differences."""
    return [
        LayerCase(
            (), {"size": 3, "alpha": 1.0, "beta": 1.0, "k": 1.0}, rng.standard_normal((1, 1, 1, 4))
        ),
        LayerCase(
            (), {"size": 3, "alpha": 0.5, "beta": 0.6, "k": 1.5}, rng.standard_normal((3, 3, 4, 5))
        ),
        LayerCase(
            (), {"size": 5, "alpha": 1.2, "beta": 0.75, "k": 2.0}, rng.standard_normal((3, 4, 3, 7))
        ),
        LayerCase(
            (), {"size": 5, "alpha": 0.8, "beta": 0.75, "k": 1.0}, rng.standard_normal((2, 2, 3, 3))
        ),
    ]


def around_in_a_circle(self, a):
    return sum(numpy.roll(a, shift, axis=-1) for shift in range(-self.half, self.half + 1))


def around_along(axis: int):
    def around(self, a):
        return LocalResponseNorm.around(self, a.swapaxes(axis, 3)).swapaxes(axis, 3)

    return around


def cross_without(factor):
    """The cross term divided by one of its factors."""

    def cross(self, x, s, dy):
        return LocalResponseNorm.cross(self, x, s, dy) / factor(self, s)

    return cross


def cross_with_own_scale(self, x, s, dy):
    power = s ** (-self.beta - 1)
    return 2 * self.alpha * self.beta * x * power * self.around_back(dy * x)


def cross_with_own_number(self, x, s, dy):
    return 2 * self.alpha * self.beta * x**2 * self.around_back(dy * s ** (-self.beta - 1))


def cross_with_own_gradient(self, x, s, dy):
    return 2 * self.alpha * self.beta * x * dy * self.around_back(x * s ** (-self.beta - 1))


def without_last(a):
    """a with 0 in its last channel, which range(…, min(C − 1, i + size//2)) never reaches."""
    return a * (numpy.arange(a.shape[-1]) < a.shape[-1] - 1)


ENDS_EARLY = "the window is off by one: it ends a channel too early"
BOTH_ENDS = (
    "It goes from i − size//2 to i + size//2, both included; range and slices stop before their "
    "end."
)
OVER_SPACE = (
    "Neighbours are neighbours in channel order, the last axis of (N, H, W, C), at the same pixel."
)
POWER = ("only the sum is raised to β", "The power is that of the whole s = k + α · Σ x_j².")
EXPONENT = (
    "the exponent in the cross term is wrong",
    "The derivative of s^(−β) is −β · s^(−β − 1): the exponent goes down by 1, from −β to −β − 1.",
)
FORWARD = [
    Mistake(
        ENDS_EARLY, BOTH_ENDS, around=lambda self, a: self.window_sum(a, self.half, self.half - 1)
    ),
    Mistake(
        ENDS_EARLY,
        BOTH_ENDS,
        around=lambda self, a: self.window_sum(without_last(a), self.half, self.half - 1),
    ),
    Mistake(
        "the window is off by one: it starts a channel too late",
        BOTH_ENDS,
        around=lambda self, a: self.window_sum(a, self.half - 1, self.half),
    ),
    Mistake(
        "the window reaches `size` channels to either side",
        "size counts all channels of the window, including the one in the middle: it reaches "
        "size//2 to either side.",
        around=lambda self, a: self.window_sum(a, self.size, self.size),
    ),
    Mistake(
        "a unit is missing from its own window",
        "The sum runs over all j from i − size//2 to i + size//2, and j = i is one of them.",
        around=lambda self, a: LocalResponseNorm.around(self, a) - a,
    ),
    Mistake(
        "the window wraps around",
        "Before the first channel and after the last there is nothing. numpy.roll and negative "
        "indices bring in channels from the other end.",
        around=around_in_a_circle,
    ),
    Mistake("the window lies over columns", OVER_SPACE, around=around_along(2)),
    Mistake("the window lies over rows", OVER_SPACE, around=around_along(1)),
    Mistake(
        "α is divided by the size",
        "torch, Caffe and ONNX do so. The paper's formula, and this exercise, do not.",
        around=lambda self, a: LocalResponseNorm.around(self, a) / self.size,
    ),
    Mistake(
        "k is forgotten",
        "s is k plus α times the sum.",
        scale=lambda self, x: self.alpha * self.around(x**2),
    ),
    Mistake(
        "the window's numbers are not squared",
        "s contains the sum of x_j², not of x_j.",
        scale=lambda self, x: self.k + self.alpha * self.around(x),
    ),
    Mistake(
        "x is multiplied by s^β instead of divided by it",
        "Loud neighbours damp a unit: the exponent is −β.",
        damp=lambda self, x, s: x * s**self.beta,
    ),
    Mistake("β is forgotten", "x is divided by s^β, not by s.", damp=lambda self, x, s: x / s),
    Mistake(
        *POWER,
        scale=lambda self, x: (
            (self.k + self.alpha * self.around(x**2) ** self.beta) ** (1 / self.beta)
        ),
    ),
    Mistake(
        *POWER,
        scale=lambda self, x: (
            (self.k + (self.alpha * self.around(x**2)) ** self.beta) ** (1 / self.beta)
        ),
    ),
]
BACKWARD = [
    Mistake(
        "the cross term is missing",
        "s_j depends on x_i, too. Every y_j with x_i in its window contributes "
        "dy_j · ∂y_j/∂s_j · ∂s_j/∂x_i.",
        cross=lambda self, x, s, dy: 0.0,
    ),
    Mistake(
        "the cross term has only a unit's own part",
        "x_i damps its neighbours as well as itself: the sum runs over all j that have x_i in "
        "their window.",
        around_back=lambda self, a: a,
    ),
    Mistake(
        "the cross term lacks a unit's own part",
        "x_i is in its own window and damps itself, too: j = i belongs to the sum.",
        around_back=lambda self, a: LocalResponseNorm.around_back(self, a) - a,
    ),
    Mistake(
        "the cross term lacks its factor 2",
        "The derivative of x² is 2x.",
        cross=cross_without(lambda self, s: 2),
    ),
    Mistake(
        "the cross term has the wrong sign",
        "The exponent −β comes down as a factor: a neighbour that grows makes y_j smaller.",
        cross=cross_without(lambda self, s: -1),
    ),
    Mistake(
        "the cross term lacks its factor β",
        "The exponent comes down: the derivative of s^(−β) is −β · s^(−β − 1).",
        cross=cross_without(lambda self, s: self.beta),
    ),
    Mistake(
        "the cross term lacks its factor α",
        "The derivative of s_j with respect to x_i is 2 · α · x_i.",
        cross=cross_without(lambda self, s: self.alpha),
    ),
    Mistake(
        "the cross term lacks x_i",
        "The derivative of s_j with respect to x_i is 2 · α · x_i.",
        cross=lambda self, x, s, dy: LocalResponseNorm.cross(self, x, s, dy) / x,
    ),
    Mistake(
        "the cross term lacks each neighbour's x_j",
        "The derivative of y_j = x_j · s_j^(−β) with respect to s_j contains x_j.",
        cross=lambda self, x, s, dy: LocalResponseNorm.cross(self, x, s, dy / x),
    ),
    Mistake(*EXPONENT, cross=lambda self, x, s, dy: LocalResponseNorm.cross(self, x, s, dy * s)),
    Mistake(*EXPONENT, cross=lambda self, x, s, dy: LocalResponseNorm.cross(self, x, s, dy * s**2)),
    Mistake(
        "the cross term takes s_i where each neighbour's s_j belongs",
        "y_j = x_j · s_j^(−β): the power of s_j is inside the sum over j.",
        cross=cross_with_own_scale,
    ),
    Mistake(
        "the cross term takes x_i where each neighbour's x_j belongs",
        "The derivative of y_j with respect to s_j contains x_j, inside the sum; that of s_j with "
        "respect to x_i contains x_i, outside the sum.",
        cross=cross_with_own_number,
    ),
    Mistake(
        "the cross term takes dy_i where each neighbour's dy_j belongs",
        "The effect of x_i on y_j matters as much as y_j matters to the loss: dy_j is inside the "
        "sum.",
        cross=cross_with_own_gradient,
    ),
    Mistake(
        "on the way back " + ENDS_EARLY,
        BOTH_ENDS,
        around_back=lambda self, a: self.window_sum(a, self.half, self.half - 1),
    ),
    Mistake(
        "on the way back " + ENDS_EARLY,
        BOTH_ENDS,
        around_back=lambda self, a: self.window_sum(without_last(a), self.half, self.half - 1),
    ),
    Mistake(
        "on the way back the window is off by one: it starts a channel too late",
        BOTH_ENDS,
        around_back=lambda self, a: self.window_sum(a, self.half - 1, self.half),
    ),
]
EXERCISE = Exercise(
    "lrn",
    LocalResponseNorm,
    LayerTrial,
    cases,
    {"forward": Stage("06", FORWARD), "backward": Stage("06", BACKWARD)},
)
