"""How gradients change the weights: SGD, Adam, Muon."""

import math
from collections.abc import Iterator
from typing import Any, Protocol

from minialex import backend
from minialex.backend import Array


class Trainable(Protocol):
    """What an optimiser works on: a Network, or an Engine of minialex.fast."""

    @property
    def params(self) -> dict[str, Array]: ...

    @property
    def grads(self) -> dict[str, Array]: ...


class Optimizer:
    """Walks through a network's parameters; subclasses say what happens to one.

    `state` holds the arrays that must be saved with the weights, under "velocity.conv1.weight" and
    so on; `steps` counts updates; `lr`, the learning rate, may be changed before each.
    `elementwise`: each number changes on its own, so a parameter may be updated in pieces.
    ValueError if lr is negative.
    """

    state_names: tuple[str, ...] = ()
    elementwise = True

    def __init__(self, network: Trainable, lr: float, weight_decay: float):
        if isinstance(lr, str) or not lr >= 0:
            raise ValueError(f"lr, the learning rate, must be at least 0, got {lr!r}")
        self.network, self.lr, self.weight_decay, self.steps = network, lr, weight_decay, 0
        self.state = {
            f"{state}.{name}": backend.of(array).zeros_like(array)
            for state in self.state_names
            for name, array in network.params.items()
        }

    def step(self) -> None:
        """Updates every parameter in place from `network.grads`."""
        self.steps += 1
        for arrays in self.arrays():
            self.update(*arrays)

    def arrays(self) -> Iterator[tuple]:
        """For each parameter what `update` takes."""
        grads = self.network.grads
        for name in self.network.params:
            yield self.arrays_of(name, grads[name])

    def arrays_of(self, name: str, grad: Array) -> tuple:
        """What `update` takes for the parameter called `name`: itself, its gradient, its state."""
        state = (self.state[f"{state}.{name}"] for state in self.state_names)
        return self.network.params[name], grad, *state

    def update(self, weight: Array, grad: Array, *state) -> None:
        """Changes one parameter, and its state, in place."""
        raise NotImplementedError


class SGD(Optimizer):
    """Stochastic gradient descent with momentum and weight decay, the paper's rule (section 5):

        v ← momentum · v − weight_decay · lr · w − lr · g;   w ← w + v

    torch's rule, `rule="torch"`, leaves lr outside of v: v ← momentum · v + g + weight_decay · w; w
    ← w − lr · v. At a constant lr both take the same steps; when lr drops, the paper's v still
    carries the larger old steps for a while, torch's does not.
    """

    state_names = ("velocity",)

    def __init__(
        self,
        network: Trainable,
        lr: float = 0.01,
        momentum: float = 0.9,
        weight_decay: float = 5e-4,
        rule: str = "paper",
    ):
        if rule not in ("paper", "torch"):
            raise ValueError(f"rule is 'paper' or 'torch', got {rule!r}")
        super().__init__(network, lr, weight_decay)
        self.momentum, self.rule = momentum, rule

    def update(self, weight: Array, grad: Array, velocity: Array) -> None:
        descent = self.weight_decay * weight
        descent += grad
        velocity *= self.momentum
        if self.rule == "paper":
            descent *= self.lr
            velocity -= descent
            weight += velocity
        else:
            velocity += descent
            weight -= self.lr * velocity


class Adam(Optimizer):
    """Adam (Kingma and Ba 2015): steps scaled by running means of the gradient (m) and its square
    (s).

        m ← β₁ m + (1−β₁) g;   s ← β₂ s + (1−β₂) g²
        w ← w − lr · m̂ / (√ŝ + ε),   m̂ = m / (1−β₁ᵗ),   ŝ = s / (1−β₂ᵗ)

    `weight_decay` is added to the gradient: g + weight_decay · w.
    """

    state_names = ("mean", "square")

    def __init__(
        self,
        network: Trainable,
        lr: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
    ):
        super().__init__(network, lr, weight_decay)
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon

    def corrected(self) -> tuple[float, float]:
        """lr / (1−β₁ᵗ) and 1 / √(1−β₂ᵗ), which turn m and √s into m̂ times lr and √ŝ."""
        steps = self.steps
        return self.lr / (1 - self.beta1**steps), 1 / math.sqrt(1 - self.beta2**steps)

    def update(self, weight: Array, grad: Array, mean: Array, square: Array) -> None:
        lr, correction = self.corrected()
        if self.weight_decay:
            grad = grad + self.weight_decay * weight
        mean *= self.beta1
        mean += (1 - self.beta1) * grad
        square *= self.beta2
        square += (1 - self.beta2) * (grad * grad)
        denominator = backend.of(square).sqrt(square)
        denominator *= correction
        denominator += self.epsilon
        weight -= lr * mean / denominator


class Muon(Optimizer):
    """Muon (Jordan et al. 2024): momentum whose every step is made orthogonal, weights of constant
    norm.

        v ← momentum · v + g;   U Σ Vᵀ = g + momentum · v
        w ← w − lr · (√max(1, rows / columns) · U Vᵀ + weight_decay · w)
        w ← w · √(2 · rows) / ‖w‖   for the weights of all layers but the last

    with each parameter as a matrix: a row for each filter or output, a single row for a bias. A
    gradient's few large singular values stand for what is easy to learn; with all of them 1, the
    rest is learnt as fast. U Vᵀ takes fifteen products of the matrix, or of its square, with
    itself: little for a small net, too much for the linear layers of a full AlexNet.

    √(2 · rows) is about the Frobenius norm of He's initial weights. Left alone, weights grow, and
    each step turns them by less; where ReLUs follow, a larger norm only makes all activations
    larger. The last layer is left alone: the norm of its weights says how sure the net is.
    (Jordan's record runs on CIFAR-10 do the same.)
    """

    state_names = ("velocity",)
    elementwise = False

    def __init__(
        self,
        network: Trainable,
        lr: float = 0.02,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
    ):
        super().__init__(network, lr, weight_decay)
        self.momentum = momentum
        matrices = [name for name, weight in network.params.items() if weight.ndim > 1]
        self.normalised = set(matrices[:-1])

    def arrays_of(self, name: str, grad: Array) -> tuple:
        """The parameter called `name`, its gradient, its velocity and whether its norm is kept."""
        return *super().arrays_of(name, grad), name in self.normalised

    def update(self, weight: Array, grad: Array, velocity: Array, keeps_norm: bool) -> None:
        velocity *= self.momentum
        velocity += grad
        descent = grad + self.momentum * velocity
        step = orthogonal(descent.reshape(len(descent) if descent.ndim > 1 else 1, -1))
        rows, columns = step.shape
        step *= math.sqrt(max(1, rows / columns))
        weight -= self.lr * (step.reshape(weight.shape) + self.weight_decay * weight)
        if keeps_norm:
            weight *= math.sqrt(2 * rows) / backend.of(weight).sqrt((weight * weight).sum())


#: a, b and c of `orthogonal`, Jordan's: chosen for speed and not for exactness.
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)


def orthogonal(x: Array) -> Array:
    """Approximately U Vᵀ of x = U Σ Vᵀ (rows, columns): its singular values lie between 0.68 and
    1.21.

    The Newton–Schulz iteration X ← a X + b (X Xᵀ) X + c (X Xᵀ)² X takes each singular value s to
    a·s + b·s³ + c·s⁵; five times that brings all above 3/1000 of the norm of x there.
    """
    if x.shape[0] > x.shape[1]:
        return orthogonal(x.T).T
    a, b, c = NEWTON_SCHULZ
    x = x / (backend.of(x).sqrt((x * x).sum()) + 1e-7)
    for _ in range(5):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x


OPTIMIZERS: dict[str, Any] = {"sgd": SGD, "adam": Adam, "muon": Muon}


def build(
    name: str, network: Trainable, lr: float, momentum: float, weight_decay: float
) -> Optimizer:
    """The optimiser called `name`, one of OPTIMIZERS; Adam does without `momentum`."""
    if name == "adam":
        return Adam(network, lr, weight_decay=weight_decay)
    return OPTIMIZERS[name](network, lr, momentum=momentum, weight_decay=weight_decay)
