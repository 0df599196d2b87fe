"""The softmax and the cross-entropy that training makes small."""

from minialex import backend
from minialex.layers.layer import Layer


class SoftmaxCrossEntropy(Layer):
    """loss = mean over n of −log p[n, label_n], p = softmax(logits);  dlogits = (p − one_hot(labels)) / N.

    Krizhevsky et al. 2012, section 3.5. logits: (N, classes); labels: (N,) integers in [0, classes), a host array.
    The largest logit of each row is subtracted first, so no exponential overflows. A loss is the one layer
    that takes two inputs and ends the chain: its backward needs no upstream gradient.

    With `smoothing` s, 0 ≤ s < 1, the label is believed to 1 − s only, and the rest is dealt out to all classes: in place of
    one_hot(labels) stands q = (1 − s) one_hot(labels) + s / classes, and loss = −mean Σ_k q[n, k] log p[n, k]. A net is then
    no longer drawn to ever larger logits (Szegedy et al. 2016, "Rethinking the Inception architecture", section 7).
    """

    def __init__(self, smoothing: float = 0.0):
        super().__init__()
        if not 0 <= smoothing < 1:
            raise ValueError(f"smoothing must be at least 0 and under 1, got {smoothing}")
        self.smoothing = smoothing

    def forward(self, logits, labels):
        xp = backend.of(logits)
        check_labels(labels, logits)
        rows = xp.arange(len(logits))
        labels = backend.to_device(labels, xp)
        shifted = logits - logits.max(axis=1, keepdims=True)
        exponentials = xp.exp(shifted)
        sums = exponentials.sum(axis=1, keepdims=True)
        self.cache = exponentials / sums, rows, labels
        right = shifted[rows, labels]
        if self.smoothing:
            right = (1 - self.smoothing) * right + self.smoothing * shifted.mean(axis=1)
        return (xp.log(sums[:, 0]) - right).mean()

    def backward(self):
        probabilities, rows, labels = self.cached()
        dlogits = probabilities.copy()
        dlogits[rows, labels] -= (
            1 - self.smoothing
        )  # one entry in each row, so no index occurs twice
        if self.smoothing:
            dlogits -= self.smoothing / dlogits.shape[1]
        return dlogits / len(dlogits)

    def __repr__(self) -> str:
        return f"SoftmaxCrossEntropy({f'smoothing={self.smoothing}' if self.smoothing else ''})"


def check_labels(labels, logits) -> None:
    """ValueError unless labels are integers (N,) in [0, classes) for logits (N, classes)."""
    if logits.ndim != 2 or labels.shape != logits.shape[:1]:
        raise ValueError(
            f"expected logits (N, classes) and labels (N,), got {logits.shape} and {labels.shape}"
        )
    if labels.dtype.kind not in "iu":
        raise ValueError(f"expected integer labels, got {labels.dtype}")
    classes = logits.shape[1]
    if len(labels) and not (int(labels.min()) >= 0 and int(labels.max()) < classes):
        raise ValueError(
            f"expected labels from 0 to {classes - 1} for {classes} classes, "
            f"got labels from {int(labels.min())} to {int(labels.max())}"
        )
