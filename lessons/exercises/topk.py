"""Exercise: top-1 and top-5 errors, after lesson 05. About ten minutes.

Write error, then run

    python -m minialex.gradcheck lessons/exercises/topk.py
"""

import numpy


class TopK:
    """How often is the right class not among a net's first k answers?

    The answers of a net to a picture are its classes, that with the largest logit first. The top-k
    error is the share of all pictures whose label is not among the first k: with k = 1 those that
    the net gets wrong.

    For example, three pictures and four classes. The label of the first picture has the largest
    logit, that of the second the second largest, that of the third the smallest:

    >>> logits = numpy.array([[4.0, 1, 2, 3], [4, 1, 2, 3], [4, 1, 2, 3]])
    >>> labels = numpy.array([0, 3, 1])
    >>> round(TopK().error(logits, labels, k=1), 3)
    0.667
    >>> round(TopK().error(logits, labels, k=2), 3)
    0.333
    """

    def error(self, logits: numpy.ndarray, labels: numpy.ndarray, k: int) -> float:
        """The top-k error for logits (N, classes) and labels (N,), a float from 0 to 1."""
        # Your code here. numpy.argsort returns indices, that of the smallest number first.
        raise NotImplementedError("error")
