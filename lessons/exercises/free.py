"""Exercise: a layer of your own, after lesson 04. As long as you like.

Choose a formula, write it down in the docstring, derive its backward pass, and run

    python -m minialex.gradcheck lessons/exercises/free.py

Nobody knows the right answer here, but finite differences do, whatever the formula is.

Some that people have used in place of AlexNet's ReLU:

    leaky ReLU   x if x > 0 else 0.01 · x
    ELU          x if x > 0 else exp(x) − 1
    softplus     log(1 + exp(x))
    swish        x / (1 + exp(−x))
    GELU         x · Φ(x), with Φ the normal distribution's cumulative distribution function;
                 or its usual approximation, x / 2 · (1 + tanh(√(2/π) · (x + 0.044715 · x³)))

Other layers have a parameter to learn, like PReLU: the 0.01 above, one for each channel. Then
self.params holds it, and backward puts its gradient into self.grads. Others look at more than
one number: mean-pooling, or dividing each pixel by the norm of its channels.
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


def example(rng: numpy.random.Generator) -> tuple[Layer, numpy.ndarray]:
    """A layer and an input to check it with: small, and away from where the layer has a kink."""
    x = rng.uniform(0.1, 3, (2, 5, 4, 3)) * rng.choice([-1, 1], (2, 5, 4, 3))  # N, H, W, C
    return MyLayer(), numpy.asarray(x)
