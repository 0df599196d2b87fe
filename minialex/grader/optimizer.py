"""Trials of optimisers: a few steps on two parameters, at rates that may change."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy

from minialex.grader.trials import Case, Trial


@dataclass
class OptimizerCase(Case):
    """A few steps, one for each of `rates`, the learning rates; options: the others of __init__.

    still: parameters have a number whose gradient is always 0.
    """

    rates: tuple[float, ...]
    options: dict[str, float] = field(default_factory=dict)
    still: bool = False

    def call(self, name: str) -> str:
        options = {"lr": self.rates[0], **self.options}
        given = ", ".join(f"{option}={value:g}" for option, value in options.items())
        return f"{name}(network, {given})"

    def describe(self, name: str) -> str:
        first, last = self.rates[0], self.rates[-1]
        changes = f", lr={last:g} from step {self.rates.index(last) + 1} on"
        return self.call(name) + changes * (last != first)


class OptimizerTrial(Trial):
    """An optimiser over two parameters of the same shape, for a few steps."""

    def __init__(self, kind: type, case: OptimizerCase):
        super().__init__()
        rng = numpy.random.default_rng(2)
        self.case = case
        self.params = {name: rng.standard_normal((2, 3)) for name in ("weight", "bias")}
        self.grads = {name: numpy.zeros((2, 3)) for name in self.params}
        self.network = SimpleNamespace(params=dict(self.params), grads=self.grads)
        self.optimizer = kind(self.network, lr=case.rates[0], **case.options)
        self.gradients = [
            {name: rng.standard_normal((2, 3)) for name in self.params} for _ in case.rates
        ]
        if case.still:
            for gradients in self.gradients:
                for gradient in gradients.values():
                    gradient[1, 1] = 0

    def place(self, name: str, index: tuple[int, ...]) -> str:
        return f"{super().place(name, index[1:])} after step {index[0] + 1}"

    def step(self) -> dict:
        """The parameters after each step, (steps, 2, 3).

        The gradients are in the same arrays each time, as they may be in layers.
        """
        path = {name: [] for name in self.params}
        for rate, gradients in zip(self.case.rates, self.gradients, strict=True):
            for name, gradient in gradients.items():
                self.grads[name][...] = gradient
            self.optimizer.lr = rate
            self.optimizer.step()
            self.compare_with(self.grads, gradients)
            for name, w in self.params.items():
                path[name].append(w.copy())
        return {name: numpy.array(steps) for name, steps in path.items()}
