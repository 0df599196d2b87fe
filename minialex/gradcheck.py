"""python -m minialex.gradcheck: proves every layer's backward pass by finite differences.

A derivative is a limit of differences, so backward can be checked without trusting anybody's algebra: nudge one number
by ±ε, run forward twice, and (f(x + ε) − f(x − ε)) / 2ε must be what backward says, up to ε² and rounding. As f is the sum of
dy · y with a random dy, nothing cancels by symmetry. Everything runs in float64; in float32 the rounding would hide
real mistakes.
"""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy

from minialex import backend
from minialex.command import Parser, number, run
from minialex.layers import Layer, SoftmaxCrossEntropy
from minialex.network import Network

EPSILON = 1e-5
TOLERANCE = 1e-6


@dataclass
class Worst:
    """The element of one array where backward and finite differences differ most.

    `error` is |analytic − numeric| relative to the larger of the two, or to the array's mean where both are smaller.
    """

    array: str
    index: tuple[int, ...]
    analytic: float
    numeric: float
    error: float
    checked: int

    def __str__(self) -> str:
        place = f"[{', '.join(map(str, self.index))}]" if self.index else ""
        return (
            f"{self.array + place:<28} backward {self.analytic:+.6e}  differences {self.numeric:+.6e}  "
            f"error {self.error:.1e}  of {self.checked}"
        )


@dataclass
class Report:
    """What a check found: the worst element of each array, and what else was wrong, in words."""

    worst: list[Worst] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def error(self) -> float:
        """The largest relative error."""
        return max((worst.error for worst in self.worst), default=math.inf)

    @property
    def passed(self) -> bool:
        return not self.problems and self.error < TOLERANCE

    def __str__(self) -> str:
        return "\n".join(
            [*map(str, sorted(self.worst, key=lambda worst: -worst.error)), *self.problems]
        )

    __repr__ = __str__  # what pytest shows of a failed `assert report.passed, report`

    def compare(
        self, name: str, analytic, numeric: numpy.ndarray, typical: float | None = None
    ) -> None:
        """Notes where `analytic`, from backward, differs most from `numeric`, from finite differences.

        Errors are relative to the two, or to `typical` (the mean of |numeric| if None) where both are smaller.
        """
        if analytic is None or analytic.shape != numeric.shape:
            got = "nothing" if analytic is None else f"shape {analytic.shape}"
            self.problems.append(f"{name}: backward gave {got}, expected shape {numeric.shape}")
            return
        analytic = numpy.asarray(backend.to_host(analytic), numpy.float64)
        errors = relative_errors(analytic, numeric, typical)
        index = numpy.unravel_index(errors.argmax(), errors.shape)
        index = tuple(int(i) for i in index)
        self.worst.append(
            Worst(
                name,
                index,
                float(analytic[index]),
                float(numeric[index]),
                float(errors[index]),
                numeric.size,
            )
        )


def relative_errors(
    analytic, numeric: numpy.ndarray, typical: float | None = None
) -> numpy.ndarray:
    """|analytic − numeric| for each element, relative to the larger of the two, or to `typical` where both are smaller.

    `typical` is the mean of |numeric| if None. What is not a number is infinitely wrong.
    """
    scale = numpy.maximum(numpy.abs(analytic), numpy.abs(numeric))
    scale = numpy.maximum(
        scale, max(numpy.abs(numeric).mean() if typical is None else typical, 1e-12)
    )
    return numpy.nan_to_num(numpy.abs(analytic - numeric) / scale, nan=math.inf)


def check_layer(layer: Layer, x, rng: numpy.random.Generator) -> Report:
    """Checks dx and every parameter's gradient of a float64 copy of `layer` at the float64 input x, element by element.

    Also notes it if forward or backward writes into its argument. The random upstream gradient dy comes from `rng`.
    A layer that draws random numbers draws the same ones each time. Keep x away from kinks and ties by much
    more than EPSILON, and small: each element takes two forward passes.
    """
    xp = backend.of(x)
    layer = copy.deepcopy(layer).astype(numpy.float64)
    forward = frozen([layer], lambda: layer.forward(x, train=True))
    before = x.copy()
    y = forward().copy()
    dy = backend.to_device(rng.standard_normal(y.shape), xp)
    kept = dy.copy()
    dx = layer.backward(dy)
    analytic = {
        "x": copy.copy(dx),
        **{name: copy.copy(layer.grads.get(name)) for name in layer.params},
    }
    report = Report()
    report.problems += ["forward or backward wrote into x"] * (not (x == before).all())
    report.problems += ["backward wrote into dy"] * (not (dy == kept).all())
    x[...], dy[...] = before, kept
    for name, array in {"x": x, **layer.params}.items():
        report.compare(
            name, analytic[name], differences(lambda: float((forward() * dy).sum()), array)
        )
    return report


def check_loss(loss: SoftmaxCrossEntropy, logits, labels) -> Report:
    """Checks dlogits of a loss element by element at float64 logits."""
    loss.forward(logits, labels)
    dlogits = loss.backward().copy()
    report = Report()
    report.compare(
        "logits", dlogits, differences(lambda: float(loss.forward(logits, labels)), logits)
    )
    return report


def check_network(
    network: Network, loss: SoftmaxCrossEntropy, x, labels, rng: numpy.random.Generator
) -> Report:
    """Checks every parameter's gradient of a whole float64 network, and dx, each along one random direction.

    The derivative along a direction d is g · d: two forward passes check a whole array at once, whatever its size. A
    wrong element shows, as d has no zeros; it is not named.
    """

    def value() -> float:
        return float(loss.forward(forward(), labels))

    forward = frozen(list(network.layers.values()), lambda: network.forward(x, train=True))
    value()
    dx = network.backward(loss.backward()).copy()
    analytic = {"x": dx, **{name: grad.copy() for name, grad in network.grads.items()}}
    report = Report()
    for name, array in {"x": x, **network.params}.items():
        direction = backend.to_device(rng.standard_normal(array.shape), backend.of(array))
        direction /= float((direction**2).sum()) ** 0.5
        along = float((analytic[name] * direction).sum())
        typical = (
            float((analytic[name] ** 2).mean()) ** 0.5
        )  # of g · d, which is small by chance now and then
        report.compare(
            name,
            numpy.array(along),
            numpy.array(slope(value, array, direction * EPSILON) / EPSILON),
            typical,
        )
    return report


def differences(f: Callable[[], float], array) -> numpy.ndarray:
    """∂f/∂array by central differences, element by element; `array` is nudged in place and put back."""
    result = numpy.empty(array.shape)
    for index in numpy.ndindex(array.shape):
        middle = float(array[index])
        array[index] = middle + EPSILON
        above = f()
        array[index] = middle - EPSILON
        result[index] = (above - f()) / (2 * EPSILON)
        array[index] = middle
    return result


def slope(f: Callable[[], float], array, step) -> float:
    """(f(array + step) − f(array − step)) / 2; `array` is moved in place and put back."""
    middle = array.copy()
    array += step
    above = f()
    array[...] = middle - step
    below = f()
    array[...] = middle
    return (above - below) / 2


def frozen(layers: list[Layer], forward: Callable) -> Callable:
    """`forward`, made to draw the same random numbers at every call."""
    attributes = [value for layer in layers for value in vars(layer).values()]
    generators = [
        value.bit_generator for value in attributes if isinstance(value, numpy.random.Generator)
    ]
    states = [generator.state for generator in generators]

    def again(*arguments):
        for generator, state in zip(generators, states, strict=True):
            generator.state = state
        return forward(*arguments)

    return again


EXAMPLES = """\
  python -m minialex.gradcheck              every layer, a line each
  python -m minialex.gradcheck --seed 7     on other random numbers
  python -m minialex.gradcheck my_layer.py  checks a layer of your own
  python -m minialex.gradcheck lessons/exercises/conv.py
                                            grades an exercise
"""
DESCRIPTION = """\
Checks every layer's backward pass by finite differences, in float64. With a
FILE it grades what is written there: an exercise of lessons/exercises, or any
class that has forward and backward. The exit code is 0 if all is right, 1 if
not yet, and 2 if there is no such file or no layer in it."""


def main(arguments: Sequence[str]) -> int:
    """Checks every shipped layer and prints a line for each, or grades a file; the exit code is 1 if something is wrong."""
    parser = Parser("gradcheck", DESCRIPTION, EXAMPLES, "[FILE] [options]")
    parser.add_argument(
        "file",
        nargs="?",
        type=Path,
        metavar="FILE",
        help="a Python file to grade (default: all layers)",
    )
    parser.add_argument(
        "--seed",
        type=number(int, 0),
        default=0,
        metavar="N",
        help="of the inputs and gradients (default: 0)",
    )
    options = parser.parse_args(arguments)
    from minialex import grader  # here, as the graders use the checks above

    passed = (
        grader.grade(options.file, options.seed)
        if options.file
        else grader.check_shipped(options.seed)
    )
    return 0 if passed else 1


if __name__ == "__main__":
    run(main)
