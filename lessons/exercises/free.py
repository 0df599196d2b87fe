"""Exercise: a layer of your own, after lesson 04. As long as you like.

Choose a formula, write it down in the docstring, derive its backward pass, and run

    python -m minialex.gradcheck lessons/exercises/free.py

No one tells you the right answer here. Finite differences do, whatever the formula is.

Some that people have used where AlexNet has a ReLU:

    leaky ReLU   x if x > 0 else 0.01 · x
    ELU          x if x > 0 else exp(x) − 1
    softplus     log(1 + exp(x))
    swish        x / (1 + exp(−x))
    GELU         x · Φ(x), Φ the normal distribution's cumulative function; or its usual stand-in
                 x / 2 · (1 + tanh(√(2/π) · (x + 0.044715 · x³)))

Others have a parameter to learn (PReLU: the 0.01 above, one for each channel; then
self.params holds it and backward puts its gradient into self.grads), or look at more than one
number (mean-pooling; dividing each pixel by the norm of its channels).
"""

import numpy

from minialex.layers import Layer


class MyLayer(Layer):
    """y = …;  dx = …"""

    def forward(self, x: numpy.ndarray, train: bool = False) -> numpy.ndarray:
        """y for x. Keep in self.cache what backward will need."""
        # Your code here.
        raise NotImplementedError("forward")

    def backward(self, dy: numpy.ndarray) -> numpy.ndarray:
        """dx for dy. For an elementwise y = f(x) the chain rule says dx = dy · f'(x)."""
        # Your code here.
        raise NotImplementedError("backward")


def example(rng):
    """A layer, and an input to check it at: small, and away from places where it has a kink."""
    x = rng.uniform(0.1, 3, (2, 5, 4, 3)) * rng.choice([-1, 1], (2, 5, 4, 3))  # N, H, W, C
    return MyLayer(), numpy.asarray(x)
