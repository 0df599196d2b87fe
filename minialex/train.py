"""python -m minialex.train: trains a network on a data set, on the CPU or on a GPU."""

import contextlib
import math
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

import numpy
from tqdm import tqdm

from minialex import backend, data, models, optim, options, weights
from minialex.command import run
from minialex.data.augment import AUGMENTATIONS, Standardize
from minialex.data.batches import Batches
from minialex.data.dataset import Dataset
from minialex.data.lighting import Lighting, lighting_from
from minialex.data.skipped import describe_unreadable
from minialex.data.statistics import statistics_of
from minialex.errors import InputError
from minialex.evaluate import evaluate
from minialex.io.checkpoint import Checkpoint, save_checkpoint
from minialex.io.run_folder import RunFolder
from minialex.layers import SoftmaxCrossEntropy
from minialex.parallel.workers import Workers
from minialex.train_messages import describe, epoch_line, out_of_memory

#: The stream of the seed that initial weights and dropout come from; the data sets and batches have
#: others.
WEIGHTS = 3

#: How far the epoch under way has come: steps, pictures seen, the sum of their losses, right
#: answers, time and last rate.
NEW_EPOCH = {
    "steps": 0,
    "seen": 0,
    "loss_sum": 0.0,
    "correct": 0,
    "seconds": 0.0,
    "learning_rate": 0.0,
}


class Training:
    """One run: the network, what trains it, and how far it has come.

    With a `checkpoint` of it, it goes on from there; with weights to `start` with, another run's or
    from elsewhere, it begins with those, and standardises pictures as they were standardised for
    them.

    `progress` is saved with the weights: the options, what standardises and lights the pictures,
    those that were `skipped` because they cannot be read, the number of `epochs` done and
    NEW_EPOCH's counts of the one under way.
    """

    def __init__(
        self,
        chosen: dict,
        dataset: Dataset,
        xp: ModuleType,
        checkpoint: Checkpoint | None = None,
        start: Checkpoint | weights.WeightFile | None = None,
    ):
        self.options, self.dataset, self.on_gpu = chosen, dataset, xp is not numpy
        rng = numpy.random.default_rng((chosen["seed"], WEIGHTS))
        image_size, channels = dataset.train.image_size, dataset.channels
        self.network = models.of_run(chosen, dataset.num_classes, image_size, channels, rng).to(xp)
        loss = SoftmaxCrossEntropy(chosen["label_smoothing"])
        self.workers = Workers(self.network, loss, 1 if self.on_gpu else chosen["workers"])
        self.optimizer = optim.optimizer(self.network, chosen)
        self.schedule = optim.schedule(chosen["schedule"], chosen["lr"], chosen["epochs"])
        pictures = [len(dataset.train), len(dataset.test), *self.network.input_shape]
        if checkpoint:
            if (checkpoint.progress["classes"], checkpoint.progress["pictures"]) != (
                dataset.class_names,
                pictures,
            ):
                raise InputError(
                    f"{checkpoint.path} was trained on other classes or pictures than the data set has now"
                )
            checkpoint.restore(self.network, self.optimizer, self.schedule)
            self.progress = {**checkpoint.progress, "options": chosen}
            standardize = Standardize(self.progress["mean"], self.progress["std"])
            lighting = self.progress["lighting"] and Lighting.from_json(self.progress["lighting"])
        else:
            statistics = statistics_of(dataset.train)
            standardize = (
                statistics.centre() if chosen["pixels"] == "centred" else statistics.standardize()
            )
            if start:
                weights.begin(self.network, start, dataset.class_names)
                standardize = Standardize(start.progress["mean"], start.progress["std"])
            lighting = chosen["lighting"] and lighting_from(
                chosen["lighting"], statistics.covariance
            )
            self.progress = {
                "options": chosen,
                "classes": dataset.class_names,
                "pictures": pictures,
                "epochs": 0,
            }
            self.progress |= NEW_EPOCH
            self.progress |= {"mean": standardize.mean.tolist(), "std": standardize.std.tolist()}
            self.progress |= {"lighting": lighting and lighting.to_json(), "skipped": {}}
        augment = {name: name in chosen["augment"].split(",") for name in AUGMENTATIONS} | {
            "lighting": lighting
        }
        self.batches = Batches(
            dataset.train, chosen["batch_size"], standardize, chosen["seed"], **augment
        )
        self.test_batches = Batches(dataset.test, chosen["batch_size"], standardize)
        self.batches.skipped = self.test_batches.skipped = self.progress["skipped"]
        self.unread = []  #: of each step since the last look at them: loss, right answers (both on the device), pictures
        self.stopping = False
        self.signal = 0  #: the signal that asked to stop, if one did

    def run(self, folder: RunFolder) -> None:
        """Trains until all epochs are done or `stopping` is set, and keeps `folder` up to date."""
        history = folder.read_metrics(self.progress["epochs"])
        folder.write_config(self.options)
        self.save(folder)
        while self.progress["epochs"] < self.options["epochs"]:
            self.train_epoch(folder)
            self.save(folder)
            tested = (
                None
                if self.stopping
                else evaluate(self.workers, self.test_batches, lambda: self.stopping)
            )
            if tested is None:
                self.say_skipped(folder)
                say(f"Stopped. To go on: python -m minialex.train --resume {folder.path}")
                return
            self.check_finite(tested["loss"], "test loss")
            history.append(self.metrics(tested))
            say(epoch_line(history[-1], self.options["epochs"]))
            self.schedule.observe(1 - tested["accuracy"], tested["loss"])
            self.progress.update(NEW_EPOCH, epochs=self.progress["epochs"] + 1)
            folder.write_metrics(history)
            self.save(folder)
        self.say_skipped(folder)
        say(
            f"Done: test accuracy {history[-1]['test_accuracy']:.2%}. Curves are in {folder.curves}"
        )

    def train_epoch(self, folder: RunFolder | None) -> None:
        """Trains on what is left of the epoch under way, or until `stopping` is set.

        Checkpoints within the epoch, if the options want them, go to `folder`.
        """
        chosen, progress = self.options, self.progress
        epoch, length, pictures = progress["epochs"], len(self.batches), len(self.dataset.train)
        name = f"epoch {epoch + 1}/{chosen['epochs']}"
        layout = "{desc} {percentage:3.0f}% |{bar}| {remaining} left, {rate_fmt}{postfix}"
        seen = progress["seen"]
        bar = tqdm(
            total=pictures,
            initial=seen,
            desc=name,
            unit=" images",
            leave=False,
            disable=None,
            bar_format=layout,
        )
        batches = self.batches.epoch(epoch, start=progress["steps"])
        start = time.perf_counter() - progress["seconds"]
        with bar, contextlib.closing(batches):
            for x, labels in batches:
                steps = epoch * length + progress["steps"]
                self.stopping |= chosen["max_steps"] is not None and steps >= chosen["max_steps"]
                if self.stopping:
                    self.read()
                    return
                self.optimizer.lr = self.schedule(epoch + progress["steps"] / length)
                if len(labels):  # none is left of a batch whose files are all damaged
                    loss = self.workers.step(x, labels)
                    self.workers.update(self.optimizer)
                    self.unread.append(
                        (loss, right_answers(self.workers.logits, labels), len(labels))
                    )

                progress["learning_rate"] = self.optimizer.lr
                progress["steps"] += 1
                progress["seen"] += len(labels)
                bar.update(len(labels))
                logs = progress["steps"] % chosen["log_every"] == 0
                saves = chosen["checkpoint_every"] and (steps + 1) % chosen["checkpoint_every"] == 0
                if logs or saves or not self.on_gpu or progress["steps"] == length:
                    loss = self.read()
                    if loss is not None:
                        accuracy = progress["correct"] / progress["seen"]
                        bar.set_postfix_str(
                            f"loss {loss:.3f}, accuracy {accuracy:.1%}", refresh=False
                        )
                progress["seconds"] = time.perf_counter() - start
                if logs and loss is not None:
                    step = f"Step [{progress['steps']}/{length}]"
                    say(f"Epoch [{epoch + 1}/{chosen['epochs']}], {step}, Loss: {loss:.4f}")
                if saves:
                    self.save(folder)

    def read(self) -> float | None:
        """Adds what the steps since the last time gave to `progress`; returns the last one's loss,
        if there was one.

        The host waits for the GPU here, and only here: between two readings it is ahead with
        preparing the next steps.
        """
        loss = None
        for loss, right, pictures in self.unread:
            loss = float(loss)
            self.check_finite(loss, "loss")
            self.progress["loss_sum"] += loss * pictures
            self.progress["correct"] += int(right)
        self.unread.clear()
        return loss

    def check_finite(self, value: float, what: str) -> None:
        """InputError, which ends the run at its last checkpoint, if the training has gone
        astray."""
        if not math.isfinite(value):
            where = f"epoch {self.progress['epochs'] + 1} by step {self.progress['steps']}"
            raise InputError(
                f"the {what} is {value} in {where}: try a smaller --lr than {self.options['lr']}"
            )

    def metrics(self, tested: dict[str, float]) -> dict:
        """The line of metrics.jsonl for the epoch just done; accuracies are shares of 1, times in
        seconds."""
        progress = self.progress
        return {
            "epoch": progress["epochs"] + 1,
            "train_loss": progress["loss_sum"] / progress["seen"],
            "train_accuracy": progress["correct"] / progress["seen"],
            "test_loss": tested["loss"],
            "test_accuracy": tested["accuracy"],
            "test_top5": tested["top5"],
            "learning_rate": progress["learning_rate"],
            "images_per_second": progress["seen"] / progress["seconds"],
            "seconds": progress["seconds"],
        }

    def save(self, folder: RunFolder) -> None:
        """Writes the checkpoint; InputError, and the old one stays, if a weight is no number any
        more."""
        for array in self.network.params.values():
            self.check_finite(float(abs(array).max()), "largest weight")
        save_checkpoint(
            folder.checkpoint, self.network, self.optimizer, self.schedule, self.progress
        )
        folder.write_bad_pictures(self.progress["skipped"])

    def say_skipped(self, folder: RunFolder) -> None:
        """Prints which pictures, of those come across so far, could not be read."""
        if self.progress["skipped"]:
            say(describe_unreadable(self.progress["skipped"], f", all in {folder.bad_pictures}"))


def right_answers(logits, labels: numpy.ndarray):
    """How many of the logits (N, classes) are largest at their label, as a number on the device
    they are on."""
    return (logits.argmax(axis=1) == backend.to_device(labels, backend.of(logits))).sum()


def say(text: str) -> None:
    """Prints a line above the progress bar, at once also where the output goes to a file."""
    tqdm.write(text)
    sys.stdout.flush()


@contextlib.contextmanager
def stop_on_signal(training: Training) -> Iterator[None]:
    """Within it the first Ctrl-C (or SIGTERM) lets the step under way finish and stops; the second
    ends at once."""

    def stop(number, frame):
        if training.signal:
            raise KeyboardInterrupt
        training.stopping, training.signal = True, number

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def main(arguments: Sequence[str]) -> int:
    """Runs the command with `arguments`; returns the exit code, 128 + the signal's number if one
    stopped it."""
    chosen, checkpoint, start = options.read(arguments)
    if isinstance(start, weights.WeightFile) and start.assumed:
        say(f"note: {start.assumed}")
    xp = backend.get(chosen["backend"])
    backend.gpu_workspace = chosen["gpu_workspace"] << 20
    dataset = data.load(
        *(chosen[name] for name in ("dataset", "data_dir", "image_size", "seed", "crop_padding"))
    )
    try:
        training = Training(chosen, dataset, xp, checkpoint, start)
        if checkpoint:
            folder = RunFolder(checkpoint.path.parent)
        else:
            folder = RunFolder.create(
                chosen["out"] and Path(chosen["out"]), f"{chosen['dataset']}-{chosen['model']}"
            )
        say(describe(chosen, dataset, training.network, training.on_gpu, folder.path))
        if start and not weights.knows(start, dataset.class_names):
            say("The weights are for other classes: the last layer begins anew.")
        with stop_on_signal(training):
            training.run(folder)
    except MemoryError as error:
        if not type(error).__module__.startswith(xp.__name__):  # the host's own
            raise
        raise InputError(out_of_memory(chosen, dataset, xp)) from error
    return 128 + training.signal if training.signal else 0


if __name__ == "__main__":
    run(main)
