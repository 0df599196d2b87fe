"""Exercise: five functions that run on the CPU and on a GPU, after lesson 13. About forty minutes.

Fill the gaps from top to bottom, and after each one run

    python -m minialex.gradcheck lessons/exercises/gpu.py

You need no GPU. Each function is called with NumPy arrays, then with arrays of a stand-in for a
GPU (docs/gpu.md), which refuses what CuPy refuses and counts what a GPU would have to do.
"""

from collections.abc import Iterator

import numpy

from minialex import backend  # noqa: F401  (for your code)
from minialex.backend import Array


class OnGpu:
    """Five functions from around a training step: the same lines for the CPU and a GPU.

    "On the card" means: in the GPU's memory, or on NumPy if there is none. `backend.of(x)` gives
    the module of an array on the card: xp = backend.of(x), then xp.zeros, xp.asarray, … as in
    NumPy. xp.asarray(a, dtype) sends an array to the card.

    Five things are different on a GPU, and make code slow or wrong there:

    - Python waits wherever it needs a number: float(x), int(x), `if x`, backend.to_host(x).
    - An array on the host cannot be added to one on the card, and should not be its index.
    - Where an index occurs twice, x[index] += y keeps one value: on NumPy the last, here any.
    - An index out of range is no error: it wraps around.
    - What is float64 makes everything float64 that it meets, at half the speed or far less.

    For example, on NumPy:

    >>> gpu = OnGpu()
    >>> gpu.mean(iter([numpy.array(3.0), numpy.array(1.0)]))
    2.0
    >>> gpu.sums(numpy.array([5.0, 2.0, 1.0]), numpy.array([0, 2, 0]), classes=4).tolist()
    [6.0, 0.0, 2.0, 0.0]
    >>> maps = numpy.array([[[[10.0, 20.0]]]])        # one picture of one pixel, two channels
    >>> gpu.scaled([maps], numpy.array([6.0, 10.0]), numpy.array([2.0, 5.0]))[0].tolist()
    [[[[2.0, 2.0]]]]
    >>> logits = numpy.array([[1.0, 2.0], [4.0, 3.0]])
    >>> gpu.of_labels(logits, numpy.array([1, 1])).tolist()
    [2.0, 3.0]
    >>> gpu.accuracy(logits, numpy.array([1, 1]))
    0.5
    """

    def mean(self, losses: Iterator[Array]) -> float:
        """The mean loss of some steps, a Python number.

        losses: an iterator. Each turn of `for loss in losses` asks the card for a step, and gives
        its loss, an array of shape () on the card. Python waits once, after the last step.
        """
        # Your code here.
        raise NotImplementedError("mean")

    def sums(self, values: Array, labels: Array, classes: int) -> Array:
        """For each class the sum of the values that have its label, (classes,), of their dtype.

        values and labels, (N,), lie on the card, and so does the result; Python does not wait.
        Labels are in range. A class may occur often, or not at all. (numpy.add.at adds through an
        index at each place, however often that occurs. CuPy has it, too.)
        """
        # Your code here.
        raise NotImplementedError("sums")

    def scaled(self, batches: list[Array], mean: numpy.ndarray, std: numpy.ndarray) -> list[Array]:
        """For each batch x of pictures (N, H, W, C) the array (x − mean) / std, of x's dtype.

        batches: on the card, all of one dtype; so are the results. mean and std, (C,), are float64
        on the host, and sent to the card once for all batches.
        """
        # Your code here.
        raise NotImplementedError("scaled")

    def of_labels(self, numbers: Array, labels: numpy.ndarray) -> Array:
        """From each row of numbers the one of its label: numbers[0, labels[0]], and so on, (N,).

        numbers (N, classes) lie on the card, and so does the result; Python does not wait. labels
        (N,) are on the host. If one is not among 0, 1, …, classes − 1: ValueError.
        """
        # Your code here.
        raise NotImplementedError("of_labels")

    def accuracy(self, logits: Array, labels: numpy.ndarray) -> float:
        """The share of pictures whose largest logit is that of their label, a Python number.

        logits (N, classes) lie on the card, labels (N,) on the host. The labels are sent to the
        card, and one number comes back.
        """
        # Your code here.
        raise NotImplementedError("accuracy")
