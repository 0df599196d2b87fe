"""The softmax and the cross-entropy that training makes small."""


from minialex import backend
from minialex.layers.layer import Layer


class SoftmaxCrossEntropy(Layer):
    """loss = mean over n of −log p[n, label_n], p = softmax(logits);  dlogits = (p − one_hot(labels)) / N.

    Krizhevsky et al. 2012, section 3.5. logits: (N, classes); labels: (N,) integers in [0, classes), a host array.
    The largest logit of each row is subtracted first, so no exponential overflows. A loss is the one layer
    that takes two inputs and ends the chain: its backward needs no upstream gradient.
    """

    def forward(self, logits, labels):
        xp = backend.of(logits)
        check_labels(labels, logits)
        rows = xp.arange(len(logits))
        labels = backend.to_device(labels, xp)
        shifted = logits - logits.max(axis=1, keepdims=True)
        exponentials = xp.exp(shifted)
        sums = exponentials.sum(axis=1, keepdims=True)
        self.cache = exponentials / sums, rows, labels
        return (xp.log(sums[:, 0]) - shifted[rows, labels]).mean()

    def backward(self):
        probabilities, rows, labels = self.cached()
        dlogits = probabilities.copy()
        dlogits[rows, labels] -= 1  # one entry in each row, so no index occurs twice
        return dlogits / len(dlogits)


def check_labels(labels, logits) -> None:
    """ValueError unless labels are integers (N,) in [0, classes) for logits (N, classes)."""
    if logits.ndim != 2 or labels.shape != logits.shape[:1]:
        raise ValueError(f"expected logits (N, classes) and labels (N,), got {logits.shape} and {labels.shape}")
    if labels.dtype.kind not in "iu":
        raise ValueError(f"expected integer labels, got {labels.dtype}")
    classes = logits.shape[1]
    if len(labels) and not (int(labels.min()) >= 0 and int(labels.max()) < classes):
        raise ValueError(
            f"expected labels from 0 to {classes - 1} for {classes} classes, "
            f"got labels from {int(labels.min())} to {int(labels.max())}"
        )
