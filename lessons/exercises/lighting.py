"""Exercise: different light, after lesson 10. About half an hour.

Fill the gaps from top to bottom, and after each one run

    python -m minialex.gradcheck lessons/exercises/lighting.py
"""

import numpy


class Lighting:
    """The paper's change of colours (section 4.1): one shift for all pixels of a picture.

    Pixels are points (red, green, blue), from 0 to 1. The mean of M pixels x is x̄, and S tells how
    the channels vary together:

        S = Σ (x − x̄)(x − x̄)ᵀ / M             (3, 3)
        S pᵢ = λᵢ · pᵢ                         λ₁ ≥ λ₂ ≥ λ₃, each pᵢ of length 1

        shift = α₁ λ₁ p₁ + α₂ λ₂ p₂ + α₃ λ₃ p₃

    The α are random numbers, three for each picture. They are passed in here.

    For example, p₁ = (2, 1, 2) / 3, p₂ = (−2, 2, 1) / 3 and p₃ = (1, 2, −2) / 3 have length 1 and
    are at right angles. Take six pixels around grey, (0.5, 0.5, 0.5): grey ± 0.3 · p₁, grey
    ± 0.15 · p₂ and grey ± 0.03 · p₃. Along p₁ the variance λ₁ is 2 · 0.3² / 6 = 0.03 (with M):

    >>> lighting = Lighting()
    >>> above = numpy.array([[0.7, 0.6, 0.7], [0.4, 0.6, 0.55], [0.51, 0.52, 0.48]])
    >>> values, vectors = lighting.principal(numpy.concatenate([above, 1 - above]))
    >>> values.round(6).tolist()
    [0.03, 0.0075, 0.0003]
    >>> (3 * abs(vectors)).round(6).tolist()      # the signs may differ
    [[2.0, 2.0, 1.0], [1.0, 2.0, 2.0], [2.0, 1.0, 2.0]]

    With larger λ, and α = (0.1, 0.4, 0), the shift is 0.03 · p₁ + 0.06 · p₂:

    >>> values, p = numpy.array([0.3, 0.15, 0.03]), numpy.array([[2, -2, 1], [1, 2, 2], [2, 1, -2]])
    >>> shifts = lighting.shifts(numpy.array([[0.1, 0.4, 0.0]]), values, p / 3)
    >>> shifts.round(6).tolist()
    [[-0.02, 0.05, 0.04]]
    >>> lighting.light(numpy.full((1, 1, 2, 3), 0.5), shifts).round(6).tolist()      # two pixels
    [[[[0.48, 0.55, 0.54], [0.48, 0.55, 0.54]]]]
    """

    def principal(self, pixels: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
        """(λ, p) of pixels (M, 3): λ (3,), the largest first; p (3, 3), whose column i is pᵢ.

        The sign of each pᵢ is free, and so is the divisor of S: M, or M − 1 as in numpy.cov.
        """
        # Your code here. numpy.linalg.eigh gives both, the smallest λ first.
        raise NotImplementedError("principal")

    def shifts(
        self, alphas: numpy.ndarray, values: numpy.ndarray, vectors: numpy.ndarray
    ) -> numpy.ndarray:
        """The shifts (N, 3) of N pictures, one in each row: alphas (N, 3), values (3,) and vectors
        (3, 3) as principal returns them."""
        # Your code here.
        raise NotImplementedError("shifts")

    def light(self, images: numpy.ndarray, shifts: numpy.ndarray) -> numpy.ndarray:
        """Images (N, H, W, 3) with shift n added to every pixel of image n.

        The results may lie below 0 or above 1: a net takes any number.
        """
        # Your code here. Do not write into images: they are needed again in the next epoch.
        raise NotImplementedError("light")
