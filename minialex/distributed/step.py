"""What many ranks do together: a training step, and the answers to pictures."""

import numpy

from minialex import backend
from minialex.backend import Array
from minialex.distributed.gradients import Gradients
from minialex.distributed.part import Part
from minialex.fast.engine import Engine
from minialex.fast.update import Update
from minialex.layers import SoftmaxCrossEntropy
from minialex.layers.loss import right_answers
from minialex.network import Network
from minialex.optim import Optimizer


class SharedStep:
    """One step of `optimizer` on the mean loss over the pictures of all ranks.

    engine   the part's network, or a fast engine of it
    """

    def __init__(
        self, part: Part, engine: Network | Engine, loss: SoftmaxCrossEntropy, optimizer: Optimizer
    ):
        self.part, self.engine, self.loss = part, engine, SharedLoss(loss, part)
        self.gradients = Gradients(part.network, part.scheme.pictures, part.joined)
        self.update = optimizer.step
        if isinstance(engine, Engine):
            engine.keep_gradients_in(self.gradients.arrays)
            self.update = Update(optimizer, engine.workers)

    def __call__(self, x: Array, labels: Array) -> tuple[Array, Array]:
        """This rank's share of the mean loss before the update, and how many of its pictures were
        classified right: the sums over the ranks are what a single process has.

        x (n, H, W, C) and labels (n,) are this rank's; n may differ, or be 0, but not on all.
        """
        part, n = self.part, len(labels)
        self.loss.begin(part.begin(n), labels)
        if n == 0:
            x, labels = part.blank(), numpy.zeros(1, numpy.int64)
        value, logits = self.engine.step(x, labels, self.loss, self.gradients.finished)
        right = right_answers(part.own(logits)[:n], labels[:n])
        self.gradients.wait()
        self.update()
        return value, right


class SharedLoss:
    """A loss whose values and gradients add up, over the ranks, to those of the whole batch."""

    def __init__(self, loss: SoftmaxCrossEntropy, part: Part):
        self.loss, self.part = loss, part

    def begin(self, counts: list[int], labels: Array) -> None:
        """Prepares for a batch of which each rank has so many pictures, this one with `labels`."""
        ranks = self.part.scheme.pictures
        self.share = counts[ranks.rank] / sum(counts)
        if self.part.join:
            everyones = ranks.gathered(labels, [(n,) for n in counts])
            self.labels = backend.of(labels).concatenate(everyones)

    def forward(self, logits: Array, labels: Array) -> Array:
        """This rank's share of the mean loss over the whole batch."""
        return self.loss.forward(logits, self.labels if self.part.join else labels) * self.share

    def backward(self) -> Array:
        """The gradient of the mean loss: of all pictures' logits where they are joined."""
        dlogits = self.loss.backward()
        return dlogits if self.part.join else dlogits * self.share


class SharedForward:
    """Forward for this rank's share of a batch, which may be empty: all ranks call it together."""

    def __init__(self, part: Part, engine: Network | Engine):
        self.part, self.engine = part, engine

    def forward(self, x: Array) -> Array:
        """The logits (n, classes) of this rank's pictures (n, H, W, C)."""
        n = len(x)
        if self.part.join:
            self.part.begin(n)
        return self.part.own(self.engine.forward(x if n else self.part.blank()))[:n]
