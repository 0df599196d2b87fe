"""Taking a layer through an input: what it returns, what it writes into, how a second run goes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy

from minialex.gradcheck import differences, frozen, least_typical
from minialex.grader.compare import form, hints, same
from minialex.grader.learner import Wrong
from minialex.layers import Layer

#: How far apart two runs of the same code may be, relatively.
REPEATABLE = 1e-9


class Case:
    """What a trial is made with; `name` below is the name of the learner's class."""

    def call(self, name: str) -> str:
        """The call that builds the learner's class, in Python."""
        raise NotImplementedError

    def describe(self, name: str) -> str:
        """The call, and the input."""
        raise NotImplementedError


@dataclass
class LayerCase(Case):
    """An input that a layer is graded on, and how the layer is built for it.

    arguments, options   of the layer's __init__
    x                    the input
    params               replace the layer's own parameters
    differentiable       False where forward has a kink: finite differences say nothing there
    note                 added to the description
    """

    arguments: tuple
    options: dict
    x: numpy.ndarray
    params: dict[str, numpy.ndarray] = field(default_factory=dict)
    differentiable: bool = True
    note: str = ""

    def build(self, kind: type) -> Layer:
        return kind(*self.arguments, **self.options)

    def call(self, name: str) -> str:
        options = (f"{option}={value!r}" for option, value in self.options.items())
        return f"{name}({', '.join([*map(repr, self.arguments), *options])})"

    def describe(self, name: str) -> str:
        return f"{self.call(name)}, x {self.x.shape} {self.note}".rstrip()

    def dy(self, shape: tuple[int, ...]) -> numpy.ndarray:
        """The upstream gradient: for a shape, always the same random numbers."""
        return numpy.random.default_rng(1).standard_normal(shape)


class Trial:
    """One case under way. Its stages are methods that return results by name.

    written: the names of arguments that were written into.
    """

    def __init__(self):
        self.written: list[str] = []

    @contextmanager
    def lent(self, **arrays: numpy.ndarray) -> Iterator[list[numpy.ndarray]]:
        """Copies for the learner's code; afterwards, checks whether it wrote into them."""
        copies = {name: array.copy() for name, array in arrays.items()}
        yield list(copies.values())
        self.compare_with(copies, arrays)

    def compare_with(
        self, arrays: dict[str, numpy.ndarray], originals: dict[str, numpy.ndarray]
    ) -> None:
        """Records which of the arrays no longer equal the originals of the same names."""
        changed = [
            name
            for name, array in originals.items()
            if not numpy.array_equal(arrays[name], array, equal_nan=True)
        ]
        self.written += [name for name in changed if name not in self.written]

    def place(self, name: str, index: tuple[int, ...]) -> str:
        """One number of a result, in Python."""
        return f"{name}[{', '.join(map(str, index))}]" if index else name

    def differences(self) -> dict[str, numpy.ndarray] | None:
        """What backward should return according to finite differences; None if they cannot tell."""
        return None

    def least_typical(self) -> float:
        """How large gradients must be for the differences to tell them from 0."""
        return 0.0

    def hints(
        self, name: str, got: numpy.ndarray, right: numpy.ndarray, wrong: numpy.ndarray
    ) -> list[str]:
        """What a wrong result has in common with the right one, if no known mistake explains it."""
        return hints(name, got, right, wrong)

    def checks(self) -> dict[str, Callable[[], str | None]]:
        """What else must hold once all numbers are right.

        Each check returns what is wrong, in words, or None.
        """
        return {}


class LayerTrial(Trial):
    """A layer with forward(x, train) and backward(dy)."""

    def __init__(self, kind: type, case: LayerCase):
        super().__init__()
        self.kind, self.case = kind, case
        self.layer = self.built("float64")
        self.run = frozen([self.layer], lambda x: self.layer.forward(x, train=True))

    def built(self, dtype: str) -> Layer:
        """A layer with the case's parameters, or its own, in `dtype`."""
        layer = self.case.build(self.kind)
        for name, array in {**params_of(layer), **self.case.params}.items():
            layer.params[name] = array.astype(dtype)
        return layer

    def output_shape(self) -> dict:
        return {"output_shape": self.layer.output_shape(self.case.x.shape[1:])}

    def forward(self) -> dict:
        before = copied(params_of(self.layer))
        with self.lent(x=self.case.x) as (self.x,):
            self.y = copied_array(self.run(self.x))
        self.compare_with(params_of(self.layer), before)
        return {"y": self.y}

    def backward(self) -> dict:
        before = copied(params_of(self.layer))
        with self.lent(dy=self.case.dy(self.y.shape)) as (dy,):
            self.gradients = self.named(self.layer.backward(dy))
        self.compare_with({"x": self.x, **params_of(self.layer)}, {"x": self.case.x, **before})
        return self.gradients

    def named(self, dx: object) -> dict:
        """dx and the gradients of the parameters by name, copied."""
        grads = getattr(self.layer, "grads", {})
        return copied({"dx": dx, **{f"d{name}": grads.get(name) for name in params_of(self.layer)}})

    def differences(self) -> dict[str, numpy.ndarray] | None:
        if not self.case.differentiable:
            return None
        x, dy = self.case.x.copy(), self.case.dy(self.y.shape)
        arrays = {"dx": x, **{f"d{name}": array for name, array in params_of(self.layer).items()}}
        return {
            name: differences(lambda: float((self.run(x.copy()) * dy).sum()), array)
            for name, array in arrays.items()
        }

    def least_typical(self) -> float:
        return least_typical(self.y, self.case.dy(self.y.shape))

    def checks(self) -> dict[str, Callable[[], str | None]]:
        return {
            "when testing": self.same_when_testing,
            "a second run": self.second_run,
            "float32": self.single_precision,
        }

    def same_when_testing(self) -> str | None:
        """Whether forward returns the same y when testing."""
        y = self.layer.forward(self.case.x.copy(), train=False)
        return (
            None
            if same(y, self.y, REPEATABLE)
            else "forward(x, train=False) returns a different y than with train=True."
        )

    def second_run(self) -> str | None:
        """Whether results stay the same after a batch of one picture, and for a second backward."""
        one = self.run(self.case.x[:1].copy())
        self.layer.backward(self.case.dy(one.shape))
        results = {"y": copied_array(self.run(self.case.x.copy()))}
        for _ in range(2):
            results.update(self.named(self.layer.backward(self.case.dy(self.y.shape))))
            changed = [
                name
                for name in results
                if not same(results[name], {"y": self.y, **self.gradients}[name], REPEATABLE)
            ]
            if changed:
                return (
                    f"{changed[0]} comes out differently when the layer runs again. Nothing may "
                    "be left over from the last run: forward replaces self.cache; backward leaves "
                    "it as it is, and overwrites self.grads instead of adding to them."
                )
        return None

    def single_precision(self) -> str | None:
        """Whether float32 stays float32."""
        self.layer = self.built("float32")
        y = self.layer.forward(self.case.x.astype("float32"), train=True)
        dx = self.layer.backward(self.case.dy(y.shape).astype("float32"))
        return not_single({"y": y, **self.named(dx)})


def not_single(results: dict[str, numpy.ndarray]) -> str | None:
    """What to say if not all results of a float32 input are float32; None if they are."""
    for name, array in results.items():
        if array.dtype != numpy.float32:
            return (
                f"{name} is {array.dtype} although the input was float32. Networks compute in "
                "float32: it takes half the memory and time. numpy.zeros(shape) makes float64; "
                "write numpy.zeros(shape, x.dtype) or numpy.zeros_like(x)."
            )
    return None


def params_of(layer: object) -> dict[str, numpy.ndarray]:
    """The layer's parameters; none if it has no attribute `params`."""
    return getattr(layer, "params", {})


def copied(arrays: dict) -> dict:
    return {name: copied_array(array) for name, array in arrays.items()}


def copied_array(value: object) -> object:
    """A copy if it is an array: a layer may reuse the memory of its results."""
    return value.copy() if isinstance(value, numpy.ndarray) else value


def must_be(name: str, got: object, shape: tuple[int, ...] | None = None) -> None:
    """Raises Wrong unless `got` is an array of floating-point numbers, of that shape."""
    fault = form(name, got, shape)
    if fault:
        raise Wrong(fault)
