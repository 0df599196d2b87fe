"""Whole-array operations, with add.at for the sums."""

from minialex import backend


def mean(self, losses):
    total, count = 0, 0
    for loss in losses:
        total = total + loss
        count += 1
    return float(total / count)


def sums(self, values, labels, classes):
    xp = backend.of(values)
    sums = xp.zeros(classes, values.dtype)
    xp.add.at(sums, labels, values)
    return sums


def scaled(self, batches, mean, std):
    xp, dtype = backend.of(batches[0]), batches[0].dtype
    mean, std = xp.asarray(mean, dtype), xp.asarray(std, dtype)
    return [(x - mean) / std for x in batches]


def of_labels(self, numbers, labels):
    classes = numbers.shape[1]
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError("labels out of range")
    xp = backend.of(numbers)
    return numbers[xp.arange(len(labels)), xp.asarray(labels)]


def accuracy(self, logits, labels):
    answers = logits.argmax(axis=1)
    labels = backend.to_device(labels, backend.of(logits))
    return float((answers == labels).mean())
