"""Exercise: initial weights, after lesson 04. About twenty-five minutes.

Fill the gaps from top to bottom, and after each one run

    python -m minialex.gradcheck lessons/exercises/init.py
"""

import numpy


class InitialWeights:
    """Random weights whose size fits their layer. What fits can be read off their shape: (out, in)
    in a linear layer, (O, KH, KW, C / groups) in a convolution with O kernels.

        fan_in     how many numbers one output is a sum over
        fan_out    how many outputs one input goes into

    A convolution's input is in KH · KW windows (if the stride is 1, away from the border), each
    seen by O kernels. With groups it is seen by its own group's kernels only, but the shape does
    not say how many groups there are: count all O, as PyTorch's torch.nn.init does.

    If each weight has the variance 1 / fan_in, a layer hands on as much as it got; with 1 / fan_out
    it does so for gradients on their way back. Glorot and Bengio (2010, equations 10 to 16) divide
    1 by the mean of both fans. That is for tanh, which is almost a straight line near 0. ReLU
    throws half away (lesson 04), so He et al. (2015, section 2.2) take twice as much as 1 / fan_in:

        xavier     uniform from −b to b with b = √(6 / (fan_in + fan_out))     variance b² / 3
        he         normal with mean 0                                          variance 2 / fan_in

    For example:

    >>> weights = InitialWeights()
    >>> weights.fans((10, 40))
    (40, 10)
    >>> weights.fans((8, 3, 3, 4))      # (3 · 3 · 4, 8 · 3 · 3)
    (36, 72)
    >>> w = weights.xavier((200, 400), numpy.random.default_rng(0))
    >>> round(float(w.min()), 2), round(float(w.max()), 2)      # b = √(6 / 600) = 0.1
    (-0.1, 0.1)
    >>> w = weights.he((400, 200), numpy.random.default_rng(0))
    >>> w.shape, str(w.dtype), round(float(w.std()), 2)      # √(2 / 200) = 0.1
    ((400, 200), 'float32', 0.1)
    """

    def fans(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """(fan_in, fan_out) for a shape of two numbers or four."""
        # Your code here. shape[1:-1] is (KH, KW), or empty for a linear layer.
        raise NotImplementedError("fans")

    def xavier(self, shape: tuple[int, ...], rng: numpy.random.Generator) -> numpy.ndarray:
        """Float32 weights of this shape by Glorot and Bengio, drawn from rng."""
        # Your code here. rng.uniform draws float64; .astype("float32") makes float32 of it.
        raise NotImplementedError("xavier")

    def he(self, shape: tuple[int, ...], rng: numpy.random.Generator) -> numpy.ndarray:
        """Float32 weights of this shape by He et al., drawn from rng."""
        # Your code here. rng.standard_normal draws numbers with the standard deviation 1.
        raise NotImplementedError("he")
