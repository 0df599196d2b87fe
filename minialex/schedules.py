"""How the learning rate changes over time."""

import math
from collections.abc import Callable

#: The most epochs without a better one, and drops, that a saved state is believed to have.
MOST = {"stalled": 10**6, "drops": 300}


class Constant:
    """A learning-rate schedule: `schedule(progress)` is the rate after `progress` epochs, a
    fraction in mid-epoch.

    This one is always `lr`. All schedules share its interface: training calls the schedule before
    each step and `observe(*errors)` after each epoch; `state` is what must be saved to resume.
    """

    def __init__(self, lr: float):
        self.lr, self.state = lr, {}

    def __call__(self, progress: float) -> float:
        return self.lr

    def observe(self, *errors: float) -> None:
        """Takes note of an epoch's validation errors (error rate, loss), each in its own unit; only
        Plateau listens."""

    def check(self, state: dict) -> None:
        """ValueError or TypeError unless a schedule like this one can have been in that state."""
        missing = self.state.keys() - state.keys()
        if missing:
            raise ValueError(f"its state has no {sorted(missing)[0]}")


class Step(Constant):
    """lr divided by `factor` after every `every` epochs."""

    def __init__(self, lr: float, every: float, factor: float = 10):
        super().__init__(lr)
        self.every, self.factor = every, factor

    def __call__(self, progress: float) -> float:
        return self.lr / self.factor ** int(progress / self.every)


class Plateau(Constant):
    """lr divided by `factor` whenever no validation error has fallen for `patience` epochs, at most
    `drops` times.

    The paper (section 5) divided by 10 three times, by hand, when the error rate stopped improving.
    The error rate alone would mislead: while a net is at chance, or with few test pictures, it
    stands still although the loss falls.
    """

    def __init__(self, lr: float, patience: int = 2, factor: float = 10, drops: int = 3):
        super().__init__(lr)
        self.patience, self.factor, self.drops = patience, factor, drops
        self.state = {"best": [], "stalled": 0, "drops": 0}

    def __call__(self, progress: float) -> float:
        return self.lr / self.factor ** self.state["drops"]

    def check(self, state: dict) -> None:
        super().check(state)
        for name, most in MOST.items():
            count = state.get(name, 0)
            if not isinstance(count, int) or not 0 <= count <= most:
                raise ValueError(f"its {name} is {count!r}")
        if not all(math.isfinite(error) for error in state.get("best", ())):
            raise ValueError(f"its best errors are {state['best']}")

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
    """lr falling steadily to lr / `factor` over `epochs` epochs: lr · factor^(−progress /
    epochs)."""

    def __init__(self, lr: float, epochs: float, factor: float = 100):
        super().__init__(lr)
        self.epochs, self.factor = epochs, factor

    def __call__(self, progress: float) -> float:
        return self.lr * self.factor ** (-progress / self.epochs)


class Cosine(Constant):
    """Up from 0 to lr in a straight line over the first `warmup`, a share of all epochs, then down
    to 0 along half a cosine."""

    def __init__(self, lr: float, epochs: float, warmup: float = 0.1):
        super().__init__(lr)
        if not 0 <= warmup < 1:
            raise ValueError(f"warmup is a share of all epochs, 0 <= warmup < 1, got {warmup}")
        self.epochs, self.warmup = epochs, warmup

    def __call__(self, progress: float) -> float:
        rise = self.warmup * self.epochs
        if progress < rise:
            return self.lr * progress / rise
        share = min(1.0, (progress - rise) / (self.epochs - rise))
        return self.lr * (1 + math.cos(math.pi * share)) / 2


#: For each name, a function of the highest rate and the run's epochs; "step" drops tenfold after
#: each third of them.
SCHEDULES: dict[str, Callable[[float, float], Constant]] = {
    "constant": lambda lr, epochs: Constant(lr),
    "step": lambda lr, epochs: Step(lr, every=max(1, math.ceil(epochs / 3))),
    "plateau": lambda lr, epochs: Plateau(lr),
    "exponential": Exponential,
    "cosine": Cosine,
}


def build(name: str, lr: float, epochs: float) -> Constant:
    """The schedule called `name`, one of SCHEDULES, for a run of `epochs` with `lr` its highest
    rate."""
    return SCHEDULES[name](lr, epochs)
