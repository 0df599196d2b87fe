"""The options of a resumed run: those that it keeps, and those that may change."""

from pathlib import Path

from minialex import data
from minialex.cores import usable_cores
from minialex.errors import InputError
from minialex.io import metadata
from minialex.io.checkpoint import Checkpoint
from minialex.option_checks import check_parallel
from minialex.presets import DEFAULTS
from minialex.train_options import parser

#: What a checkpoint's `progress` must hold for a run to be resumed.
PROGRESS = (
    *("options", "settings", "source", "network", "classes", "pictures", "mean", "std", "lighting"),
    *("skipped", "history", "epochs", "steps", "seen", "loss_sum", "correct", "seconds"),
    "learning_rate",
)

#: The options that may change when a run is resumed; all others stay as they were.
FREE_ON_RESUME = (
    "backend",
    "engine",
    "workers",
    "parallel",
    "cuda_aware_mpi",
    "gpu_workspace",
    "data_dir",
    "epochs",
    "max_steps",
    "log_every",
    "checkpoint_every",
    "keep_weights",
    "on_nan",
)

#: The options that are never open, and those that a network of a script has elsewhere.
NEEDED = (
    *("dataset", "augment", "test_views", "seed", "epochs", "batch_size", "engine", "backend"),
    *("parallel", "gpu_workspace", "log_every"),
)
NEEDED_BY_MODELS = ("optimizer", "lr", "schedule", "momentum", "weight_decay", "label_smoothing")

#: The options that a run of an earlier version may lack; there they are None.
NEW = ("keep_weights", "on_nan")


def resumed(given: dict, checkpoint: Checkpoint) -> dict:
    """The checkpoint's options with those of FREE_ON_RESUME that are `given`; InputError if another
    one is and differs."""
    checkpoint.require(PROGRESS)
    metadata.check(checkpoint.path, checkpoint.progress)
    data.check_source(checkpoint.progress["source"], checkpoint.path)
    options = dict(checkpoint.progress["options"])
    for name in NEW:
        options.setdefault(name, None)
    if checkpoint.progress["source"] is None:
        alone = "only its script can resume it, with Trainer.resume"
        raise InputError(f"{checkpoint.path} was trained on arrays: {alone}")
    if options["model"] is None:
        options = options_of_script(given, checkpoint) | options
    if options.keys() != given.keys():
        raise InputError(f"{checkpoint.path} has other options than this version of the command")
    check_options(options, checkpoint.path)
    of_script = "dataset" not in checkpoint.progress["options"]
    options["workers"] = options["workers"] or usable_cores()  # many ranks leave it open
    for name, value in given.items():
        if value is None:
            continue
        flag = f"--{name.replace('_', '-')}"
        if name == "out":
            raise InputError(f"--resume continues in {checkpoint.path.parent}: leave out --out")
        if name not in FREE_ON_RESUME and value != options[name]:
            trained = f"was trained with {flag} {options[name]}"
            if options[name] is None:
                trained = f"was trained without {flag}"
            if of_script:
                trained = "is of a network that a script trains, with settings that stay"
            raise InputError(f"{checkpoint.path} {trained}: leave out {flag} {value}")
        options[name] = value
    check_parallel(options)
    options["max_steps"] = given[
        "max_steps"
    ]  # where the earlier part stopped is no reason to stop again
    if checkpoint.progress["epochs"] >= options["epochs"]:
        done = f"{checkpoint.path} has finished epoch {options['epochs']}, its last"
        raise InputError(f"{done}: to train longer, give a larger --epochs")
    return options


def check_options(options: dict, path: Path) -> None:
    """InputError, which names the checkpoint, for an option that the command would not take, or for
    one that is missing where training needs it. Which backends there are is for backend.get."""
    trained = parser()
    needed = [*NEEDED, *(NEEDED_BY_MODELS if options["model"] else ())]
    for name, value in options.items():
        missing = value is None and name in needed
        taken = isinstance(value, str) if name == "backend" else trained.takes(name, value)
        if missing or not (value is None or taken):
            raise InputError(f"{path} is damaged: its {name.replace('_', ' ')} is {value!r}")


def options_of_script(given: dict, checkpoint: Checkpoint) -> dict:
    """The options of a network that a script has trained, named as in `given`; None for what only
    the script knows.

    InputError if the command cannot make its optimiser, schedule and loss again.
    """
    source, settings = checkpoint.progress["source"], checkpoint.progress["settings"]
    names = ("optimizer", "schedule", "loss", "batch_size", "augment", "test_views", "seed")
    if not isinstance(settings, dict) or any(name not in settings for name in names):
        raise InputError(f"{checkpoint.path} is damaged: its settings are {settings}")
    missing = [name for name in ("optimizer", "schedule", "loss") if settings[name] is None]
    if missing:
        alone = "only its script can resume it, with Trainer.resume"
        raise InputError(f"{checkpoint.path} has its own {missing[0]}: {alone}")
    options = dict.fromkeys(given) | DEFAULTS | dict(workers=usable_cores(), log_every=100)
    options |= {name: value for name, value in source.items() if name in given}
    options |= dict(dataset=source["name"], augment=",".join(settings["augment"]) or "none")
    options |= {name: settings[name] for name in ("test_views", "seed")}
    options |= dict(momentum=None, epochs=checkpoint.progress["epochs"])
    return options
