"""The loss as it comes: means over the pictures since the last line, by a clock."""

import numpy
import pytest

from minialex import Network, Trainer, optim
from minialex.data import from_arrays
from minialex.layers import Flatten, Linear
from minialex.loss_lines import LossLines

#: How many pictures the steps of an epoch have.
BATCHES = (16, 16, 8)


class Clock:
    """Tells the seconds that it is set to."""

    now = 100.0

    def __call__(self):
        return self.now


def trainer(xp):
    rng = numpy.random.default_rng(0)
    x, labels = rng.random((sum(BATCHES), 4, 4, 1)), [0, 1] * (sum(BATCHES) // 2)
    net = Network([Flatten(), Linear(16, 2, rng=rng)], (4, 4, 1)).to(xp)
    dataset = from_arrays(x, labels, x, labels)
    return Trainer(net, dataset, optim.SGD(net, lr=0.1), batch_size=BATCHES[0])


def finish(it):
    it.finish_epoch({"loss": 1.0, "accuracy": 0.5, "top5": 1.0})


def test_a_line_has_the_means_since_the_last_one(xp):
    """Also on a GPU, where nobody has read what the steps gave."""
    each, read = [], trainer(xp)  # the loss and the right answers of each step
    for _ in range(2):
        right = 0
        for _ in read.train_epoch():
            read.read()
            each.append((read.last_loss, read.progress["correct"] - right))
            right = read.progress["correct"]
        finish(read)
    it, clock, found = trainer(xp), Clock(), []
    lines = LossLines(it, clock)
    for _ in range(2):
        lines.begin()
        for step, _ in enumerate(it.train_epoch(), 1):
            clock.now += 2
            if step > 1:
                found.append(lines.line())
        finish(it)
        clock.now += 50  # what tests take is no time of training
    for line, first, steps in zip(found, (0, 2, 3, 5), (2, 1, 2, 1), strict=True):
        taken = range(first, first + steps)
        pictures = [BATCHES[step % 3] for step in taken]
        loss = sum(each[step][0] * count for step, count in zip(taken, pictures, strict=True))
        assert line == pytest.approx(
            {
                "step": first + steps,
                "epoch": (first + steps) / 3,
                "loss": loss / sum(pictures),
                "accuracy": sum(each[step][1] for step in taken) / sum(pictures),
                "learning_rate": 0.1,
                "images_per_second": sum(pictures) / (2 * steps),
            }
        )


def test_only_the_clock_says_when_the_next_line_is_due():
    it, clock = trainer(numpy), Clock()
    lines, steps = LossLines(it, clock), it.train_epoch()
    next(steps)
    clock.now += 0.9
    assert not lines.due()
    clock.now += 0.1
    assert lines.due()
    assert lines.line()["step"] == 1
    assert not lines.due()
    steps.close()


def test_without_pictures_there_is_no_line():
    """Where a run is stopped between epochs, or all files of a batch are damaged."""
    assert LossLines(trainer(numpy), Clock()).line() is None
