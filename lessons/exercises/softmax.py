"""Exercise: softmax and cross-entropy over a batch, after lesson 01. About forty minutes.

Write forward, then backward, and after each run

    python -m minialex.gradcheck lessons/exercises/softmax.py
"""

import numpy

from minialex.layers import Layer


class SoftmaxCrossEntropy(Layer):
    """How surprised is the network by the right answers? The mean over a batch.

        p[n, k] = exp(logits[n, k]) / Σ_j exp(logits[n, j])       each row adds up to 1
        loss    = mean over n of  −log p[n, labels[n]]

        logits   (N, classes)
        labels   (N,) whole numbers from 0 to classes − 1
        loss     one number

    Logits may be as large as 1000 and differ by as much. exp(1000) overflows, and
    exp(−1000) underflows to 0, which has no log, so rearrange the formula before you
    type it in: p stays the same if one number is subtracted from all logits of a row,
    and log(a / b) = log a − log b.

    For example, two pictures and two classes; the second answer is badly wrong:

    >>> loss = SoftmaxCrossEntropy()
    >>> logits, labels = numpy.array([[0.0, 0.0], [1000.0, 0.0]]), numpy.array([0, 1])
    >>> round(float(loss.forward(logits, labels)), 3)      # (log 2 + 1000) / 2
    500.347
    >>> loss.backward().tolist()
    [[-0.25, 0.25], [0.5, -0.5]]
    """

    def forward(self, logits: numpy.ndarray, labels: numpy.ndarray) -> float:
        """The loss. Keep in self.cache what backward will need."""
        # Your code here. The number to subtract from a row is its largest.
        raise NotImplementedError("forward")

    def backward(self) -> numpy.ndarray:
        """dlogits (N, classes). This layer ends the network: there is no dy.

        Write −log p[n, label] with the log of the sum, and take its derivative with
        respect to logits[n, k], once for k = label and once for another k. Both are
        shorter than you might fear. The mean contributes a factor to each.
        """
        # Your code here.
        raise NotImplementedError("backward")
