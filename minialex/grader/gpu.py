"""Grades lessons/exercises/gpu.py: five functions for the CPU and a GPU, their cases, the classic
mistakes. The traps, which only a GPU punishes, are in gpu_traps.py."""

from collections.abc import Iterator

import numpy

from minialex import backend
from minialex.backend import Array
from minialex.grader import gpu_traps
from minialex.grader.calls import CallCase
from minialex.grader.exercise import Exercise, Mistake, Stage
from minialex.grader.on_both import LESSON, Function, trial


class OnGpu:
    """All five, without detours."""

    def mean(self, losses: Iterator[Array]) -> float:
        all_of_them = list(losses)
        return float(sum(all_of_them) / len(all_of_them))

    def sums(self, values: Array, labels: Array, classes: int) -> Array:
        xp = backend.of(values)
        sums = xp.zeros(classes, values.dtype)
        xp.add.at(sums, labels, values)
        return sums

    def scaled(self, batches: list[Array], mean: numpy.ndarray, std: numpy.ndarray) -> list[Array]:
        x = batches[0]
        mean, std = (backend.of(x).asarray(each.astype(x.dtype)) for each in (mean, std))
        return [(x - mean) / std for x in batches]

    def of_labels(self, numbers: Array, labels: numpy.ndarray) -> Array:
        rows, classes = numbers.shape
        if labels.min() < 0 or labels.max() >= classes:
            raise ValueError
        xp = backend.of(numbers)
        return numbers[xp.arange(rows), xp.asarray(labels)]

    def accuracy(self, logits: Array, labels: numpy.ndarray) -> float:
        return float((logits.argmax(axis=1) == backend.of(logits).asarray(labels)).mean())


def cases(rng: numpy.random.Generator) -> list[CallCase]:
    """A few numbers, then more; each class occurs twice, but for one."""
    found = []
    for steps, pictures, classes in ((5, 6, 4), (9, 20, 7)):
        labels = numpy.repeat(numpy.arange(1, classes), 2)
        labels = numpy.append(labels, rng.integers(1, classes, size=pictures))
        rng.shuffle(labels)
        logits = rng.uniform(1, 2, (len(labels), classes))
        logits[numpy.arange(0, len(labels), 3), labels[::3]] = 3  # a third is right
        batches = [rng.uniform(1, 2, (2, 3, 4, 2)) for _ in range(steps)]
        arguments = {
            "mean": dict(losses=[numpy.asarray(loss) for loss in rng.uniform(1, 2, steps)]),
            "sums": dict(values=rng.uniform(1, 2, len(labels)), labels=labels, classes=classes),
            "scaled": dict(batches=batches, mean=rng.uniform(2, 3, 2), std=rng.uniform(2, 3, 2)),
            "of_labels": dict(numbers=logits, labels=labels),
            "accuracy": dict(logits=logits, labels=labels),
        }
        note = f"{steps} steps or batches, {len(labels)} labels of {classes} classes"
        found.append(CallCase(arguments, note))
    return found


def out_of_range(arguments: dict) -> list[dict]:
    """The labels with one that is too large, and with one that is negative."""
    found = []
    for wrong in (arguments["numbers"].shape[1], -1):
        labels = arguments["labels"].copy()
        labels[-2] = wrong
        found.append({"labels": labels})
    return found


def overwrite(self, values, labels, classes):
    sums = numpy.zeros(classes)
    sums[labels] = values
    return sums


def counts(labels, classes):
    return numpy.bincount(labels, minlength=classes)


def right(logits, labels):
    return (logits.argmax(axis=1) == labels).mean()


MEANS = [
    Mistake(
        "the losses are added up, not averaged",
        "Count the steps, and divide by their number.",
        mean=lambda self, losses: float(sum(losses)),
    ),
    Mistake(
        "only the last loss counts",
        "All losses count the same: add them up.",
        mean=lambda self, losses: float(list(losses)[-1]),
    ),
    Mistake(
        "only the first loss counts",
        "All losses count the same: add them up, and return after the loop, not in it.",
        mean=lambda self, losses: float(next(losses)),
    ),
]
SUMS = [
    Mistake(
        "of several values of a class only one is kept",
        "sums[labels] += values reads the sums, adds, and writes back, all labels at once: where a "
        "label occurs twice, the last value wins on a CPU, and either on a GPU. "
        "xp.add.at(sums, labels, values) adds them all.",
        sums=overwrite,
    ),
    Mistake(
        "these are counts, not sums",
        "Add the values, not ones.",
        sums=lambda self, values, labels, classes: counts(labels, classes) + 0.0,
    ),
    Mistake(
        "these are means, not sums",
        "Do not divide by how often a class occurs, which may be never.",
        sums=lambda self, values, labels, classes: (
            OnGpu.sums(self, values, labels, classes) / numpy.maximum(counts(labels, classes), 1)
        ),
    ),
]
SCALED = [
    Mistake(
        "x is divided before the mean is subtracted",
        "(x − mean) / std: the mean is one of x as it comes.",
        scaled=lambda self, batches, mean, std: [x / std - mean for x in batches],
    ),
    Mistake(
        "x is multiplied by std",
        "Divide by it: numbers that vary much become smaller.",
        scaled=lambda self, batches, mean, std: [(x - mean) * std for x in batches],
    ),
    Mistake(
        "each batch is scaled by its own mean and standard deviation",
        "Take those that are given, or a picture would change with the others in its batch.",
        scaled=lambda self, batches, mean, std: [
            (x - x.mean(axis=(0, 1, 2))) / x.std(axis=(0, 1, 2)) for x in batches
        ],
    ),
]
OF_LABELS = [
    Mistake(
        "each row gives the numbers of all labels",
        "numbers[:, labels] is (N, N). Two index arrays of one length go together: "
        "numbers[xp.arange(N), labels].",
        of_labels=lambda self, numbers, labels: numbers[:, labels],
    ),
]
ACCURACIES = [
    Mistake(
        "this is the error, not the accuracy",
        "The accuracy is the share that is right.",
        accuracy=lambda self, logits, labels: 1 - right(logits, labels),
    ),
    Mistake(
        "this is the number of right pictures, not their share",
        "Divide by the number of pictures.",
        accuracy=lambda self, logits, labels: len(labels) * right(logits, labels),
    ),
]
FUNCTIONS = [
    Function("mean", ("losses",), gpu_traps.MEAN, in_steps="losses"),
    Function("sums", ("values", "labels"), gpu_traps.SUMS),
    Function("scaled", ("batches",), gpu_traps.SCALED, is_list=True),
    Function("of_labels", ("numbers",), gpu_traps.OF_LABELS, refused=out_of_range),
    Function("accuracy", ("logits",), gpu_traps.ACCURACY),
]
MISTAKES = [MEANS, SUMS, SCALED, OF_LABELS, ACCURACIES]
STAGES = {}
for function, mistakes in zip(FUNCTIONS, MISTAKES, strict=True):
    STAGES[function.name] = Stage(LESSON, mistakes)
    STAGES[f"{function.name}, GPU"] = Stage(LESSON, function.traps)
EXERCISE = Exercise("gpu", OnGpu, trial(*FUNCTIONS), cases, STAGES, tolerance=1e-5)
