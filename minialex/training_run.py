"""A run of the training command: training whose results go to a folder, until a signal stops it."""

import contextlib
import os
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tqdm.auto import tqdm

from minialex import lower_rate
from minialex.command import program
from minialex.data.skipped import describe_unreadable
from minialex.distributed.launch import STARTED
from minialex.errors import InputError, NotFinite
from minialex.io.run_folder import RunFolder
from minialex.loss_lines import LossLines
from minialex.streams import SIGPIPE, discard
from minialex.train_messages import duration, epoch_line
from minialex.training import Trainer

#: After how many seconds of training it is said how long all of it will take, if that is more than
#: LONG seconds. The first steps, which are slower, do not count.
TOLD_AFTER, LONG, WARM_UP = 5.0, 60.0, 3


class TrainingRun:
    """One run of the command: a Trainer whose results go to a folder, until a signal stops it."""

    def __init__(self, trainer: Trainer, folder: RunFolder, own_layers: Sequence[Path] = ()):
        self.trainer, self.folder, self.options = trainer, folder, trainer.progress["options"]
        self.own_layers = own_layers  #: the files that --own-layers named
        self.losses = LossLines(trainer)
        self.ranks = trainer.scheme.ranks
        self.stopping = False
        self.signal = 0  #: the signal that asked to stop, if one did
        self.unwritten: OSError | None = None  #: why no more can be printed
        self.taken, self.begin = 0, 0.0  #: the steps of this process, and when they were warm
        self.told = False

    def run(self) -> None:
        """Trains until all epochs are done or it must stop, and keeps the folder up to date.

        The checkpoint comes first: a run that is killed before has left nothing, and starts again.
        InputError, with all saved, if what it says cannot be written.
        """
        trainer, folder, epochs = self.trainer, self.folder, self.options["epochs"]
        self.save()
        self.ranks.on_first(lambda: folder.write_config(self.options))
        self.ranks.on_first(self.begin_where_checkpoint_is)
        if trainer.progress["steps"] == 0:
            self.keep()
        while trainer.progress["epochs"] < epochs:
            try:
                finished = self.finish_epoch()
            except NotFinite as error:
                self.go_back(error)
                continue
            if not finished:
                self.say_skipped()
                self.say(f"Stopped. To resume: {self.resume_command()}")
                break
        else:
            self.say_skipped()
            accuracy = trainer.history[-1]["test_accuracy"]
            self.say(f"Done: test accuracy {accuracy:.2%}. Curves are in {folder.curves}")
        if self.unwritten:
            raise InputError(f"standard output cannot be written: {self.unwritten.strerror}")

    def finish_epoch(self) -> bool:
        """Trains on what is left of the epoch under way, and tests; returns False if it was stopped
        before its end."""
        trainer = self.trainer
        self.train_epoch()
        self.save()
        scores = None if self.must_stop() else trainer.scores(self.must_stop)
        if scores is None:
            return False
        self.say(epoch_line(trainer.finish_epoch(scores), self.options["epochs"]))
        self.ranks.on_first(lambda: self.folder.write_metrics(trainer.history))
        self.keep()
        self.save()
        return True

    def go_back(self, error: NotFinite) -> None:
        """Goes back to the checkpoint, and on from there at a lower rate, if --on-nan says so;
        raises the error otherwise, or if it is no use."""
        if self.options["on_nan"] != "lower-lr":
            raise error
        line = lower_rate.go_back(self.trainer, self.folder.checkpoint, error)
        self.say(line[0].upper() + line[1:])
        self.save()
        self.ranks.on_first(self.begin_where_checkpoint_is)
        self.stopping = bool(self.signal or self.unwritten)

    def begin_where_checkpoint_is(self) -> None:
        """Drops the lines of steps that are taken again."""
        trainer, folder = self.trainer, self.folder
        folder.write_lowered(trainer.progress["lowered"])
        if trainer.history or folder.metrics.exists():
            folder.write_metrics(trainer.history)
        folder.cut_losses(trainer.steps_in_all())

    def resume_command(self) -> str:
        """What to type to resume the run."""
        files = [word for file in self.own_layers for word in ("--own-layers", str(file))]
        ranks = ["--ranks", os.environ[STARTED]] if STARTED in os.environ else []
        words = [*f"{program()}train --resume".split(), str(self.folder.path), *files, *ranks]
        return shlex.join(words)

    def train_epoch(self) -> None:
        """Trains on what is left of the epoch under way, or until it must stop."""
        trainer, progress, chosen = self.trainer, self.trainer.progress, self.options
        length = len(trainer.batches)
        self.stopping |= self.is_last_step()
        if self.must_stop():
            return
        self.losses.begin()
        with contextlib.closing(trainer.train_epoch(chosen["epochs"])) as steps:
            for _ in steps:
                done, epoch = progress["steps"], progress["epochs"]
                self.tell_duration()
                logs = done % chosen["log_every"] == 0
                every = chosen["checkpoint_every"]
                saves = every and trainer.steps_in_all() % every == 0
                if logs or saves:
                    trainer.read()
                if self.ranks.any(self.losses.due()):
                    self.write_loss()
                if logs and trainer.last_loss is not None:
                    where = f"Epoch [{epoch + 1}/{chosen['epochs']}], Step [{done}/{length}]"
                    self.say(f"{where}, Loss: {trainer.last_loss:.4f}")
                if saves:
                    if done < length:
                        self.keep()
                    self.save()
                self.stopping |= done < length and self.is_last_step()
                if self.must_stop():
                    break
        self.write_loss()

    def write_loss(self) -> None:
        """Writes how training has gone since the last line to losses.jsonl."""
        line = self.losses.line()
        if line:
            self.ranks.on_first(lambda: self.folder.write_loss(line))

    def tell_duration(self) -> None:
        """Says once how long the rest will take, if long, as soon as steps tell it."""
        now = time.perf_counter()
        self.taken += 1
        if self.taken == WARM_UP:
            self.begin = now
        if self.told or self.taken <= WARM_UP or now - self.begin < TOLD_AFTER:
            return
        self.told = True
        trainer, chosen = self.trainer, self.options
        per_step = (now - self.begin) / (self.taken - WARM_UP)
        steps = chosen["epochs"] * len(trainer.batches)
        if chosen["max_steps"] is not None:
            steps = min(steps, chosen["max_steps"])
        tests = (chosen["epochs"] - trainer.progress["epochs"]) * len(trainer.test_batches) / 3
        left = steps - trainer.steps_in_all()
        seconds = per_step * (left + tests)  # without a backward, a test takes a third
        if seconds > LONG:
            self.say(f"The {chosen['epochs']} epochs will take about {duration(seconds)}.")

    def must_stop(self) -> bool:
        """Whether to stop, on which all ranks agree: a signal may reach one of them earlier.

        It may also come in the middle of the line below, and counts the next time then: nothing
        sets `signal` back.
        """
        self.stopping = self.ranks.any(self.stopping or self.signal != 0)
        return self.stopping

    def is_last_step(self) -> bool:
        """Whether --max-steps have been taken."""
        most = self.options["max_steps"]
        return most is not None and self.trainer.steps_in_all() >= most

    def keep(self) -> None:
        """Keeps the weights as they are now, if they are to be kept.

        This comes before `save`: a run killed in between takes the steps again and keeps the same.
        """
        if self.options["keep_weights"]:
            file = self.folder.kept_file(self.trainer.steps_in_all())
            self.ranks.on_first(self.folder.check_there)
            self.trainer.save(file, weights_only=True)

    def save(self) -> None:
        """Writes the checkpoint; InputError, and the old one stays, if a weight is not finite."""
        self.ranks.on_first(self.folder.check_there)
        self.trainer.save(self.folder.checkpoint)
        skipped = self.trainer.progress["skipped"]
        self.ranks.on_first(lambda: self.folder.write_bad_pictures(skipped))

    def say_skipped(self) -> None:
        """Prints which pictures, of those met so far, could not be read."""
        if self.trainer.progress["skipped"]:
            where = f", all in {self.folder.bad_pictures}"
            self.say(describe_unreadable(self.trainer.progress["skipped"], where))

    def say(self, text: str) -> None:
        """Prints a line. Where it cannot be written, as its reader has ended or its disk is full,
        training stops and saves."""
        try:
            say(text)
        except OSError as error:
            discard(sys.stdout)
            self.stopping = True
            if isinstance(error, BrokenPipeError):
                self.signal = self.signal or SIGPIPE
            else:
                self.unwritten = error


def say(text: str) -> None:
    """Prints a line above the progress bar, at once even if the output goes to a file."""
    tqdm.write(text)
    sys.stdout.flush()
