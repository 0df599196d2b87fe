"""Initial weights as lessons/exercises/init.py asks for them, and the classic mistakes."""

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy

from minialex.grader.exercise import Mistake

#: Numbers spread evenly from −1 to 1.
UNIFORM = (2 * numpy.arange(10_000) + 1) / 10_000 - 1
#: As many with a standard normal distribution.
NORMAL = numpy.array([NormalDist(0, 1).inv_cdf((number + 1) / 2) for number in UNIFORM])
NORMAL /= NORMAL.std()


class InitialWeights:
    """Both rules in steps that a mistake can replace.

    Only the order of the weights is random, so their spread is just what it should be.
    """

    def fans(self, shape: tuple[int, ...]) -> tuple[int, int]:
        kernels, *window, channels = shape
        return math.prod(window) * channels, kernels * math.prod(window)

    def xavier(self, shape: tuple[int, ...], rng: numpy.random.Generator) -> numpy.ndarray:
        return self.bound(*self.fans(shape)) * uniform(shape, rng)

    def bound(self, fan_in: int, fan_out: int) -> float:
        return math.sqrt(6 / (fan_in + fan_out))

    def he(self, shape: tuple[int, ...], rng: numpy.random.Generator) -> numpy.ndarray:
        return self.deviation(*self.fans(shape)) * normal(shape, rng)

    def deviation(self, fan_in: int, fan_out: int) -> float:
        return math.sqrt(2 / fan_in)


def uniform(shape: tuple[int, ...], rng: numpy.random.Generator) -> numpy.ndarray:
    """Numbers spread evenly from −1 to 1, in random order."""
    return numpy.resize(rng.permutation(UNIFORM), shape)


def normal(shape: tuple[int, ...], rng: numpy.random.Generator) -> numpy.ndarray:
    """Numbers with a standard normal distribution, in random order."""
    return numpy.resize(rng.permutation(NORMAL), shape)


def wrong_fans(name: str, why: str, fans: Callable) -> list[Mistake]:
    """A mistake in fans(O, KH, KW, C), twice: in all layers, where a linear one has KH = KW = 1,
    and in convolutions only."""

    def everywhere(self, shape):
        return fans(*(shape if len(shape) == 4 else (shape[0], 1, 1, shape[1])))

    def in_convolutions(self, shape):
        return fans(*shape) if len(shape) == 4 else InitialWeights.fans(self, shape)

    return [Mistake(name, why, fans=everywhere), Mistake(name, why, fans=in_convolutions)]


IN = "An output is a sum over a whole window with all its channels: fan_in is KH · KW · C."
OUT = "An input is in KH · KW windows, and all O kernels see each of them: fan_out is O · KH · KW."
FANS = [
    *wrong_fans(
        "fan_in and fan_out are swapped",
        "A weight's first axis is for outputs, its last for inputs: a linear (out, in) has the "
        "fan_in in.",
        lambda O, KH, KW, C: (O * KH * KW, KH * KW * C),
    ),
    *wrong_fans("the window KH · KW is forgotten", f"{IN} {OUT}", lambda O, KH, KW, C: (C, O)),
    *wrong_fans(
        "the window KH · KW is forgotten in fan_in", IN, lambda O, KH, KW, C: (C, O * KH * KW)
    ),
    *wrong_fans(
        "the window KH · KW is forgotten in fan_out", OUT, lambda O, KH, KW, C: (KH * KW * C, O)
    ),
    *wrong_fans(
        "the number of kernels counts in fan_in",
        "Each kernel makes outputs of its own, and one output comes from one kernel. " + IN,
        lambda O, KH, KW, C: (O * KH * KW * C, O * KH * KW),
    ),
    *wrong_fans(
        "the number of kernels takes the place of the channels in fan_in",
        "Each kernel makes outputs of its own, and one output comes from one kernel. " + IN,
        lambda O, KH, KW, C: (O * KH * KW, O * KH * KW),
    ),
    *wrong_fans(
        "the channels count in fan_out",
        "fan_out is about one input number, in one channel. " + OUT,
        lambda O, KH, KW, C: (KH * KW * C, O * KH * KW * C),
    ),
    *wrong_fans(
        "both fans are the number of all weights",
        f"{IN} {OUT}",
        lambda O, KH, KW, C: (O * KH * KW * C, O * KH * KW * C),
    ),
    *wrong_fans(
        "the axes are taken for PyTorch's",
        "There a convolution's weight is (O, C, KH, KW). Here channels come last: "
        "(O, KH, KW, C / groups).",
        lambda O, KH, KW, C: (KH * KW * C, O * KW * C),
    ),
    *wrong_fans(
        "windows are taken for squares",
        "KH and KW may differ: multiply by both.",
        lambda O, KH, KW, C: (KH * KH * C, O * KH * KH),
    ),
]
NOT_RNG = (
    "the random numbers are not from rng",
    "A run can only be repeated from its seed if all weights come from the generators that are "
    "passed on: rng.uniform, not numpy.random.uniform.",
)
SAME_AGAIN = (
    "every call gives the same weights",
    "All layers of one shape would start equal. Draw from the rng that is passed; do not make one "
    "with a seed of your own.",
)
BOTH = "Forward asks for 1 / fan_in, backward for 1 / fan_out: √(6 / (fan_in + fan_out)) has both."
FRACTION = "b is the root of the whole fraction: √(6 / (fan_in + fan_out))."
XAVIER = [
    Mistake("the root is missing", FRACTION, bound=lambda self, i, o: 6 / (i + o)),
    Mistake("the root is of 6 only", FRACTION, bound=lambda self, i, o: math.sqrt(6) / (i + o)),
    Mistake(
        "only fan_in counts",
        BOTH,
        bound=lambda self, i, o: math.sqrt(6 / i),
    ),
    Mistake(
        "only fan_out counts",
        BOTH,
        bound=lambda self, i, o: math.sqrt(6 / o),
    ),
    Mistake(
        "the standard deviation is taken for the bound",
        "√(2 / (fan_in + fan_out)) is what the standard deviation should be. Numbers spread evenly "
        "from −b to b have b / √3: their bound must be √3 times as large.",
        bound=lambda self, i, o: math.sqrt(2 / (i + o)),
    ),
    Mistake(
        "the bound is taken for the standard deviation of normal numbers",
        "√(6 / (fan_in + fan_out)) is where a uniform distribution ends: use "
        "rng.uniform(−b, b, shape).",
        xavier=lambda self, shape, rng: self.bound(*self.fans(shape)) * normal(shape, rng),
    ),
    Mistake(
        "weights go from 0 to b, not from −b to b",
        "Weights that are all positive make every sum large. rng.random(shape) goes from 0 to 1; "
        "rng.uniform(−b, b, shape) has both ends.",
        xavier=lambda self, shape, rng: (
            self.bound(*self.fans(shape)) * (uniform(shape, rng) + 1) / 2
        ),
    ),
    Mistake(
        "weights go from −b / 2 to b / 2",
        "rng.random(shape) − 0.5 is 1 wide: multiply it by 2b, or use rng.uniform(−b, b, shape).",
        bound=lambda self, i, o: InitialWeights.bound(self, i, o) / 2,
    ),
    Mistake(
        "weights are normal, not uniform",
        "The standard deviation is right, but here weights are spread evenly from −b to b.",
        xavier=lambda self, shape, rng: (
            self.bound(*self.fans(shape)) / math.sqrt(3) * normal(shape, rng)
        ),
    ),
    Mistake(
        *NOT_RNG,
        xavier=lambda self, shape, rng: InitialWeights.xavier(
            self, shape, numpy.random.default_rng()
        ),
    ),
    Mistake(
        *SAME_AGAIN,
        xavier=lambda self, shape, rng: InitialWeights.xavier(
            self, shape, numpy.random.default_rng(0)
        ),
    ),
]
HE = [
    Mistake(
        "the root is missing: the variance is taken for the standard deviation",
        "2 / fan_in is the variance. The standard deviation, by which you multiply, is its root.",
        deviation=lambda self, i, o: 2 / i,
    ),
    Mistake(
        "the variance is 1 / fan_in, not 2 / fan_in",
        "ReLU sets half of the numbers to 0, and with them half of the mean square is gone: each "
        "layer would hand on only half of what it got.",
        deviation=lambda self, i, o: math.sqrt(1 / i),
    ),
    Mistake(
        "fan_out is taken for fan_in",
        "An output is a sum over fan_in numbers: that is what makes it large.",
        deviation=lambda self, i, o: math.sqrt(2 / o),
    ),
    Mistake(
        "both fans count, as in xavier",
        "The variance is 2 / fan_in.",
        deviation=lambda self, i, o: math.sqrt(2 / (i + o)),
    ),
    Mistake(
        "weights are uniform, not normal",
        "Their standard deviation is right, but N(0, 2 / fan_in) is a normal distribution: "
        "rng.standard_normal.",
        he=lambda self, shape, rng: (
            self.deviation(*self.fans(shape)) * math.sqrt(3) * uniform(shape, rng)
        ),
    ),
    Mistake(
        "weights are uniform, and end at the standard deviation",
        "N(0, 2 / fan_in) is a normal distribution: rng.standard_normal(shape) times the standard "
        "deviation.",
        he=lambda self, shape, rng: self.deviation(*self.fans(shape)) * uniform(shape, rng),
    ),
    Mistake(
        *NOT_RNG,
        he=lambda self, shape, rng: InitialWeights.he(self, shape, numpy.random.default_rng()),
    ),
    Mistake(
        *SAME_AGAIN,
        he=lambda self, shape, rng: InitialWeights.he(self, shape, numpy.random.default_rng(0)),
    ),
]
