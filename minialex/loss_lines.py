"""The training loss as it comes, for whoever watches: the lines of a run's losses.jsonl."""

import time
from collections.abc import Callable

from minialex.training import Trainer

#: How many seconds there are at least between two lines of an epoch.
EVERY = 1.0

#: What adds up in a Trainer's progress.
SUMS = ("seen", "loss_sum", "correct")


class LossLines:
    """Says how the training of an epoch has gone since it last said so.

    clock: what tells the seconds
    """

    def __init__(self, trainer: Trainer, clock: Callable[[], float] = time.perf_counter):
        self.trainer, self.clock = trainer, clock
        self.begin()

    def begin(self) -> None:
        """Makes the next line be about what follows."""
        self.sums = [self.trainer.progress[name] for name in SUMS]
        self.since = self.clock()

    def due(self) -> bool:
        """Whether it is time for the next line."""
        return self.clock() - self.since >= EVERY

    def line(self) -> dict | None:
        """Means over the pictures since the last line, and where training is; None if there were no
        pictures. All ranks must call it together.

        Its step is the number of steps taken in all, its epoch that of epochs, with a fraction.
        """
        self.trainer.read()
        progress, sums, since = self.trainer.progress, self.sums, self.since
        if progress["seen"] == sums[0]:
            return None
        self.begin()
        seen, loss, correct = (now - old for now, old in zip(self.sums, sums, strict=True))
        steps = self.trainer.steps_in_all()
        return {
            "step": steps,
            "epoch": steps / len(self.trainer.batches),
            "loss": loss / seen,
            "accuracy": correct / seen,
            "learning_rate": progress["learning_rate"],
            "images_per_second": seen / (self.since - since),
        }
