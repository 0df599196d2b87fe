"""Checks a backward pass by finite differences: of a layer, of a loss, of a whole network.

A derivative is a limit of differences, so backward can be checked without trusting anybody's
algebra: nudge one number by ±ε and run forward twice. (f(x + ε) − f(x − ε)) / 2ε must equal what
backward returns, up to ε² and rounding. f is the sum of dy · y with a random dy, so that nothing
cancels by symmetry. Everything runs in float64: float32 rounding would hide real mistakes.
"""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy

from minialex import backend
from minialex.backend import Array
from minialex.layers import Layer, SoftmaxCrossEntropy
from minialex.network import Network

EPSILON = 1e-5
#: The largest relative error of a gradient that passes.
TOLERANCE = 1e-6


@dataclass
class Worst:
    """The element of one array where backward and finite differences differ most.

    array      the array's name: "x" or a parameter's
    index      where in the array the element is
    analytic   its gradient from backward
    numeric    its gradient from finite differences
    error      |analytic − numeric|, relative to the larger of the two, or to what is typical of
               the array where both are smaller
    checked    how many elements were compared
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
            f"{self.array + place:<28} backward {self.analytic:+.6e}  "
            f"differences {self.numeric:+.6e}  error {self.error:.1e}  of {self.checked}"
        )


@dataclass
class Report:
    """What a check found: the worst element of each array, and any other problems in words."""

    worst: list[Worst] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def error(self) -> float:
        """The largest relative error; infinite if nothing was compared."""
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
        self,
        name: str,
        analytic: numpy.ndarray | None,
        numeric: numpy.ndarray,
        typical: float | None = None,
    ) -> None:
        """Records where `analytic`, from backward, differs most from `numeric`, from differences.

        name: the array's. typical: see `relative_errors`.
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
    analytic: numpy.ndarray, numeric: numpy.ndarray, typical: float | None = None
) -> numpy.ndarray:
    """|analytic − numeric| of each element, relative to the larger of the two.

    Where both are smaller than `typical`, the mean of |numeric| if None, the error is relative to
    that. The error of a NaN is infinite.
    """
    scale = numpy.maximum(numpy.abs(analytic), numpy.abs(numeric))
    scale = numpy.maximum(
        scale, max(numpy.abs(numeric).mean() if typical is None else typical, 1e-12)
    )
    return numpy.nan_to_num(numpy.abs(analytic - numeric) / scale, nan=math.inf)


def least_typical(y: Array, dy: Array) -> float:
    """The least that errors of gradients are relative to: where all terms of a gradient cancel,
    differences of the sum of dy · y show only how that sum is rounded."""
    return 1e-4 * float(((y * dy) ** 2).sum()) ** 0.5


def check_layer(layer: Layer, x: numpy.ndarray, rng: numpy.random.Generator) -> Report:
    """Checks dx and the gradient of every parameter element by element, at the input x.

    It works on float64 copies of `layer` and x, and draws the upstream gradient dy from `rng`.
    Random numbers that the layer draws are the same in every pass. It is also a problem if forward
    or backward writes into its argument.

    Keep the elements of x away from kinks and ties by much more than EPSILON, and x small: each
    element takes two forward passes.
    """
    xp, x = backend.of(x), x.astype(numpy.float64)
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
    least = least_typical(y, dy)
    for name, array in {"x": x, **layer.params}.items():
        numeric = differences(lambda: float((forward() * dy).sum()), array)
        typical = max(float(abs(numeric).mean()), least)
        report.compare(name, analytic[name], numeric, typical)
    return report


def check_loss(loss: SoftmaxCrossEntropy, logits: numpy.ndarray, labels: numpy.ndarray) -> Report:
    """Checks dlogits of a loss element by element, at the float64 logits (N, classes).

    labels: (N,), whole numbers.
    """
    loss.forward(logits, labels)
    dlogits = loss.backward().copy()
    report = Report()
    report.compare(
        "logits", dlogits, differences(lambda: float(loss.forward(logits, labels)), logits)
    )
    return report


def check_network(
    network: Network,
    loss: SoftmaxCrossEntropy,
    x: numpy.ndarray,
    labels: numpy.ndarray,
    rng: numpy.random.Generator,
) -> Report:
    """Checks dx and every parameter's gradient of a whole float64 network, each along one random
    direction.

    The derivative along a direction d is g · d: two forward passes check a whole array, whatever
    its size. As no element of d is 0, a wrong element of g shows; which one it is does not.
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
        # g · d is small by chance now and then: errors are relative to its usual size.
        typical = float((analytic[name] ** 2).mean()) ** 0.5
        report.compare(
            name,
            numpy.array(along),
            numpy.array(slope(value, array, direction * EPSILON) / EPSILON),
            typical,
        )
    return report


def differences(f: Callable[[], float], array: numpy.ndarray) -> numpy.ndarray:
    """∂f/∂array by central differences, element by element: a host array of the same shape.

    f reads `array`, which is nudged in place and restored.
    """
    result = numpy.empty(array.shape)
    for index in numpy.ndindex(array.shape):
        middle = float(array[index])
        array[index] = middle + EPSILON
        above = f()
        array[index] = middle - EPSILON
        result[index] = (above - f()) / (2 * EPSILON)
        array[index] = middle
    return result


def slope(f: Callable[[], float], array: numpy.ndarray, step: numpy.ndarray) -> float:
    """(f(array + step) − f(array − step)) / 2; `array` is moved in place and restored."""
    middle = array.copy()
    array += step
    above = f()
    array[...] = middle - step
    below = f()
    array[...] = middle
    return (above - below) / 2


def frozen(layers: list[Layer], forward: Callable) -> Callable:
    """`forward`, but the generators of `layers` are reset before each call: the same random numbers
    every time."""
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
