"""Grades lessons/exercises/adam.py: Adam in steps, its cases, the classic mistakes."""

import numpy

from minialex.grader.exercise import Exercise, Mistake, Stage
from minialex.grader.optimizer import OptimizerCase, OptimizerTrial
from minialex.network import Network


class Adam:
    """Adam in steps that a mistake can replace."""

    def __init__(
        self,
        network: Network,
        lr: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
    ):
        self.network, self.lr, self.epsilon = network, lr, epsilon
        self.beta1, self.beta2, self.steps = beta1, beta2, 0
        self.mean = {name: numpy.zeros_like(w) for name, w in network.params.items()}
        self.square = {name: numpy.zeros_like(w) for name, w in network.params.items()}

    def step(self) -> None:
        self.steps += 1
        for name, w in self.network.params.items():
            m, s = self.mean[self.owner(name)], self.square[self.owner(name)]
            g = self.network.grads[name]
            m[...] = self.new_mean(m, g)
            s[...] = self.new_square(s, g)
            w += self.move(self.corrected_mean(m), self.corrected_square(s))

    def owner(self, name: str) -> str:
        """The name of the means that the parameter uses."""
        return name

    def new_mean(self, m: numpy.ndarray, g: numpy.ndarray) -> numpy.ndarray:
        return self.beta1 * m + (1 - self.beta1) * g

    def new_square(self, s: numpy.ndarray, g: numpy.ndarray) -> numpy.ndarray:
        return self.beta2 * s + (1 - self.beta2) * g**2

    def corrected_mean(self, m: numpy.ndarray) -> numpy.ndarray:
        return m / (1 - self.beta1**self.steps)

    def corrected_square(self, s: numpy.ndarray) -> numpy.ndarray:
        return s / (1 - self.beta2**self.steps)

    def move(self, m: numpy.ndarray, s: numpy.ndarray) -> numpy.ndarray:
        """The step, from the corrected means."""
        return -self.lr * m / (numpy.sqrt(s) + self.epsilon)


def cases(rng: numpy.random.Generator) -> list[OptimizerCase]:
    """The usual constants; others, and a rate that drops; a large ε, and numbers that never get a
    gradient, where a step is 0 / ε."""
    others = dict(beta1=0.8, beta2=0.95, epsilon=1e-8)
    return [
        OptimizerCase((0.1,) * 4, dict(beta1=0.9, beta2=0.999, epsilon=1e-8)),
        OptimizerCase((0.1, 0.1, 0.1, 0.01, 0.01), others),
        OptimizerCase((0.05,) * 4, dict(beta1=0.5, beta2=0.9, epsilon=0.1), still=True),
    ]


def count_for_each_parameter(self):
    for name, w in self.network.params.items():
        self.steps += 1
        m, s, g = self.mean[name], self.square[name], self.network.grads[name]
        m[...], s[...] = self.new_mean(m, g), self.new_square(s, g)
        w += self.move(self.corrected_mean(m), self.corrected_square(s))


def keep_the_corrected(self):
    self.steps += 1
    for name, w in self.network.params.items():
        m, s, g = self.mean[name], self.square[name], self.network.grads[name]
        m[...] = self.corrected_mean(self.new_mean(m, g))
        s[...] = self.corrected_square(self.new_square(s, g))
        w += self.move(m, s)


CORRECTION = (
    "Both means start at 0, so at first they are too small: divide m by 1 − β₁ᵗ and s by 1 − β₂ᵗ, "
    "with t = 1 in the first step."
)
OUTSIDE = "ε is added to the root, not under it: √ŝ + ε."
MISTAKES = [
    Mistake(
        "the means are not corrected",
        CORRECTION,
        corrected_mean=lambda self, m: m,
        corrected_square=lambda self, s: s,
    ),
    Mistake(
        "the mean of the squares is not corrected", CORRECTION, corrected_square=lambda self, s: s
    ),
    Mistake(
        "the mean of the gradients is not corrected", CORRECTION, corrected_mean=lambda self, m: m
    ),
    Mistake(
        "the correction is the same in each step",
        "It becomes weaker: the power t is the number of steps so far.",
        corrected_mean=lambda self, m: m / (1 - self.beta1),
        corrected_square=lambda self, s: s / (1 - self.beta2),
    ),
    Mistake(
        "steps are counted for each parameter",
        "self.steps grows by 1 in each call of step, not for each array.",
        step=count_for_each_parameter,
    ),
    Mistake(
        "the corrected means are kept",
        "The corrected ones are for this step only. self.mean and self.square go on without "
        "correction, or it would be applied again and again.",
        step=keep_the_corrected,
    ),
    Mistake(
        "the root is missing",
        "s is a mean of squares: divide by its root.",
        move=lambda self, m, s: -self.lr * m / (s + self.epsilon),
    ),
    Mistake(
        "ε stands under the root",
        OUTSIDE,
        move=lambda self, m, s: -self.lr * m / numpy.sqrt(s + self.epsilon),
    ),
    Mistake(
        "ε is missing",
        "Where a gradient has always been 0, the step is 0 / 0 without it.",
        move=lambda self, m, s: -self.lr * m / numpy.sqrt(s),
    ),
    Mistake(
        "the gradient is not squared",
        "s is the mean of g², number by number.",
        new_square=lambda self, s, g: self.beta2 * s + (1 - self.beta2) * g,
    ),
    Mistake(
        "1 − β is missing: the means are sums",
        "A running mean takes β of the old and 1 − β of the new.",
        new_mean=lambda self, m, g: self.beta1 * m + g,
        new_square=lambda self, s, g: self.beta2 * s + g**2,
    ),
    Mistake(
        "1 − β₁ is missing: the mean of the gradients is a sum",
        "A running mean takes β of the old and 1 − β of the new.",
        new_mean=lambda self, m, g: self.beta1 * m + g,
    ),
    Mistake(
        "β and 1 − β are swapped",
        "β is the share of the old: m ← β₁ · m + (1 − β₁) · g.",
        new_mean=lambda self, m, g: (1 - self.beta1) * m + self.beta1 * g,
        new_square=lambda self, s, g: (1 - self.beta2) * s + self.beta2 * g**2,
    ),
    Mistake(
        "both means have β₁",
        "The squares have β₂, which is larger: their mean goes further back.",
        new_square=lambda self, s, g: self.beta1 * s + (1 - self.beta1) * g**2,
        corrected_square=lambda self, s: s / (1 - self.beta1**self.steps),
    ),
    Mistake(
        "both corrections have β₁",
        "Each mean is corrected with its own β.",
        corrected_square=lambda self, s: s / (1 - self.beta1**self.steps),
    ),
    Mistake(
        "the means are not kept from step to step",
        "self.mean and self.square must hold the new means after the step: write into their "
        "arrays, or put the new ones there.",
        new_mean=lambda self, m, g: (1 - self.beta1) * g,
        new_square=lambda self, s, g: (1 - self.beta2) * g**2,
    ),
    Mistake(
        "the step goes uphill",
        "The gradient points to where the loss grows: subtract the step.",
        move=lambda self, m, s: self.lr * m / (numpy.sqrt(s) + self.epsilon),
    ),
    Mistake(
        "the learning rate is missing",
        "The step is lr · m̂ / (√ŝ + ε).",
        move=lambda self, m, s: -m / (numpy.sqrt(s) + self.epsilon),
    ),
    Mistake(
        "all parameters share their means",
        "Every parameter has means of its own: self.mean[name], self.square[name].",
        owner=lambda self, name: next(iter(self.mean)),
    ),
    Mistake(
        "β₁ and β₂ are always 0.9 and 0.999",
        "Use self.beta1 and self.beta2.",
        new_mean=lambda self, m, g: 0.9 * m + 0.1 * g,
        new_square=lambda self, s, g: 0.999 * s + 0.001 * g**2,
        corrected_mean=lambda self, m: m / (1 - 0.9**self.steps),
        corrected_square=lambda self, s: s / (1 - 0.999**self.steps),
    ),
    Mistake(
        "ε is always 1e-8",
        "Use self.epsilon.",
        move=lambda self, m, s: -self.lr * m / (numpy.sqrt(s) + 1e-8),
    ),
    Mistake(
        "nothing has changed in the network's own arrays",
        "w = w − … makes a new array, and the layers keep the old one. Write into that: w −= ….",
        move=lambda self, m, s: 0 * m,
    ),
]
EXERCISE = Exercise("adam", Adam, OptimizerTrial, cases, {"step": Stage("11", MISTAKES)})
