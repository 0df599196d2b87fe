"""A run's options: those given, each data set's preset for the rest, what a resumed run keeps."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from minialex import data, models, own_pictures
from minialex.cores import usable_cores
from minialex.data.lighting import SOURCES
from minialex.data.published.npz import is_npz
from minialex.errors import InputError
from minialex.io.checkpoint import Checkpoint
from minialex.io.weight_file import WeightFile
from minialex.io.weights import TORCHVISION, open_weights
from minialex.own_pictures import Pictures, advice, measured
from minialex.presets import PRESETS, RATES, RECIPES
from minialex.train_options import parser

#: What a checkpoint's `progress` must hold for a run to be resumed.
PROGRESS = (
    *("options", "settings", "source", "network", "classes", "pictures", "mean", "std", "lighting"),
    *("skipped", "history", "epochs", "steps", "seen", "loss_sum", "correct", "seconds"),
    "learning_rate",
)

#: The options that have a default whatever the data set is.
DEFAULTS = dict(
    backend="auto",
    engine="fast",
    gpu_workspace=1024,
    momentum=0.9,
    seed=0,
    parallel="data",
    cuda_aware_mpi=False,
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
)


class Command(NamedTuple):
    """What was asked for.

    chosen       all options of the run
    checkpoint   what to resume, if --resume was given
    start        the weights to fine-tune, if --weights was given
    own_layers   the files with layers that --own-layers names
    advice       what would serve the pictures better, in a sentence
    """

    chosen: dict
    checkpoint: Checkpoint | None = None
    start: Checkpoint | WeightFile | None = None
    own_layers: Sequence[Path] = ()
    advice: str | None = None


def ranks(arguments: Sequence[str]) -> int | None:
    """How many processes the command's `arguments` ask for, if they do."""
    return parser().parse_args(arguments).ranks


def read(arguments: Sequence[str], workers: int | None = None) -> Command:
    """What the command's `arguments` ask for. `workers` is for a process that shares its machine
    with others: how many threads it has, unless the arguments say it."""
    given = vars(parser().parse_args(arguments))
    given["workers"] = given["workers"] or workers
    files = given.pop("own_layers")
    given.pop("ranks")
    place_own_pictures(given)
    given |= {name: str(given[name].absolute()) for name in ("data_dir", "out") if given[name]}
    if given["lighting"] not in (None, *SOURCES):
        given["lighting"] = str(Path(given["lighting"]).absolute())
    if given["weights"] not in (None, TORCHVISION):
        given["weights"] = str(Path(given["weights"]).absolute())
    path = given.pop("resume")
    if path is None:
        if files and not given["weights"]:
            scripts = "of a network that a script has saved"
            raise InputError(f"--own-layers is for --resume and --weights {scripts}")
        start = open_weights(given["weights"], given["model"]) if given["weights"] else None
        pictures = measured_pictures(given)
        about = pictures and not start and advice(pictures)
        return Command(complete(given, start, pictures), None, start, files, about or None)
    if path.name != "checkpoint.npz":
        if path.exists() and not path.is_dir():
            raise InputError(
                f"--resume takes a run's folder or its checkpoint.npz, got the file {path}"
            )
        path = path / "checkpoint.npz"
    checkpoint = Checkpoint(path)
    return Command(resumed(given, checkpoint), checkpoint, own_layers=files)


def place_own_pictures(given: dict) -> None:
    """Makes what was named as PICTURES the data set's files, and own pictures the data set where
    only files are named."""
    place = given.pop("pictures")
    if place and given["data_dir"]:
        raise InputError(f"PICTURES is the --data-dir: leave out {place} or --data-dir")
    if place and given["dataset"] not in (None, "folder", "npz"):
        raise InputError(f"--dataset {given['dataset']} has its own pictures: leave out {place}")
    given["data_dir"] = place or given["data_dir"]
    if given["data_dir"] and not given["dataset"] and not given["resume"]:
        given["dataset"] = "npz" if is_npz(given["data_dir"]) else "folder"


def measured_pictures(given: dict) -> Pictures | None:
    """The pictures that decide what the options leave open: own ones, where neither a recipe nor a
    model for large pictures is chosen; else None."""
    small = given["model"] in (None, *models.SMALL)
    alone = given["parallel"] in (None, "data")
    if not (given["dataset"] == "folder" and given["data_dir"] and small and alone):
        return None
    if given["recipe"]:
        return None
    data.check_data_dir(given["data_dir"])
    return measured(given["data_dir"])


def complete(
    given: dict,
    start: Checkpoint | WeightFile | None = None,
    pictures: Pictures | None = None,
) -> dict:
    """The options `given`, with a default or the data set's preset for each that is None; or what
    suits own `pictures`, if they decide.

    image_size stays None, "as the data set has them", for a model made for small pictures. Where
    there are weights to `start` with, their model, picture size and way of standardising count
    instead.
    """
    dataset = given["dataset"] or "shapes"
    if data.SOURCES[dataset].tests:
        trained = f"a network that was trained on {data.SOURCES[dataset].tests}"
        command = f"python -m minialex.evaluate RUN --dataset {dataset}"
        raise InputError(f"data set {dataset} has only test pictures, for {trained}: {command}")
    preset = DEFAULTS | dict(dataset=dataset, workers=usable_cores())
    preset |= dict(init="he", pixels="standardized", label_smoothing=0.0) | PRESETS[dataset]
    if given["recipe"]:
        recipes = RECIPES.get(dataset, {})
        if given["recipe"] not in recipes:
            only = ", ".join(recipes) or "its preset"
            raise InputError(f"data set {dataset} has no recipe {given['recipe']!r}, only {only}")
        preset |= recipes[given["recipe"]]
    if pictures:
        preset |= own_pictures.preset(pictures, given["model"], fine_tuning=start is not None)
    if start:
        about = start.progress["options"]
        preset |= dict(
            model=about["model"], lrn=about["lrn"], image_size=start.progress["pictures"][-2]
        )
        for name in ("init", "pixels"):
            if given[name]:
                raise InputError(f"--weights brings what --{name} would choose: leave out --{name}")
            preset[name] = None
    if given["optimizer"] not in (None, preset["optimizer"]):
        preset["lr"] = RATES[given["optimizer"]]
    options = {name: preset.get(name) if value is None else value for name, value in given.items()}
    if "lighting" in options["augment"].split(","):
        options["lighting"] = options["lighting"] or "computed"
    elif options["lighting"]:
        expected = f"--lighting {options['lighting']} is for --augment with lighting"
        raise InputError(f"{expected}, got --augment {options['augment']}")
    if options["init"] == "paper" and options["model"] != "alexnet":
        raise InputError(f"--init paper is for the model alexnet, got --model {options['model']}")
    if options["lrn"] and options["model"] in models.WITHOUT_LRN:
        raise InputError(
            f"--lrn {options['lrn']} is for other models: {options['model']} has no normalisation"
        )
    if options["lrn"] and options["model"] is None:
        brings = f"--weights {given['weights']} brings its own network"
        raise InputError(f"{brings}: leave out --lrn {options['lrn']}")
    if options["parallel"] == "towers" and options["model"] == "alexnet":
        options["lrn"] = options["lrn"] or "in-towers"
    check_parallel(options)
    if options["lrn"] == "in-towers" and options["model"] != "alexnet":
        raise InputError(
            "--lrn in-towers is for the model alexnet, whose convolutions have two groups, "
            f"got --model {options['model']}"
        )
    if options["image_size"] is None and options["model"] not in models.SMALL:
        options["image_size"] = models.image_size(options["model"])
    return options


def check_parallel(options: dict) -> None:
    """InputError if the layers' parts cannot compute what the options ask for."""
    if options["parallel"] != "data" and options["optimizer"] == "muon":
        divides = f"which --parallel {options['parallel']} divides"
        raise InputError(f"--optimizer muon needs each weight as a whole, {divides}")
    if options["parallel"] != "towers":
        return
    across = options["lrn"] not in ("off", "in-towers")
    if across and (options["model"] == "alexnet" or options["lrn"]):
        lrn = options["lrn"] or "before-pool"
        wanted = "expected --lrn in-towers or off"
        raise InputError(
            f"--lrn {lrn} needs all channels, of which each of the towers has half: {wanted}"
        )


def resumed(given: dict, checkpoint: Checkpoint) -> dict:
    """The checkpoint's options with those of FREE_ON_RESUME that are `given`; InputError if another
    one is and differs."""
    checkpoint.require(PROGRESS)
    data.check_source(checkpoint.progress["source"], checkpoint.path)
    options = dict(checkpoint.progress["options"])
    if checkpoint.progress["source"] is None:
        alone = "only its script can resume it, with Trainer.resume"
        raise InputError(f"{checkpoint.path} was trained on arrays: {alone}")
    if options["model"] is None:
        options = options_of_script(given, checkpoint) | options
    if options.keys() != given.keys():
        raise InputError(f"{checkpoint.path} has other options than this version of the command")
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


def options_of_script(given: dict, checkpoint: Checkpoint) -> dict:
    """The options of a network that a script has trained, named as in `given`; None for what only
    the script knows.

    InputError if the command cannot make its optimiser, schedule and loss again.
    """
    source, settings = checkpoint.progress["source"], checkpoint.progress["settings"]
    names = ("optimizer", "schedule", "loss", "batch_size", "augment", "seed")
    if not isinstance(settings, dict) or any(name not in settings for name in names):
        raise InputError(f"{checkpoint.path} is damaged: its settings are {settings}")
    missing = [name for name in ("optimizer", "schedule", "loss") if settings[name] is None]
    if missing:
        alone = "only its script can resume it, with Trainer.resume"
        raise InputError(f"{checkpoint.path} has its own {missing[0]}: {alone}")
    options = dict.fromkeys(given) | DEFAULTS | dict(workers=usable_cores(), log_every=100)
    options |= {name: value for name, value in source.items() if name in given}
    options |= dict(dataset=source["name"], augment=",".join(settings["augment"]) or "none")
    options |= dict(seed=settings["seed"], momentum=None, epochs=checkpoint.progress["epochs"])
    return options
