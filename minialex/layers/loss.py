"""Softmax and cross-entropy: the number that training makes small."""

from minialex import backend
from minialex.backend import Array
from minialex.layers.checks import check_labels
from minialex.layers.layer import Layer


class SoftmaxCrossEntropy(Layer):
    """loss = mean over n of −log p[n, label_n], p = softmax(logits);  dlogits = (p −
    one_hot(labels)) / N.

    Krizhevsky et al. 2012, section 3.5. logits: (N, classes); labels: (N,) integers in [0,
    classes), else ValueError; labels on a GPU are not checked, as that would wait for it. The
    largest logit of each row is subtracted first, so no exponential overflows. A loss is the one
    layer that takes two inputs and ends the chain: its backward needs no upstream gradient.

    With `smoothing` s, 0 ≤ s < 1, q = (1 − s) · one_hot(labels) + s / classes takes the place of
    one_hot(labels), and loss = −mean Σ_k q[n, k] log p[n, k]: the label gets most of the belief,
    all classes share the rest, and nothing pulls the logits towards infinity any more (Szegedy et
    al. 2016, "Rethinking the Inception architecture", section 7).
    """

    def __init__(self, smoothing: float = 0.0):
        super().__init__()
        if not 0 <= smoothing < 1:
            raise ValueError(f"smoothing must be at least 0 and under 1, got {smoothing}")
        self.smoothing = smoothing

    def forward(self, logits: Array, labels: Array) -> Array:
        """The mean loss, a scalar."""
        xp = backend.of(logits)
        check_labels(labels, logits.shape)
        rows, labels = xp.arange(len(logits)), backend.to_device(labels, xp)
        shifted = logits - logits.max(axis=1, keepdims=True)
        exponentials = xp.exp(shifted)
        sums = exponentials.sum(axis=1, keepdims=True)
        self.cache = exponentials / sums, rows, labels
        right = shifted[rows, labels]
        if self.smoothing:
            right = (1 - self.smoothing) * right + self.smoothing * shifted.mean(axis=1)
        return (xp.log(sums[:, 0]) - right).mean()

    def backward(self) -> Array:
        """dlogits (N, classes)."""
        probabilities, rows, labels = self.cached()
        dlogits = probabilities.copy()
        dlogits[rows, labels] -= 1 - self.smoothing  # one entry a row: no index occurs twice
        if self.smoothing:
            dlogits -= self.smoothing / dlogits.shape[1]
        return dlogits / len(dlogits)

    def __repr__(self) -> str:
        smoothing = f"smoothing={self.smoothing}" if self.smoothing else ""
        return f"SoftmaxCrossEntropy({smoothing})"


def right_answers(logits: Array, labels: Array) -> Array:
    """How many of the logits (N, classes) are largest at their label, a number on their device."""
    return (logits.argmax(axis=1) == backend.to_device(labels, backend.of(logits))).sum()
