"""How gradients change the weights (SGD, Adam, Muon), and how the learning rate changes with time (schedules)."""

import math
from collections.abc import Iterator

import numpy

from minialex import backend, kernels
from minialex.network import Network

#: Parameters are updated in slices of this many numbers, whose temporaries stay in or near the core's cache.
SLICE = 1 << 18


class Optimizer:
    """Walks through a network's parameters in slices; subclasses say what happens in one.

    `state` holds the arrays that must be saved with the weights, under "name.weight" and so on; `steps` counts updates.
    """

    state_names: tuple[str, ...] = ()

    def __init__(self, network: Network, lr: float, weight_decay: float):
        self.network, self.lr, self.weight_decay, self.steps = network, lr, weight_decay, 0
        self.state = {
            f"{state}.{name}": backend.of(array).zeros_like(array)
            for state in self.state_names
            for name, array in network.params.items()
        }

    def step(self, run=map) -> None:
        """Updates every parameter in place from `network.grads`; with a thread pool's `map` on its threads."""
        self.steps += 1
        for _ in run(lambda arrays: self.update(*arrays), self.slices()):
            pass

    def slices(self) -> Iterator[list]:
        """Each parameter with its gradient and its state, cut into slices."""
        grads = self.network.grads
        for name, weight in self.network.params.items():
            arrays = [
                weight,
                grads[name],
                *(self.state[f"{state}.{name}"] for state in self.state_names),
            ]
            if backend.of(weight) is not numpy or not all(
                array.flags.c_contiguous for array in arrays
            ):
                yield arrays  # a GPU wants all at once, and reshape would copy what is not contiguous
                continue
            flat = [array.reshape(-1) for array in arrays]
            for start in range(0, weight.size, SLICE):
                yield [array[start : start + SLICE] for array in flat]

    def update(self, weight, grad, *state) -> None:
        """Changes one slice of a parameter, and of its state, in place."""
        raise NotImplementedError


class SGD(Optimizer):
    """Stochastic gradient descent with momentum and weight decay, the paper's rule (section 5):

        v ← momentum · v − weight_decay · lr · w − lr · g;   w ← w + v

    torch's rule, `rule="torch"`, leaves lr outside of v: v ← momentum · v + g + weight_decay · w; w ← w − lr · v. At a
    constant lr both take the same steps; when lr drops, the paper's v still carries the larger old steps
    for a while, torch's does not.
    """

    state_names = ("velocity",)

    def __init__(
        self,
        network: Network,
        lr: float = 0.01,
        momentum: float = 0.9,
        weight_decay: float = 5e-4,
        rule: str = "paper",
    ):
        if rule not in ("paper", "torch"):
            raise ValueError(f"rule is 'paper' or 'torch', got {rule!r}")
        super().__init__(network, lr, weight_decay)
        self.momentum, self.rule = momentum, rule

    def update(self, weight, grad, velocity) -> None:
        if kernels.on_gpu(weight):
            kernel = kernels.sgd if self.rule == "paper" else kernels.sgd_torch
            kernel(grad, self.lr, self.momentum, self.weight_decay, weight, velocity)
            return
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
    """Adam (Kingma and Ba 2015): steps scaled by running means of the gradient (m) and of its square (s).

        m ← β₁ m + (1−β₁) g;  s ← β₂ s + (1−β₂) g²;  w ← w − lr · m̂ / (√ŝ + ε),  m̂ = m / (1−β₁ᵗ),  ŝ = s / (1−β₂ᵗ)

    `weight_decay` is added to the gradient: g + weight_decay · w.
    """

    state_names = ("mean", "square")

    def __init__(
        self,
        network: Network,
        lr: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
    ):
        super().__init__(network, lr, weight_decay)
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon

    def update(self, weight, grad, mean, square) -> None:
        lr, correction = (
            self.lr / (1 - self.beta1**self.steps),
            1 / math.sqrt(1 - self.beta2**self.steps),
        )
        if kernels.on_gpu(weight):
            rates = (
                lr,
                self.beta1,
                1 - self.beta1,
                self.beta2,
                1 - self.beta2,
                correction,
                self.epsilon,
                self.weight_decay,
            )
            kernels.adam(grad, *rates, weight, mean, square)
            return
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
    """Muon (Jordan et al. 2024): momentum whose every step is made orthogonal, and weights of constant norm.

        v ← momentum · v + g;   U Σ Vᵀ = g + momentum · v;   w ← w − lr · (√max(1, rows / columns) · U Vᵀ + weight_decay · w)
        w ← w · √(2 · rows) / ‖w‖   for the weights of all layers but the last

    with each parameter as a matrix: a row for each filter or output, a single row for a bias. A gradient's few large singular
    values say what is easy to learn; with all of them 1 the rest is learnt as fast. U Vᵀ takes fifteen
    products of the matrix, or of its square, with itself: little for a small net, too much for a full AlexNet's linear layers.

    √(2 · rows) is about the norm (Frobenius) of He's initial weights. Left alone weights grow, and each step turns them by
    less; where ReLUs follow, a larger norm only makes all activations larger. The last layer is left alone: the
    norm of its weights says how sure the net is. (Jordan's record runs on CIFAR-10 do the same.)
    """

    state_names = ("velocity",)

    def __init__(
        self, network: Network, lr: float = 0.02, momentum: float = 0.9, weight_decay: float = 0.0
    ):
        super().__init__(network, lr, weight_decay)
        self.momentum = momentum
        self.normalised = [name for name, weight in network.params.items() if weight.ndim > 1][:-1]

    def slices(self) -> Iterator[list]:
        """Each parameter whole: a slice would not tell its singular values."""
        for name, weight in self.network.params.items():
            yield [
                weight,
                self.network.grads[name],
                self.state[f"velocity.{name}"],
                name in self.normalised,
            ]

    def update(self, weight, grad, velocity, keeps_norm: bool) -> None:
        velocity *= self.momentum
        velocity += grad
        descent = grad + self.momentum * velocity
        step = orthogonal(descent.reshape(len(descent) if descent.ndim > 1 else 1, -1))
        rows, columns = step.shape
        step *= math.sqrt(max(1, rows / columns))
        weight -= self.lr * (step.reshape(weight.shape) + self.weight_decay * weight)
        if keeps_norm:
            weight *= math.sqrt(2 * rows) / backend.of(weight).sqrt((weight * weight).sum())


def orthogonal(x):
    """Approximately U Vᵀ of x = U Σ Vᵀ (rows, columns): the singular values come to lie between 0.68 and 1.21.

    Newton and Schulz's iteration, X ← a X + b (X Xᵀ) X + c (X Xᵀ)² X, takes each singular value s to a·s + b·s³ + c·s⁵; five
    times that takes all above 3/1000 of the norm of x there. a, b and c are Jordan's, for speed and not for exactness.
    """
    if x.shape[0] > x.shape[1]:
        return orthogonal(x.T).T
    x = x / (backend.of(x).sqrt((x * x).sum()) + 1e-7)
    for _ in range(5):
        square = x @ x.T
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return x


OPTIMIZERS = {"sgd": SGD, "adam": Adam, "muon": Muon}


def optimizer(network: Network, options: dict) -> Optimizer:
    """The optimiser that options["optimizer"] names, with its "lr", "weight_decay" and, except for adam, "momentum"."""
    kind, lr, weight_decay = (
        OPTIMIZERS[options["optimizer"]],
        options["lr"],
        options["weight_decay"],
    )
    if kind is Adam:
        return Adam(network, lr, weight_decay=weight_decay)
    return kind(network, lr, options["momentum"], weight_decay)


class Constant:
    """A learning-rate schedule: `schedule(progress)` is the rate when `progress` epochs are done, a fraction in mid-epoch.

    This one is always `lr`. All schedules share its interface: the training loop calls the schedule before each
    step and `observe(*errors)` after each epoch; `state` is what must be saved to go on later.
    """

    def __init__(self, lr: float):
        self.lr, self.state = lr, {}

    def __call__(self, progress: float) -> float:
        return self.lr

    def observe(self, *errors: float) -> None:
        """Takes note of an epoch's validation errors (error rate, loss), each in a unit of its own; only Plateau listens."""


class Step(Constant):
    """lr divided by `factor` after every `every` epochs."""

    def __init__(self, lr: float, every: float, factor: float = 10):
        super().__init__(lr)
        self.every, self.factor = every, factor

    def __call__(self, progress: float) -> float:
        return self.lr / self.factor ** int(progress / self.every)


class Plateau(Constant):
    """lr divided by `factor` whenever no validation error has fallen for `patience` epochs, `drops` times at most.

    The paper (section 5) divided by 10 three times, by hand, when the error rate stopped improving. Alone it would be a bad
    sign to go by: while a net is at chance, or where test pictures are few, it stands still although the loss falls.
    """

    def __init__(self, lr: float, patience: int = 2, factor: float = 10, drops: int = 3):
        super().__init__(lr)
        self.patience, self.factor, self.drops = patience, factor, drops
        self.state = {"best": [], "stalled": 0, "drops": 0}

    def __call__(self, progress: float) -> float:
        return self.lr / self.factor ** self.state["drops"]

    def observe(self, *errors: float) -> None:
        state = self.state
        before = state["best"] or [math.inf] * len(errors)
        state["best"] = [min(pair) for pair in zip(before, errors, strict=True)]
        if state["best"] != before:
            state["stalled"] = 0
            return
        state["stalled"] += 1
        if state["stalled"] >= self.patience:
            state["stalled"], state["drops"] = 0, min(state["drops"] + 1, self.drops)


class Exponential(Constant):
    """lr falling steadily to lr / `factor` over `epochs` epochs: lr · factor^(−progress / epochs)."""

    def __init__(self, lr: float, epochs: float, factor: float = 100):
        super().__init__(lr)
        self.epochs, self.factor = epochs, factor

    def __call__(self, progress: float) -> float:
        return self.lr * self.factor ** (-progress / self.epochs)


class Cosine(Constant):
    """Up from 0 to lr in a straight line over the first `warmup` of all epochs, then down to 0 along half a cosine."""

    def __init__(self, lr: float, epochs: float, warmup: float = 0.1):
        super().__init__(lr)
        if not 0 <= warmup < 1:
            raise ValueError(f"warmup is a share of all epochs, 0 <= warmup < 1, got {warmup}")
        self.epochs, self.warmup = epochs, warmup * epochs

    def __call__(self, progress: float) -> float:
        if progress < self.warmup:
            return self.lr * progress / self.warmup
        share = min(1.0, (progress - self.warmup) / (self.epochs - self.warmup))
        return self.lr * (1 + math.cos(math.pi * share)) / 2


#: For each name a function of the highest rate and the run's epochs; "step" drops tenfold after each third of them.
SCHEDULES = {
    "constant": lambda lr, epochs: Constant(lr),
    "step": lambda lr, epochs: Step(lr, every=max(1, math.ceil(epochs / 3))),
    "plateau": lambda lr, epochs: Plateau(lr),
    "exponential": Exponential,
    "cosine": Cosine,
}


def schedule(name: str, lr: float, epochs: float) -> Constant:
    """The schedule called `name`, one of SCHEDULES, for a run of `epochs` epochs with `lr` its highest rate."""
    return SCHEDULES[name](lr, epochs)
