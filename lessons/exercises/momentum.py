"""Exercise: stochastic gradient descent with momentum, after lesson 09. About twenty minutes.

Write step, then run

    python -m minialex.gradcheck lessons/exercises/momentum.py
"""

import numpy

from minialex.network import Network


class SGD:
    """The paper's rule (section 5), for every parameter w with its gradient g:

        v ← momentum · v − weight_decay · lr · w − lr · g
        w ← w + v

    v, the velocity, starts at 0 and is kept from step to step; every parameter has its own.
    self.lr may change between two steps: that is what a learning-rate schedule does.

    For example, two steps with gradient 1 and no decay:

    >>> from types import SimpleNamespace
    >>> w, g = numpy.array([5.0]), numpy.array([1.0])
    >>> network = SimpleNamespace(params={"weight": w}, grads={"weight": g})
    >>> sgd = SGD(network, lr=0.5, momentum=0.5, weight_decay=0.0)
    >>> sgd.step()
    >>> w.tolist()      # v = −0.5
    [4.5]
    >>> sgd.step()
    >>> w.tolist()      # v = 0.5 · (−0.5) − 0.5 = −0.75
    [3.75]
    """

    def __init__(
        self, network: Network, lr: float = 0.01, momentum: float = 0.9, weight_decay: float = 5e-4
    ):
        self.network = network
        self.lr, self.momentum, self.weight_decay = lr, momentum, weight_decay
        self.velocity = {name: numpy.zeros_like(w) for name, w in network.params.items()}

    def step(self) -> None:
        """Updates every array of network.params from the one of that name in network.grads.

        The layers hold the same arrays, so write into them instead of replacing
        them: `w += v` does that, `w = w + v` makes a new array that nobody else sees.
        """
        # Your code here.
        raise NotImplementedError("step")
