"""A whole step of training: forward, loss, backward and update, replayed on a GPU."""

from minialex.backend import Array
from minialex.fast.engine import Engine
from minialex.fast.gpu.replay import Replayed
from minialex.fast.lazy_batch import LazyBatch
from minialex.fast.update import Update
from minialex.layers import SoftmaxCrossEntropy
from minialex.layers.checks import check_labels
from minialex.layers.loss import right_answers
from minialex.optim import Optimizer


class TrainingStep:
    """One step of `optimizer` on the loss of the engine's network. On a CPU, the gradients of
    linear layers' weights are used up on the way: `grads` lacks them afterwards."""

    def __init__(self, engine: Engine, loss: SoftmaxCrossEntropy, optimizer: Optimizer):
        self.engine, self.loss = engine, loss
        *_, self.answer = engine.network.shapes().values()  #: the shape of a picture's logits
        self.update = Update(optimizer, engine.workers)
        self.replayed = Replayed(self.work, self.lasting, self.memory)

    @property
    def optimizer(self) -> Optimizer:
        """Whose step it is."""
        return self.update.optimizer

    def __call__(self, x: Array | LazyBatch, labels: Array) -> tuple[Array, Array]:
        """The mean loss before the update, and how many pictures were classified right.

        x (N, H, W, C) and labels (N,) may lie on the host or on the device.
        """
        engine = self.engine
        x = engine.ready(x)
        check_labels(labels, (len(x), *self.answer))
        engine.draw(x)
        self.update.begin()
        replayable = engine.replays(x) and type(self.loss) is SoftmaxCrossEntropy
        loss, right = (self.replayed if replayable else self.work)(x, labels)
        if not self.update.kernel:
            self.update.run()
        return loss, right

    def work(self, x: Array | LazyBatch, labels: Array) -> tuple[Array, Array]:
        """What is the same in every step: all of it, where the update is done by kernels."""
        loss, logits = self.engine.compute(x, labels, self.loss, update=self.update)
        right = right_answers(logits, labels)
        if self.update.kernel:
            self.update.run()
        return loss, right

    def lasting(self) -> list:
        """What the step depends on: arrays that outlast it, and the settings of optimiser, loss and
        dropout. Of the optimiser's, those that a step sends anew do not count."""
        settings = vars(self.optimizer) | {"lr": None, "steps": None, "state": None}
        state = self.optimizer.state.values()
        shares = [dropout.p for dropout in self.engine.dropouts]
        arrays = [*self.engine.params.values(), *state]
        return [*arrays, *settings.values(), self.loss.smoothing, *shares]

    def memory(self) -> list[Array]:
        """The arrays that the step works in."""
        return [*self.engine.memory(), *self.update.memory.arrays.values()]
