"""Grades lessons/exercises/dropout.py: what holds whatever is dropped, and the classic mistakes."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy

from minialex.gradcheck import TOLERANCE
from minialex.grader.compare import difference
from minialex.grader.exercise import Exercise, Mistake, Stage
from minialex.grader.trials import LayerCase, LayerTrial, must_be
from minialex.layers import Layer


class Dropout(Layer):
    """Dropout in steps that a mistake can replace."""

    def __init__(self, p: float = 0.5, rng: numpy.random.Generator | None = None):
        super().__init__()
        self.p, self.rng = p, rng

    def forward(self, x: numpy.ndarray, train: bool = False) -> numpy.ndarray:
        if not train:
            return self.testing(x)
        self.cache = self.mask(x)
        return x * self.cache * self.scale()

    def testing(self, x: numpy.ndarray) -> numpy.ndarray:
        return x

    def backward(self, dy: numpy.ndarray) -> numpy.ndarray:
        return dy * self.cache * self.scale()

    def mask(self, x: numpy.ndarray) -> numpy.ndarray:
        """True where numbers are kept."""
        return self.rng.random(x.shape) >= self.p

    def scale(self) -> float:
        return 1 / (1 - self.p)


@dataclass
class Draws(LayerCase):
    """A case whose layer gets a new generator, always with the same seed."""

    def build(self, kind: type) -> Layer:
        return kind(*self.arguments, rng=numpy.random.default_rng(7))

    def call(self, name: str) -> str:
        return f"{name}({self.arguments[0]}, rng)"


class DropoutTrial(LayerTrial):
    """Two right solutions may draw different numbers, so shares and ratios are compared, which are
    the same for all."""

    def place(self, name: str, index: tuple[int, ...]) -> str:
        return f"the {('smallest', 'largest')[index[0]]} {name}" if index else name

    def forward(self) -> dict:
        x, y = self.case.x, super().forward()["y"]
        must_be("y", y, x.shape)
        dropped = y == 0
        once_more = self.layer.forward(x.copy(), train=True) == 0
        twin = self.built("float64").forward(x.copy(), train=True) == 0
        return {
            "the share of zeros in y": dropped.mean(),
            "y / x where y is not 0": extremes((y / x)[~dropped]),
            "the share of places where two pictures' masks agree": (
                dropped[1:] == dropped[:-1]
            ).mean(),
            "the share of places where two rows' masks agree": (
                dropped[:, 1:] == dropped[:, :-1]
            ).mean(),
            "the share of places where two columns' masks agree": (
                dropped[:, :, 1:] == dropped[:, :, :-1]
            ).mean(),
            "the share of places where two channels' masks agree": (
                dropped[..., 1:] == dropped[..., :-1]
            ).mean(),
            "the share of places where two calls' masks agree": (dropped == once_more).mean(),
            "the share of places where the masks of two layers with the same seed agree": (
                dropped == twin
            ).mean(),
        }

    def testing(self) -> dict:
        with self.lent(x=self.case.x) as (x,):
            y = self.layer.forward(x, train=False)
        must_be("y when testing", y, self.case.x.shape)
        return {
            "the share of zeros in y when testing": (y == 0).mean(),
            "y / x when testing": extremes(y / self.case.x),
        }

    def backward(self) -> dict:
        self.run(self.case.x.copy())  # draws the mask of self.y again, after those of other calls
        dx, dy = super().backward()["dx"], self.case.dy(self.y.shape)
        must_be("dx", dx, dy.shape)
        ratio, dropped = dx / dy, self.y == 0
        return {
            "dx / dy where y is not 0": extremes(ratio[~dropped]),
            "dx / dy where y is 0": extremes(ratio[dropped]),
        }

    def checks(self) -> dict[str, Callable[[], str | None]]:
        checks = super().checks()
        del checks["when testing"]
        return {"every number": self.every_number, **checks}

    def every_number(self) -> str | None:
        """Whether y and dx are exactly right for a small x, given what is dropped from it."""
        small = LayerTrial(self.kind, Draws((0.3,), {}, self.case.x[:2, :3, :2, :2]))
        y = small.forward()["y"]
        right_y = small.case.x * (y != 0) / (1 - 0.3)
        dx, right_dx = small.backward()["dx"], small.differences()["dx"]
        found = difference(small.place, "y", y, right_y, TOLERANCE, "expected")
        found = found or difference(
            small.place, "dx", dx, right_dx, TOLERANCE, "finite differences say"
        )
        return found and found.text


def extremes(values: numpy.ndarray) -> numpy.ndarray:
    """The smallest and the largest value; NaN if there is none."""
    values = values if values.size else numpy.array(numpy.nan)
    return numpy.array([values.min(), values.max()])


def cases(rng: numpy.random.Generator) -> list[LayerCase]:
    """p is not 0.5, where p and 1 − p cannot be told apart. There are enough numbers for shares to
    be within 2% or so."""
    shape = (16, 12, 10, 16)
    x = rng.uniform(1, 3, shape) * rng.choice([-1, 1], shape)
    return [Draws((p,), {}, x, differentiable=False) for p in (0.3, 0.6)]


def one_mask_along(*axes: int):
    """A mask that is the same along these axes."""

    def mask(self, x):
        shape = [1 if axis in axes else size for axis, size in enumerate(x.shape)]
        return numpy.broadcast_to(self.rng.random(shape) >= self.p, x.shape)

    return mask


def mask_drawn_once(self, x):
    if self.cache is None:
        self.cache = Dropout.mask(self, x)
    return self.cache


def backward_with_another_mask(self, dy):
    return dy * self.mask(dy) * self.scale()


ONE_EACH = (
    "Every number of x has its own m: draw as many numbers as x has, self.rng.random(x.shape)."
)
KEPT = (
    "p is used as the probability of keeping",
    "p is the probability of dropping: m is 0 with probability p, else 1.",
)
OTHER_RANDOM = (
    "the random numbers are not from self.rng",
    "A run can only be repeated from its seed if all layers draw from the generators they are "
    "given.",
)
FORWARD = [
    Mistake(
        "the divisor is p",
        "A share of 1 − p of the numbers is left. To keep the mean, divide them by that.",
        scale=lambda self: 1 / self.p,
    ),
    Mistake(
        "the divisor is missing",
        "With a share of p gone, the mean falls. Divide what is left by its share, 1 − p.",
        scale=lambda self: 1.0,
    ),
    Mistake(
        "y is multiplied by 1 − p instead of divided by it",
        "With a share of p gone, the mean falls; what is left must grow.",
        scale=lambda self: 1 - self.p,
    ),
    Mistake(*KEPT, mask=lambda self, x: self.rng.random(x.shape) < self.p),
    Mistake(
        *KEPT, mask=lambda self, x: self.rng.random(x.shape) < self.p, scale=lambda self: 1 / self.p
    ),
    Mistake("nothing is dropped while training", ONE_EACH, mask=lambda self, x: numpy.ones_like(x)),
    Mistake("all pictures of a batch share one mask", ONE_EACH, mask=one_mask_along(0)),
    Mistake("whole pictures are dropped", ONE_EACH, mask=one_mask_along(1, 2, 3)),
    Mistake("whole maps are dropped", ONE_EACH, mask=one_mask_along(1, 2)),
    Mistake("whole pixels, with all their channels, are dropped", ONE_EACH, mask=one_mask_along(3)),
    Mistake(
        "the mask is drawn once",
        "Each call of forward draws a new one; otherwise the same units would be dropped for good. "
        "Do not keep a mask, and do not make a new generator in forward.",
        mask=mask_drawn_once,
    ),
    Mistake(
        *OTHER_RANDOM, mask=lambda self, x: numpy.random.default_rng().random(x.shape) >= self.p
    ),
]
TESTING = [
    Mistake(
        "dropout is active when testing",
        "With train=False nothing is dropped: y = x.",
        testing=lambda self, x: x * self.mask(x) * self.scale(),
    ),
    Mistake(
        "y is multiplied by 1 − p when testing",
        "That is how the paper does it. Here the division while training replaces it: y = x.",
        testing=lambda self, x: x * (1 - self.p),
    ),
]
BACKWARD = [
    Mistake(
        "backward uses another mask than forward",
        "Numbers that forward dropped have no effect on y. Keep the mask in self.cache, and do not "
        "draw again.",
        backward=backward_with_another_mask,
    ),
    Mistake(
        "backward forgets the mask",
        "Numbers that forward dropped have no effect on y: their dx is 0.",
        backward=lambda self, dy: dy * self.scale(),
    ),
    Mistake(
        "backward neither masks nor divides",
        "Numbers that were dropped have no effect on y: their dx is 0. Numbers that were kept "
        "reached y divided by 1 − p: so does their gradient.",
        backward=lambda self, dy: dy,
    ),
    Mistake(
        "backward forgets the divisor",
        "y = x · m / (1 − p), so the derivative of y with respect to x is m / (1 − p), not m.",
        backward=lambda self, dy: dy * self.cache,
    ),
    Mistake(
        "backward divides twice",
        "If the mask in self.cache is already divided by 1 − p, dx is just dy · mask.",
        backward=lambda self, dy: dy * self.cache * self.scale() ** 2,
    ),
]
EXERCISE = Exercise(
    "dropout",
    Dropout,
    DropoutTrial,
    cases,
    {
        "forward": Stage("07", FORWARD),
        "testing": Stage("07", TESTING),
        "backward": Stage("07", BACKWARD),
    },
    tolerance=0.06,
)
