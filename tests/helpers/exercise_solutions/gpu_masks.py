"""The mean from stacked losses, sums by a product with masks, labels through flat indices."""

import numpy

from minialex import backend


def mean(self, losses):
    kept = list(losses)
    return backend.of(kept[0]).stack(kept).mean().item()


def sums(self, values, labels, classes):
    xp = backend.of(values)
    is_class = labels == xp.arange(classes)[:, None]
    return is_class.astype(values.dtype) @ values


def scaled(self, batches, mean, std):
    found, factor = [], None
    for x in batches:
        if factor is None:
            factor = backend.of(x).asarray((1 / std).astype(x.dtype))
            shift = backend.of(x).asarray((-mean / std).astype(x.dtype))
        found.append(x * factor + shift)
    return found


def of_labels(self, numbers, labels):
    rows, classes = numbers.shape
    if not all(0 <= label < classes for label in labels.tolist()):
        raise ValueError(f"expected labels below {classes}")
    places = numpy.arange(rows) * classes + labels
    return numbers.reshape(-1)[backend.of(numbers).asarray(places)]


def accuracy(self, logits, labels):
    labels = backend.of(logits).asarray(labels)
    return int((logits.argmax(1) == labels).sum()) / len(labels)
