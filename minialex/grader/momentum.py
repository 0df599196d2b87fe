"""Grades lessons/exercises/momentum.py: the paper's rule, its cases, the classic mistakes."""

from collections.abc import Callable

import numpy

from minialex.grader.exercise import Exercise, Mistake, Stage
from minialex.grader.optimizer import OptimizerCase, OptimizerTrial
from minialex.network import Network


class SGD:
    """The paper's rule in two steps that a mistake can replace."""

    def __init__(
        self, network: Network, lr: float = 0.01, momentum: float = 0.9, weight_decay: float = 5e-4
    ):
        self.network, self.lr, self.momentum, self.weight_decay = (
            network,
            lr,
            momentum,
            weight_decay,
        )
        self.velocity = {name: numpy.zeros_like(w) for name, w in network.params.items()}

    def step(self) -> None:
        for name, w in self.network.params.items():
            g, v = self.network.grads[name], self.velocity[self.owner(name)]
            v[...] = self.new_velocity(v, w, g)
            self.move(w, v, g)

    def owner(self, name: str) -> str:
        """The name of the velocity that the parameter uses."""
        return name

    def new_velocity(self, v: numpy.ndarray, w: numpy.ndarray, g: numpy.ndarray) -> numpy.ndarray:
        return self.momentum * v - self.weight_decay * self.lr * w - self.lr * g

    def move(self, w: numpy.ndarray, v: numpy.ndarray, g: numpy.ndarray) -> None:
        w += v


def cases(rng: numpy.random.Generator) -> list[OptimizerCase]:
    """With a constant rate torch's rule takes the same steps, so in one case the rate drops."""
    usual, others = dict(momentum=0.9, weight_decay=0.0005), dict(momentum=0.5, weight_decay=0.1)
    return [
        OptimizerCase((0.1,) * 4, usual),
        OptimizerCase((0.1, 0.1, 0.1, 0.01, 0.01), usual),
        OptimizerCase((0.05,) * 4, others),
    ]


def move(step: Callable):
    """A `move` that adds step(self, w, v, g) to w."""

    def moved(self, w, v, g):
        w += step(self, w, v, g)

    return moved


def step_before_velocity(self):
    for name, w in self.network.params.items():
        v = self.velocity[name]
        w += v
        v[...] = self.new_velocity(v, w, self.network.grads[name])


UPHILL = (
    "the step goes uphill",
    "The gradient points to where the loss grows: v gets −lr · g, and w gets +v.",
)
DECAY = (
    "v ← momentum · v − weight_decay · lr · w − lr · g: the decay has the factor lr, too, and it "
    "goes through v."
)
MISTAKES = [
    Mistake(
        "this is torch's rule: lr stands outside v",
        "With a constant lr it takes the same steps. When lr drops, the paper's v still carries "
        "the larger steps from before: each gradient goes into v with the lr of its own step.",
        new_velocity=lambda self, v, w, g: self.momentum * v + g + self.weight_decay * w,
        move=move(lambda self, w, v, g: -self.lr * v),
    ),
    Mistake(
        "weight decay lacks the factor lr",
        DECAY,
        new_velocity=lambda self, v, w, g: self.momentum * v - self.weight_decay * w - self.lr * g,
    ),
    Mistake(
        "weight decay does not go through v",
        DECAY,
        new_velocity=lambda self, v, w, g: self.momentum * v - self.lr * g,
        move=move(lambda self, w, v, g: v - self.weight_decay * self.lr * w),
    ),
    Mistake(
        "weight decay does not go through v, and comes after the step",
        DECAY,
        new_velocity=lambda self, v, w, g: self.momentum * v - self.lr * g,
        move=move(lambda self, w, v, g: v - self.weight_decay * self.lr * (w + v)),
    ),
    Mistake(
        "weight decay is missing",
        "It pulls every weight a little towards 0: v also gets −weight_decay · lr · w.",
        new_velocity=lambda self, v, w, g: self.momentum * v - self.lr * g,
    ),
    Mistake(
        "weight decay has the wrong sign",
        "Decay makes weights smaller: v gets −weight_decay · lr · w.",
        new_velocity=lambda self, v, w, g: (
            self.momentum * v + self.weight_decay * self.lr * w - self.lr * g
        ),
    ),
    Mistake(
        "v is not kept from step to step",
        "self.velocity must hold the new v after the step: write into its array, or put the new "
        "one there.",
        new_velocity=lambda self, v, w, g: -self.lr * (g + self.weight_decay * w),
    ),
    Mistake(
        *UPHILL,
        new_velocity=lambda self, v, w, g: (
            self.momentum * v + self.lr * (g + self.weight_decay * w)
        ),
    ),
    Mistake(
        *UPHILL,
        new_velocity=lambda self, v, w, g: (
            self.momentum * v - self.lr * self.weight_decay * w + self.lr * g
        ),
    ),
    Mistake(
        "this is Nesterov's momentum",
        "It moves w by momentum · v, with the new v, and by the new gradient's step once more. The "
        "paper's rule is plain: w ← w + v.",
        move=move(lambda self, w, v, g: self.momentum * v - self.lr * (g + self.weight_decay * w)),
    ),
    Mistake(
        "the new gradient is multiplied by 1 − momentum",
        "That makes v a running mean, as in Adam. Here old steps add up: momentum · v − lr · g.",
        new_velocity=lambda self, v, w, g: (
            self.momentum * v - (1 - self.momentum) * self.lr * (g + self.weight_decay * w)
        ),
    ),
    Mistake(
        "the learning rate is missing",
        "v gets −lr · g, and the decay has the factor lr, too.",
        new_velocity=lambda self, v, w, g: self.momentum * v - self.weight_decay * w - g,
    ),
    Mistake(
        "momentum is missing",
        "Each step keeps a share of the previous v: momentum · v, not v.",
        new_velocity=lambda self, v, w, g: v - self.lr * (g + self.weight_decay * w),
    ),
    Mistake(
        "w moves by the old v",
        "Compute the new v first, then w ← w + v with it.",
        step=step_before_velocity,
    ),
    Mistake(
        "all parameters share one v",
        "Every parameter has a velocity of its own: self.velocity[name].",
        owner=lambda self, name: next(iter(self.velocity)),
    ),
    Mistake(
        "momentum is always 0.9",
        "Use self.momentum.",
        new_velocity=lambda self, v, w, g: 0.9 * v - self.weight_decay * self.lr * w - self.lr * g,
    ),
    Mistake(
        "weight decay is always 0.0005",
        "Use self.weight_decay.",
        new_velocity=lambda self, v, w, g: self.momentum * v - 0.0005 * self.lr * w - self.lr * g,
    ),
    Mistake(
        "nothing has changed in the network's own arrays",
        "w = w + v makes a new array, and the layers keep the old one. Write into that: w += v.",
        move=lambda self, w, v, g: None,
    ),
]
EXERCISE = Exercise("momentum", SGD, OptimizerTrial, cases, {"step": Stage("09", MISTAKES)})
