"""Exercise: Winograd convolution in one dimension, after lesson 14. About half an hour.

Fill the gaps from top to bottom, and after each one run

    python -m minialex.gradcheck lessons/exercises/winograd.py
"""

import numpy


class Winograd:
    """Two answers of a kernel of three weights, by four products instead of six:

        m₀ = w₀ · (x₀ − x₂)                        y₀ = m₀ + m₁ + m₂
        m₁ = (w₀ + w₁ + w₂) · (x₁ + x₂) / 2        y₁ = m₁ − m₂ + m₃
        m₂ = (w₀ − w₁ + w₂) · (x₂ − x₁) / 2
        m₃ = w₂ · (x₃ − x₁)

    For example:

    >>> winograd = Winograd()
    >>> w, x = numpy.array([1.0, 2, 3]), numpy.array([1.0, 1, 5, 2])
    >>> winograd.kernel(w).tolist()
    [1.0, 6.0, 2.0, 3.0]
    >>> winograd.pixels(x).tolist()
    [-4.0, 3.0, 2.0, 1.0]
    >>> winograd.answers(winograd.kernel(w) * winograd.pixels(x)).tolist()
    [18.0, 17.0]
    >>> [float(x[:3] @ w), float(x[1:] @ w)]
    [18.0, 17.0]
    """

    def kernel(self, w: numpy.ndarray) -> numpy.ndarray:
        """The four left-hand factors, of the weights w (3,)."""
        # Your code here.
        raise NotImplementedError("kernel")

    def pixels(self, x: numpy.ndarray) -> numpy.ndarray:
        """The four right-hand factors, of the numbers x (4,)."""
        # Your code here.
        raise NotImplementedError("pixels")

    def answers(self, m: numpy.ndarray) -> numpy.ndarray:
        """The two answers, of the products m (4,)."""
        # Your code here.
        raise NotImplementedError("answers")

    def convolve(self, x: numpy.ndarray, w: numpy.ndarray) -> numpy.ndarray:
        """y[i] = x[i] · w[0] + x[i + 1] · w[1] + x[i + 2] · w[2] for a row x of n ≥ 4 numbers: its
        n − 2 answers, two by two, with the methods above."""
        # Your code here.
        raise NotImplementedError("convolve")
