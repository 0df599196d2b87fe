"""Training: the loop over epochs and batches, on its own layers or on the fast engine."""

import contextlib
import copy
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy
from numpy.typing import ArrayLike
from tqdm.auto import tqdm

from minialex import backend, charts, fast, lower_rate, nan_search, schedules
from minialex.backend import Array
from minialex.batch_memory import Needed, check_training, of_training, saying_what_fits
from minialex.cores import usable_cores
from minialex.data.augment import Standardize
from minialex.data.batches import Batches
from minialex.data.dataset import Dataset
from minialex.data.identity import digest_of
from minialex.data.lighting import Lighting
from minialex.data.statistics import standardize_from
from minialex.distributed.part import Part
from minialex.distributed.scheme import ONE_PROCESS, Scheme
from minialex.distributed.start import digest, require_same
from minialex.distributed.step import SharedForward, SharedStep
from minialex.errors import InputError, NotFinite
from minialex.evaluation import Answers, answer
from minialex.fast.memory import GPU_WORKSPACE
from minialex.files import check_named, write_output
from minialex.inference import TrainedNetwork
from minialex.io import metadata
from minialex.io.checkpoint import Checkpoint, save_checkpoint
from minialex.io.description import describe, described
from minialex.layers import SoftmaxCrossEntropy
from minialex.layers.loss import right_answers
from minialex.nan_search import WatchedLoss
from minialex.network import Network
from minialex.notebook import LiveCurves
from minialex.optim import Adam, Optimizer
from minialex.training_checks import (
    check_fit,
    check_kinds,
    check_same,
    checked_augment,
)

ENGINES = ("fast", "plain")

#: How far the epoch under way has come: steps, pictures seen, the sum of their losses, right
#: answers, time, last learning rate.
NEW_EPOCH = {
    "steps": 0,
    "seen": 0,
    "loss_sum": 0.0,
    "correct": 0,
    "seconds": 0.0,
    "learning_rate": 0.0,
}


#: What the checkpoints of earlier versions may lack.
MAY_LACK = ("lowered", "digest")


class Trainer:
    """Trains a network on a data set and tells how good it is.

    network      any Network; move it to a GPU first with network.to(minialex.backend.get("cupy"))
    dataset      pictures and labels: data.load("cifar10"), or data.from_arrays(…) for your own
    optimizer    default: Adam(network)
    schedule     the learning rate over time (default: the optimiser's lr throughout)
    loss         default: SoftmaxCrossEntropy()
    batch_size   pictures in a step; InputError if the fast engine would run out of memory on a CPU
    augment      names from data.augment.AUGMENTATIONS: how training pictures vary
    lighting     the colour shifts, if `augment` names "lighting"
    standardize  what pixels go through first (default: to mean 0 and deviation 1 in training)
    test_views   a name from data.augment.TEST_VIEWS: over which views of a test picture the
                 answers are averaged
    seed         of the order and the views of the training pictures
    engine       "fast", or "plain" for the layers as they are read: the same numbers, to rounding
    workers      threads of the fast engine on a CPU (default: one a core)
    scheme       how the work is divided among the processes that mpirun has started; see
                 minialex.distributed. All of them then call the same methods, and it is an
                 InputError if they have been given different things

    `history` has a dict for each epoch: losses, accuracies (shares of 1), learning rate, seconds.
    `progress` is saved with the weights: how far training has come, what pictures go through, and
    what it takes to resume.
    """

    def __init__(
        self,
        network: Network,
        dataset: Dataset,
        optimizer: Optimizer | None = None,
        schedule: schedules.Constant | None = None,
        *,
        loss: SoftmaxCrossEntropy | None = None,
        batch_size: int = 64,
        augment: Iterable[str] = (),
        lighting: Lighting | None = None,
        standardize: Standardize | None = None,
        test_views: str = "centre",
        seed: int = 0,
        engine: str = "fast",
        workers: int | None = None,
        gpu_workspace: int = GPU_WORKSPACE,
        scheme: Scheme = ONE_PROCESS,
    ):
        if engine not in ENGINES:
            raise ValueError(f"engine is one of {', '.join(ENGINES)}, got {engine!r}")
        check_kinds(network, dataset, optimizer, schedule, batch_size)
        augment = checked_augment(augment, lighting)
        check_fit(network, dataset)
        self.network, self.dataset = network, dataset
        self.unsaveable: ValueError | None = None  #: why `save` will fail, if it will
        self.on_gpu = network.module is not numpy
        workers = 1 if self.on_gpu else workers or usable_cores()
        self.optimizer = optimizer or Adam(network)
        self.schedule = schedule or schedules.Constant(self.optimizer.lr)
        self.loss = loss or SoftmaxCrossEntropy()
        self.scheme, self.part = scheme, Part(network, scheme)
        own = self.part.network  #: what this process computes: all of the network, if it is alone
        #: the loss of a step: on a GPU, the host learns its value much later
        self.step_loss = self.loss if self.on_gpu else WatchedLoss(self.loss, self.search)
        self.batch: tuple[Array, Array] | None = None  #: of the last step
        self.origin: str | None = None  #: where numbers come from that are not finite, if known
        self.own_optimizer = self.part.optimizer(self.optimizer)
        self.part.agree(self.optimizer)
        self.engine = fast.prepare(own, workers, gpu_workspace) if engine == "fast" else own
        self.training_step: Callable[[Array, Array], tuple[Array, Array]] | None = None
        if scheme.ranks.size > 1:
            self.training_step = SharedStep(
                self.part, self.engine, self.step_loss, self.own_optimizer
            )
        elif isinstance(self.engine, fast.Engine):
            self.training_step = fast.TrainingStep(self.engine, self.step_loss, self.optimizer)
        self.needed: Needed | None = None  #: memory for a step, where that can be told
        if isinstance(self.engine, fast.Engine) and not self.on_gpu:
            self.needed = of_training(self.engine, type(self.optimizer), self.part)
            check_training(self.needed, min(batch_size, len(dataset.train)), scheme.ranks)
        standardize = standardize or standardize_from(dataset.train)
        views = dict.fromkeys(augment, True) | {"lighting": lighting}
        where: dict[str, Any] = dict(
            xp=network.module,
            share=(scheme.pictures.rank, scheme.pictures.size),
            as_bytes=isinstance(self.engine, fast.Engine),
        )
        self.batches = Batches(dataset.train, batch_size, standardize, seed, **where, **views)
        self.test_batches = Batches(
            dataset.test, batch_size, standardize, test_views=test_views, **where
        )
        self.progress: dict[str, Any] = {
            "options": {"model": None, "lrn": None, "batch_size": batch_size},
            "settings": {
                "optimizer": described(self.optimizer),
                "schedule": described(self.schedule),
                "loss": described(self.loss),
                "batch_size": batch_size,
                "augment": augment,
                "test_views": test_views,
                "seed": seed,
            },
            "source": dataset.source,
            "classes": dataset.class_names,
            "pictures": [len(dataset.train), len(dataset.test), *network.input_shape],
            "digest": digest_of(dataset),
            "epochs": 0,
            **NEW_EPOCH,
            **standardize.to_json(),
            "pixel_range": dataset.pixel_range,
            "lighting": lighting and lighting.to_json(),
            "network": self.described_network(),
            "skipped": {},
            "lowered": [],
            "history": [],
        }
        same = ("network", "classes", "pictures", "digest", "mean", "std", "lighting")
        about = {name: self.progress[name] for name in same} | self.progress["settings"]
        require_same(scheme.ranks, about)
        self.batches.skipped = self.test_batches.skipped = self.progress["skipped"]
        self.last_loss: float | None = None  #: of the last step that was read
        self.unread: list[tuple] = []  #: of each step since: loss, right answers, pictures

    def described_network(self) -> dict[str, Any] | None:
        """What `save` says of the network; None, and a note, if it cannot be saved."""
        try:
            return describe(self.network)
        except ValueError as error:
            self.unsaveable = error
            print(f"note: {error}", file=sys.stderr)
            return None

    @property
    def history(self) -> list[dict]:
        """A dict for each finished epoch."""
        return self.progress["history"]

    def steps_in_all(self) -> int:
        """How many steps have been taken in all epochs together."""
        return self.progress["epochs"] * len(self.batches) + self.progress["steps"]

    def fit(self, epochs: int = 1) -> list[dict]:
        """Trains for this many more epochs and tests after each; returns `history`.

        Shows a bar and prints a line an epoch; in a notebook, curves that update in place.
        NotFinite, an InputError, if the loss becomes infinite or NaN.
        """
        if epochs < 0:
            raise ValueError(f"expected a number of epochs, got {epochs}")
        curves = LiveCurves()
        for _ in range(epochs):
            for _ in self.train_epoch():
                pass
            metrics = self.finish_epoch(self.evaluate())
            if self.scheme.ranks.rank == 0:
                tqdm.write(
                    f"epoch {metrics['epoch']}: train loss {metrics['train_loss']:.4f}, test "
                    f"accuracy {metrics['test_accuracy']:.2%}, "
                    f"{metrics['images_per_second']:,.0f} images/s"
                )
                curves.show(self.history)
        return self.history

    def evaluate(self) -> dict[str, float]:
        """ "loss", "accuracy" and "top5" (shares of 1) on the test pictures."""
        scores = self.scores()
        assert scores is not None
        return scores

    def scores(self, should_stop: Callable[[], bool] = lambda: False) -> dict[str, float] | None:
        """What `evaluate` returns; None if should_stop() became true after some batch."""
        ranks = self.scheme.pictures
        network = SharedForward(self.part, self.engine) if ranks.size > 1 else self.engine
        answers = answer(network, self.test_batches, should_stop)
        if answers is None:
            return None
        if ranks.size > 1:
            columns = [numpy.concatenate(ranks.parts(own)) for own in vars(answers).values()]
            order = columns[0].argsort()
            answers = Answers(*(column[order] for column in columns))
        return answers.scores()

    def predict(self, pictures: ArrayLike) -> numpy.ndarray:
        """The probability of each class, (N, classes), for new pictures; see
        TrainedNetwork.predict."""
        return self.trained().predict(pictures)

    def trained(self) -> TrainedNetwork:
        """The network as it is now, with its classes, ready for use."""
        self.collect()
        engine = self.engine if self.has_all_layers else None
        return TrainedNetwork(self.network, self.progress, engine=engine)

    @property
    def has_all_layers(self) -> bool:
        """Whether this process computes all of the network, if not for all pictures."""
        return self.part.network is self.network

    def save(self, path: Path | str, weights_only: bool = False) -> None:
        """Writes weights, optimiser, schedule and progress to `path`, a .npz file without pickles.
        Of many ranks the first one does.

        minialex.load and `resume` read it, and the commands take it as --weights. weights_only:
        without what the optimiser keeps, smaller, and not for `resume`. Its folder is created if
        there is none. ValueError for a network whose layers cannot be described, NotFinite if any
        of it is infinite or NaN.
        """
        if self.unsaveable:
            raise self.unsaveable
        self.collect()
        self.check_weights()
        if not weights_only:
            self.check_optimizer()
        path = Path(path)
        if path.is_dir():
            raise ValueError(f"{path} is a folder, expected the name of a file, net.npz say")

        def write() -> None:
            path.parent.mkdir(parents=True, exist_ok=True)
            optimizer = None if weights_only else self.optimizer
            save_checkpoint(path, self.network, optimizer, self.schedule, self.progress)

        self.scheme.ranks.on_first(write)

    def collect(self) -> None:
        """Brings together what this rank lacks of weights, optimiser and skipped pictures.

        InputError if the ranks' weights are not the same, as they must be to the bit.
        """
        ranks = self.scheme.ranks
        if ranks.size == 1:
            return
        self.part.collect(self.optimizer)
        self.optimizer.steps = self.own_optimizer.steps
        for skipped in ranks.everyones(self.progress["skipped"]):
            self.progress["skipped"].update(skipped)
        hashes = ranks.texts(digest(map(backend.to_host, self.network.params.values())))
        if len(set(hashes)) > 1:
            odd = next(rank for rank, found in enumerate(hashes) if found != hashes[0])
            raise InputError(
                f"rank {odd} has other weights than rank 0: one of them has computed wrongly, "
                "or was told to do something else"
            )

    def resume(self, saved: Path | str | Checkpoint) -> None:
        """Puts everything back as it was when a Trainer like this one was saved to the file or run
        folder `saved`: what `fit` does next, it would have done then.

        Like this one: of the same network, data set, optimiser, kind of schedule, and so on.
        InputError, with nothing changed, if the file is damaged or was saved by another one.
        """
        if not isinstance(saved, Checkpoint):
            path = Path(saved)
            saved = Checkpoint(path / "checkpoint.npz" if path.is_dir() else path)
        saved.require([name for name in self.progress if name not in MAY_LACK])
        metadata.check(saved.path, saved.progress)
        check_same(saved, self.progress)
        saved.restore(self.network, self.optimizer, self.schedule)
        self.own_optimizer.steps = self.optimizer.steps
        self.unread.clear()
        self.last_loss = self.origin = None
        self.progress["lowered"] = saved.progress.get("lowered", [])  # older ones have none
        for name in ("epochs", "history", "skipped", *NEW_EPOCH):
            self.progress[name] = copy.deepcopy(saved.progress[name])
        self.batches.skipped = self.test_batches.skipped = self.progress["skipped"]

    def save_curves(self, path: Path | str) -> None:
        """Draws loss and accuracy over the epochs into the PNG file `path`.

        InputError if its name ends otherwise, or if the file there is not from minialex.
        """
        check_named(Path(path), ".png")
        write_output(Path(path), charts.curves({"training": self.history}))

    def train_epoch(self, total_epochs: int | None = None) -> Iterator[None]:
        """Trains on what is left of the epoch under way, and yields after each step.

        `total_epochs` only says what the bar shows. Whoever stops half-way should call `read`.
        """
        progress, epoch, length = self.progress, self.progress["epochs"], len(self.batches)
        title = f"epoch {epoch + 1}" + (f"/{total_epochs}" if total_epochs else "")
        layout = "{desc} {percentage:3.0f}% |{bar}| {remaining} left, {rate_fmt}{postfix}"
        bar = tqdm(
            total=len(self.dataset.train),
            initial=progress["seen"],
            desc=title,
            unit=" images",
            leave=False,
            disable=None,
            bar_format=layout,
        )
        batches = self.batches.epoch(epoch, start=progress["steps"])
        start = time.perf_counter() - progress["seconds"]
        fitting = saying_what_fits(self.engine, self.batches.at_a_time, self.needed)
        with bar, contextlib.closing(batches), fitting:
            for x, labels in batches:
                rate = self.schedule(epoch + progress["steps"] / length)
                rate /= lower_rate.FACTOR ** len(progress["lowered"])
                self.optimizer.lr = self.own_optimizer.lr = rate
                pictures = self.step(x, labels)
                progress["learning_rate"] = rate
                progress["steps"] += 1
                progress["seen"] += pictures
                bar.update(pictures)
                if not self.on_gpu or progress["steps"] == length:
                    self.read()
                if self.last_loss is not None and progress["seen"] and not self.unread:
                    accuracy = progress["correct"] / progress["seen"]
                    text = f"loss {self.last_loss:.3f}, accuracy {accuracy:.1%}"
                    bar.set_postfix_str(text, refresh=False)
                progress["seconds"] = time.perf_counter() - start
                yield

    def step(self, x: Array, labels: Array) -> int:
        """Forward, loss, backward and update for one batch; returns how many pictures it has, on
        all ranks."""
        pictures = int(*self.scheme.pictures.totals(len(labels)))
        if pictures == 0:  # all files of the batch are damaged
            return 0
        self.batch = x, labels
        if self.training_step:
            loss, right = self.training_step(x, labels)
        else:
            loss, logits = self.engine.step(x, labels, self.step_loss)
            self.optimizer.step()
            right = right_answers(logits, labels)
        self.unread.append((loss, right, pictures))
        return pictures

    def read(self) -> None:
        """Adds up in `progress` what the steps since the last time gave.

        The host waits for the GPU here, and only here: in between it prepares the next steps.
        """
        for own_loss, own_right, pictures in self.unread:
            ranks = self.scheme.pictures
            loss, right = ranks.totals(float(own_loss), int(own_right))
            self.last_loss = loss
            if not math.isfinite(loss):
                self.origin = next(filter(None, ranks.texts(self.origin or "")), None)
            self.check_finite(loss, "loss")
            self.progress["loss_sum"] += loss * pictures
            self.progress["correct"] += int(right)
        self.unread.clear()

    def finish_epoch(self, scores: dict[str, float]) -> dict:
        """Closes the epoch, of which `scores` are the test's; returns its line of `history`.
        InputError if no picture of it could be read."""
        if not math.isfinite(scores["loss"]):
            self.search()
        self.check_finite(scores["loss"], "test loss")
        progress = self.progress
        if not progress["seen"]:
            raise InputError(f"no picture of epoch {progress['epochs'] + 1} can be read")
        metrics = {
            "epoch": progress["epochs"] + 1,
            "train_loss": progress["loss_sum"] / progress["seen"],
            "train_accuracy": progress["correct"] / progress["seen"],
            "test_loss": scores["loss"],
            "test_accuracy": scores["accuracy"],
            "test_top5": scores["top5"],
            "learning_rate": progress["learning_rate"],
            "images_per_second": progress["seen"] / progress["seconds"],
            "seconds": progress["seconds"],
        }
        self.history.append(metrics)
        self.schedule.observe(1 - scores["accuracy"], scores["loss"])
        progress.update(NEW_EPOCH, epochs=progress["epochs"] + 1)
        return metrics

    def check_weights(self) -> None:
        """NotFinite if a weight is infinite or NaN."""
        for name, array in self.network.params.items():
            largest = float(abs(array).max())
            if not math.isfinite(largest):
                self.search()
                self.origin = self.origin or name
            self.check_finite(largest, "largest weight")

    def check_optimizer(self) -> None:
        """NotFinite if what the optimiser keeps is infinite or NaN. Adam's square of a gradient is
        infinite long before a weight is: that weight learns nothing any more."""
        for name, array in self.optimizer.state.items():
            self.check_finite(float(abs(array).max()), f"optimiser's largest {name}")

    def search(self) -> None:
        """Finds the `origin` of numbers that are not finite, if this process has all layers: the
        last step is repeated."""
        if self.batch and len(self.batch[0]) and not self.on_gpu and self.has_all_layers:
            trained = self.steps_in_all() > 0
            self.origin = nan_search.origin(self.network, *self.batch, self.loss, trained)

    def check_finite(self, value: float, what: str) -> None:
        """NotFinite if training has diverged."""
        if not math.isfinite(value):
            where = f"epoch {self.progress['epochs'] + 1} by step {self.progress['steps']}"
            rate = getattr(self.schedule, "lr", self.optimizer.lr)  # one's own may have none
            highest = rate / lower_rate.FACTOR ** len(self.progress["lowered"])
            advice = f"try a smaller learning rate than {highest:g}"
            begin = f"; it begins in {self.origin}" if self.origin else ""
            raise NotFinite(f"the {what} is {value} in {where}: {advice}{begin}")
