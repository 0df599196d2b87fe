"""The lines of the training command: what it trains, how an epoch ended, which batch fits a GPU."""

import shlex
import textwrap
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from minialex import __version__, backend, models, optim
from minialex.data.dataset import Dataset
from minialex.fast.gpu import footprint
from minialex.network import Network


def describe(
    chosen: dict,
    dataset: Dataset,
    network: Network,
    on_gpu: bool,
    folder: Path,
    places: Sequence[tuple[str, int]] = (),
) -> str:
    """What will be trained, with every option as it would be typed, in lines of up to 80
    characters. places: each rank's host and threads, if there are many."""
    idle = [
        *(["momentum"] if chosen["optimizer"] == "adam" else []),
        *(["workers"] if len(places) > 1 else ["parallel"]),
        *([] if on_gpu else ["gpu_workspace"]),
        *([] if on_gpu and len(places) > 1 else ["cuda_aware_mpi"]),
    ]
    hidden = ("model", "dataset", "data_dir", "out", *idle)
    shown = {name: value for name, value in chosen.items() if name not in hidden}
    flags = " ".join(typed(name, value) for name, value in shown.items() if value is not None)
    shape = "×".join(map(str, network.input_shape))
    train, test = f"{len(dataset.train):,}", f"{len(dataset.test):,}"
    pictures = f"{train} training and {test} test pictures"
    if dataset.val_share:
        pictures = f"{train} training pictures and {test} held out of them to test with"
    rows = {
        "model": f"{chosen['model'] or models.OWN}, {network.parameter_count():,} parameters, "
        f"{sum(network.macs().values()) / 1e6:,.1f} million multiply-adds a picture",
        "dataset": f"{chosen['dataset']}, {pictures}, {shape}, {dataset.num_classes} classes",
        "options": flags,
        **({"ranks": ranks_line(places)} if len(places) > 1 else {}),
        "output": str(folder),
    }
    lines = [f"minialex {__version__} on the {'GPU' if on_gpu else 'CPU'}"]
    for name, text in rows.items():
        lines += textwrap.wrap(
            f"{name:<9}{text}", 80, subsequent_indent=" " * 9, break_on_hyphens=False
        )
    return "\n".join(lines)


def typed(name: str, value: object) -> str:
    """An option as it would be typed in a shell."""
    flag = name.replace("_", "-")
    if isinstance(value, bool):
        return f"--{flag}" if value else f"--no-{flag}"
    return f"--{flag} {shlex.quote(str(value))}"


def ranks_line(places: Sequence[tuple[str, int]]) -> str:
    """How many ranks there are, on which hosts, with how many threads."""
    counts = Counter(host for host, _ in places)
    hosts = ", ".join(f"{count} on {host}" for host, count in counts.items())
    threads = sorted({threads for _, threads in places})
    each = " or ".join(map(str, threads)) + (" thread" if threads == [1] else " threads")
    return f"{hosts}, {each} each"


def duration(seconds: float) -> str:
    """About how long that is: "40 seconds", "12 minutes", "3.5 hours"."""
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.{0 if seconds >= 10 * length else 1}f} {unit}"
    return f"{max(1, round(seconds))} seconds"


def epoch_line(metrics: dict, epochs: int) -> str:
    """The results of an epoch, in one line."""
    return (
        f"Epoch [{metrics['epoch']}/{epochs}] train loss {metrics['train_loss']:.4f}, "
        f"test top-1 {metrics['test_accuracy']:.2%}, top-5 {metrics['test_top5']:.2%}, "
        f"{metrics['images_per_second']:,.0f} images/s"
    )


def out_of_memory(chosen: dict, dataset: Dataset, xp: ModuleType) -> str:
    """What to say when the GPU's memory has run out: which batch should fit, by an estimate."""
    available, workspace = backend.available_bytes(xp), chosen["gpu_workspace"] << 20
    memory = f"the GPU's memory, {available / 1e6:,.0f} MB for this process,"
    said = f"{memory} is too small for --batch-size {chosen['batch_size']}: "
    if chosen["model"] is None:
        return f"{said}a smaller one, or a smaller --gpu-workspace, needs less"
    shape = (dataset.train.image_size, dataset.channels)
    network = models.of_run(chosen, dataset.num_classes, *shape)
    states = len(optim.OPTIMIZERS[chosen["optimizer"]].state_names)
    fits = footprint.batch_size_for(network, available, states, workspace)
    if fits == 0:
        least = footprint.training_bytes(network, 1, states, workspace)
        return f"{said}{chosen['model']} needs {least / 1e6:,.0f} MB for a single picture"
    fits = min(fits, chosen["batch_size"] * 3 // 4)
    return f"{said}about {fits} should fit, more with a smaller --gpu-workspace"
