"""python -m minialex.train: trains a network on a data set, on the CPU or on a GPU."""

import contextlib
import socket
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType

import numpy

from minialex import __version__, backend, data, models, optim, options, schedules
from minialex.batch_memory import room_for_pictures
from minialex.command import run
from minialex.data.augment import AUGMENTATIONS, Standardize
from minialex.data.dataset import Dataset
from minialex.data.identity import OWN, names_of
from minialex.data.lighting import Lighting, lighting_from
from minialex.data.own import picture_checks
from minialex.data.statistics import statistics_of
from minialex.distributed.devices import on_devices
from minialex.distributed.group import ALONE, Group
from minialex.distributed.hold import Hold
from minialex.distributed.launch import launch
from minialex.distributed.scheme import Scheme
from minialex.distributed.start import (
    connect,
    cores,
    digest,
    first_on_host,
    host_group,
    launched,
    require_same,
    together,
)
from minialex.errors import InputError, one_line
from minialex.io.checkpoint import Checkpoint
from minialex.io.description import built, for_classes, rebuild
from minialex.io.run_folder import RunFolder
from minialex.io.weight_file import WeightFile
from minialex.io.weights import has_classes, start_from
from minialex.layers import Layer, SoftmaxCrossEntropy
from minialex.network import Network
from minialex.stop_signals import stop_on_signal
from minialex.train_messages import describe, out_of_memory
from minialex.training import Trainer
from minialex.training_run import TrainingRun, say
from minialex.weight_options import own_layers

#: The stream of the seed that initial weights and dropout come from; data sets and batches have
#: others.
WEIGHTS = 3


def trainer_of(
    chosen: dict,
    dataset: Dataset,
    xp: ModuleType,
    checkpoint: Checkpoint | None = None,
    start: Checkpoint | WeightFile | None = None,
    own_classes: Iterable[type[Layer]] = (),
    ranks: Group = ALONE,
) -> Trainer:
    """The Trainer that the options describe.

    It resumes from `checkpoint` if there is one; that may be of a network that a script has made,
    with layers of its own. With weights to `start` from, another run's or from elsewhere, it
    fine-tunes those and standardises pictures as they were standardised for them.
    """
    if checkpoint:
        before = checkpoint.progress
        side = dataset.train.image_size
        pictures = [len(dataset.train), len(dataset.test), side, side, dataset.channels]
        if (before["classes"], before["pictures"]) != (dataset.class_names, pictures):
            wrong = "was trained on other classes or pictures than the data set has now"
            raise InputError(f"{checkpoint.path} {wrong}")
    if checkpoint and chosen["model"] is None:
        parts = parts_of_script(chosen["epochs"], checkpoint, own_classes, xp)
    else:
        parts = parts_of_options(chosen, dataset, xp, start, own_classes)
    network, optimizer, schedule, loss = parts
    if checkpoint:
        standardize = Standardize(before["mean"], before["std"])
        lighting = before["lighting"] and Lighting.from_json(before["lighting"])
    else:
        statistics = statistics_of(dataset.train)
        centred = chosen["pixels"] == "centred"
        standardize = statistics.centre() if centred else statistics.standardize()
        if start:
            start_from(start, network, dataset.class_names, own_classes)
            standardize = Standardize(start.progress["mean"], start.progress["std"])
        lighting = chosen["lighting"] and lighting_from(chosen["lighting"], statistics.covariance)
    trainer = Trainer(
        network,
        dataset,
        optimizer,
        schedule,
        loss=loss,
        batch_size=chosen["batch_size"],
        augment=[name for name in AUGMENTATIONS if name in chosen["augment"].split(",")],
        lighting=lighting,
        standardize=standardize,
        test_views=chosen["test_views"],
        seed=chosen["seed"],
        engine=chosen["engine"],
        workers=chosen["workers"],
        gpu_workspace=chosen["gpu_workspace"] << 20,
        scheme=Scheme.of(chosen["parallel"], ranks),
    )
    if checkpoint:
        trainer.resume(checkpoint)
    trainer.progress["options"] = chosen
    return trainer


#: What a Trainer is built from, besides pictures.
Parts = tuple[Network, optim.Optimizer, schedules.Constant, SoftmaxCrossEntropy]


def parts_of_options(
    chosen: dict,
    dataset: Dataset,
    xp: ModuleType,
    start: Checkpoint | WeightFile | None = None,
    own_classes: Iterable[type[Layer]] = (),
) -> Parts:
    """A model of the zoo, or the network that weights to `start` from describe, and what trains it,
    as the options say."""
    rng = numpy.random.default_rng((chosen["seed"], WEIGHTS))
    shape = (dataset.train.image_size, dataset.channels)
    if start and chosen["model"] is None:
        network = network_of(start, dataset, own_classes, rng).to(xp)
    else:
        network = models.of_run(chosen, dataset.num_classes, *shape, rng).to(xp)
    rates = (chosen["lr"], chosen["momentum"], chosen["weight_decay"])
    optimizer = optim.build(chosen["optimizer"], network, *rates)
    schedule = schedules.build(chosen["schedule"], chosen["lr"], chosen["epochs"])
    return network, optimizer, schedule, SoftmaxCrossEntropy(chosen["label_smoothing"])


def network_of(
    start: Checkpoint | WeightFile,
    dataset: Dataset,
    own_classes: Iterable[type[Layer]],
    rng: numpy.random.Generator,
) -> Network:
    """The network that the weights describe, untrained, for the data set's classes."""
    if "network" not in start.progress:
        raise InputError(f"{start.path} describes no network")
    described = for_classes(start.progress["network"], dataset.num_classes)
    network = rebuild(described, own_classes, rng, start.path)
    side, channels = dataset.train.image_size, dataset.channels
    if network.input_shape != (side, side, channels):
        expected = "×".join(map(str, network.input_shape))
        wrong = f"takes pictures of {expected}, the data set has {side}×{side}×{channels}"
        raise InputError(f"{start.path} {wrong}")
    return network


def parts_of_script(
    epochs: int, saved: Checkpoint, own_classes: Iterable[type[Layer]], xp: ModuleType
) -> Parts:
    """The network that a script has saved, and what trains it. A schedule that was made for fewer
    epochs is stretched over all `epochs`."""
    described, settings = saved.progress["network"], saved.progress["settings"]
    origin = saved.path
    network = rebuild(described, own_classes, origin=origin).to(xp)
    optimizer = built(settings["optimizer"], optim.Optimizer, network, origin=origin)
    kind, given = settings["schedule"]
    stretched = given | ({"epochs": epochs} if "epochs" in given else {})
    schedule = built([kind, stretched], schedules.Constant, origin=origin)
    loss = built(settings["loss"], SoftmaxCrossEntropy, origin=origin)
    return network, optimizer, schedule, loss


def about_data(dataset: Dataset) -> dict[str, str]:
    """What tells a data set from another: hashes of its labels and of its pictures or their
    names."""
    found = {"classes": ", ".join(dataset.class_names)}
    for name, images in (("training", dataset.train), ("test", dataset.test)):
        pictures = getattr(images, "images", None)
        if pictures is None:
            pictures = names_of(getattr(images, "paths", ()))
        found[f"{name} pictures"] = f"{len(images):,} ({digest([images.labels, pictures])[:8]})"
    return found


def say_notes(notes: Sequence[str]) -> None:
    """Prints where the pictures are from, which is the first of the notes, then the others."""
    for i, note in enumerate(notes):
        text = one_line(f"note: {note}" if i else note)
        whole = dict(break_long_words=False, break_on_hyphens=False)
        say("\n".join(textwrap.wrap(text, 80, subsequent_indent=" " * 6, **whole)))


def main(arguments: Sequence[str]) -> int:
    """Runs the command with `arguments`; returns the exit code, 128 + the signal's number if one
    stopped it."""
    count = None if launched() else options.ranks(arguments)
    if count:
        return launch(count, "minialex.train", arguments)
    ranks = connect()
    with together(ranks), contextlib.ExitStack() as claims:
        return train_on(ranks, arguments, claims)


def train_on(ranks: Group, arguments: Sequence[str], claims: contextlib.ExitStack) -> int:
    """`main` on all ranks, of which the first one prints, and claims the run's folder before it
    reads or writes there."""
    resumed = options.resumed_folder(arguments)
    if resumed:
        ranks.on_first(lambda: resumed.path.is_dir() and claims.enter_context(resumed.claimed()))
    host = host_group(ranks)
    workers = cores(host) if ranks.size > 1 else None
    chosen, checkpoint, start, own_files, advice, found = options.read(arguments, workers)
    local = ("workers", "data_dir", "out")
    shown = {f"--{name.replace('_', '-')}": chosen[name] for name in chosen if name not in local}
    versions = {"minialex": __version__, "NumPy": numpy.__version__}
    require_same(ranks, versions | shown | {"a checkpoint": checkpoint and checkpoint.about})
    if isinstance(start, WeightFile) and start.assumed:
        say(f"note: {one_line(start.assumed)}")
    if ranks.size == 1 and chosen["parallel"] != "data":
        say(f"note: --parallel {chosen['parallel']} divides work among ranks: add --ranks 2")
    xp = backend.get(chosen["backend"], host.rank if ranks.size > 1 else None)
    ranks = on_devices(ranks, xp, chosen["cuda_aware_mpi"])
    drawn = chosen["dataset"] == "shapes"  # leaves no file for others to find
    with first_on_host(ALONE if drawn else host), room_for_pictures(chosen["image_size"]):
        if checkpoint:
            dataset = data.load(**checkpoint.progress["source"] | {"data_dir": chosen["data_dir"]})
        else:
            names = ("dataset", "data_dir", "image_size", "seed", "crop_padding", "val_share")
            dataset = data.load(*(chosen[name] for name in names), found=found)
            statistics_of(dataset.train)
            if ranks.rank == 0:
                dataset.notes += picture_checks.notes(dataset)
    chosen["val_share"] = dataset.val_share
    if ranks.size > 1:
        require_same(ranks, about_data(dataset))
    try:
        trainer = trainer_of(chosen, dataset, xp, checkpoint, start, own_layers(own_files), ranks)

        def create() -> RunFolder:
            if resumed and checkpoint:
                if "dataset" not in checkpoint.progress["options"]:  # a script's, not yet a run's
                    resumed.take_over()
                return resumed
            own = chosen["dataset"] in OWN and Path(chosen["data_dir"]).stem
            name = f"{own or chosen['dataset']}-{chosen['model'] or 'network'}"
            folder = RunFolder.create(chosen["out"] and Path(chosen["out"]), name)
            claims.enter_context(folder.claimed())
            folder.check_new()
            return folder

        created = ranks.on_first(create)
        path = ranks.everyones(created and str(created.path))[0]
        folder = created or RunFolder(Path(path))
        places = ranks.everyones([socket.gethostname(), chosen["workers"]])
        lowered = trainer.progress["lowered"]
        say_notes([*dataset.notes, *([advice] if advice else []), *lowered])
        say(describe(chosen, dataset, trainer.network, trainer.on_gpu, folder.path, places))
        if start and not has_classes(start, dataset.class_names):
            say("The weights are for other classes: the last layer starts from random weights.")
        if ranks.size > 1:  # another number of ranks will have other shares of the cores
            trainer.progress["options"] = chosen | {"workers": None}
        training = TrainingRun(trainer, folder, own_files)
        with Hold(host, ranks) as mpirun, stop_on_signal(training):
            training.run()
            claims.close()
            stopped_by = int(ranks.numbers(training.signal).max())
            mpirun.end(ranks, 128 + stopped_by)
    except MemoryError as error:
        if not backend.is_gpus(error, xp):
            raise
        raise InputError(out_of_memory(chosen, dataset, xp)) from error
    return 128 + stopped_by if stopped_by else 0


if __name__ == "__main__":
    run(main)
