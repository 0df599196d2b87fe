"""Exercise: Adam, the optimiser of lesson 11. About thirty minutes.

Write step, then run

    python -m minialex.gradcheck lessons/exercises/adam.py
"""

import numpy

from minialex.network import Network


class Adam:
    """Adam (Kingma and Ba 2015), for every parameter w with its gradient g, in step t = 1, 2, …:

        m ← β₁ · m + (1 − β₁) · g          the mean of the gradients so far
        s ← β₂ · s + (1 − β₂) · g²         that of their squares, number by number

        m̂ = m / (1 − β₁ᵗ)                  both start at 0, so at first they are too small
        ŝ = s / (1 − β₂ᵗ)

        w ← w − lr · m̂ / (√ŝ + ε)

    Every number of w moves by about lr, however small its gradients are: what counts is whether
    they agree. self.lr may change between two steps: that is what a learning-rate schedule does.

    For example, two steps with gradients 2 and −2:

    >>> from types import SimpleNamespace
    >>> w, g = numpy.array([5.0]), numpy.array([2.0])
    >>> network = SimpleNamespace(params={"weight": w}, grads={"weight": g})
    >>> adam = Adam(network, lr=0.1, beta1=0.5, beta2=0.5, epsilon=0.0)
    >>> adam.step()
    >>> w.round(6).tolist()      # m̂ = 1 / 0.5 = 2, ŝ = 2 / 0.5 = 4
    [4.9]
    >>> g[:] = -2
    >>> adam.step()
    >>> w.round(6).tolist()      # m̂ = −0.5 / 0.75 = −2/3, ŝ = 3 / 0.75 = 4
    [4.933333]
    """

    def __init__(
        self,
        network: Network,
        lr: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
    ):
        self.network, self.lr, self.epsilon = network, lr, epsilon
        self.beta1, self.beta2 = beta1, beta2
        self.steps = 0  # t
        self.mean = {name: numpy.zeros_like(w) for name, w in network.params.items()}
        self.square = {name: numpy.zeros_like(w) for name, w in network.params.items()}

    def step(self) -> None:
        """Updates every array of network.params from the one of that name in network.grads.

        The layers hold the same arrays, so write into them instead of replacing
        them: `w -= step` does that, `w = w - step` makes a new array that nobody else sees.
        """
        # Your code here.
        raise NotImplementedError("step")
