"""What a Trainer refuses: arguments of the wrong kind, what does not fit together, another one's
checkpoint."""

from collections.abc import Iterable

from minialex import schedules
from minialex.data.augment import AUGMENTATIONS
from minialex.data.dataset import Dataset
from minialex.data.lighting import Lighting
from minialex.errors import InputError, refusing
from minialex.io.checkpoint import Checkpoint
from minialex.io.description import same_network, spelled
from minialex.network import Network
from minialex.optim import Optimizer

#: What must be as it was for training to be resumed, and how to say that it is not.
SAME = {
    "classes": "on other classes than the data set has",
    "pictures": "on other pictures than the data set has",
    "mean": "on pictures with another mean",
    "std": "on pictures with another standard deviation",
    "lighting": "with other colour shifts (lighting)",
}

#: The settings that must be as they were; of a schedule the kind, as it may get more epochs.
SETTINGS = ("optimizer", "loss", "batch_size", "augment", "test_views", "seed")


def check_kinds(
    network: Network,
    dataset: Dataset,
    optimizer: Optimizer | None,
    schedule: schedules.Constant | None,
    batch_size: int,
) -> None:
    """TypeError or ValueError for arguments that are not what a Trainer takes."""
    for value, kind in ((network, Network), (dataset, Dataset)):
        if not isinstance(value, kind):
            build = "data.from_arrays(…)" if kind is Dataset else "Network(layers, input_shape)"
            raise TypeError(f"expected a {kind.__name__}, {build}, got {type(value).__name__}")
    if dataset.train is None:
        raise ValueError(f"the data set {dataset.name} has only test pictures")
    if optimizer is not None and not isinstance(optimizer, Optimizer):
        raise TypeError(f"expected an optimizer, optim.Adam(network) say, got {optimizer!r}")
    if optimizer is not None and optimizer.network is not network:
        raise ValueError("the optimizer is for another network: build it with this one")
    if schedule is not None and not isinstance(schedule, schedules.Constant):
        raise TypeError(f"expected a schedule, schedules.Constant(0.1) say, got {schedule!r}")
    if not isinstance(batch_size, int) or batch_size < 1:
        raise ValueError(f"batch_size must be a whole number of at least 1, got {batch_size}")


def check_fit(network: Network, dataset: Dataset) -> None:
    """ValueError unless the network takes the data set's pictures and has a logit for each
    class."""
    side, channels = dataset.train.image_size, dataset.channels
    if network.input_shape != (side, side, channels):
        got, expected = (
            "×".join(map(str, shape)) for shape in ((side, side, channels), network.input_shape)
        )
        raise ValueError(f"the network takes pictures of {expected}, the data set has {got}")
    *_, shape = network.shapes().values()
    if shape != (dataset.num_classes,):
        classes = f"the data set has {dataset.num_classes} classes"
        raise ValueError(f"{classes}, the network's output has shape {shape} for each picture")


def checked_augment(augment: Iterable[str], lighting: Lighting | None) -> list[str]:
    """The names; ValueError for one that is not an augmentation, or "lighting" without its
    shifts."""
    names = [augment] if isinstance(augment, str) else list(augment)
    for name in names:
        if name not in AUGMENTATIONS:
            raise ValueError(f"augment takes {', '.join(AUGMENTATIONS)}, got {name!r}")
    if ("lighting" in names) != (lighting is not None):
        raise ValueError(f"lighting and augment 'lighting' go together, got augment {names}")
    return names


def check_same(saved: Checkpoint, progress: dict) -> None:
    """InputError unless the checkpoint was saved by a Trainer like the one with this progress."""
    wrong = f"{saved.path} cannot be resumed here: it was trained"
    with refusing(saved.path, "is damaged: its network"):
        same = same_network(saved.progress["network"], progress["network"])
    if not same:
        raise InputError(f"{wrong} with another network")
    for name, what in SAME.items():
        if saved.progress[name] != progress[name]:
            raise InputError(f"{wrong} {what}")
    before, now = saved.progress.get("digest"), progress["digest"]
    if before != now and before and now:  # otherwise only their number is known
        renamed = "or on the same in another order or with other names or labels"
        again = "put them back as they were, or start a new run"
        raise InputError(f"{wrong} on other pictures than the data set has, {renamed}: {again}")
    kept, own = saved.progress["settings"], progress["settings"]
    for name in SETTINGS:
        if kept.get(name) != own[name]:
            here = spelled(own[name])
            raise InputError(f"{wrong} with {name} {spelled(kept.get(name))}, here it is {here}")
    before, now = (settings["schedule"] and settings["schedule"][0] for settings in (kept, own))
    if before != now:
        raise InputError(f"{wrong} with the schedule {before}, here it is {now}")
