"""A run's options: those given, each data set's preset for the rest."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from minialex import data, models, own_pictures
from minialex.cores import usable_cores
from minialex.data.identity import OWN
from minialex.data.lighting import SOURCES
from minialex.data.own import folder
from minialex.data.own.found import Found
from minialex.data.published.npz import is_npz
from minialex.errors import InputError
from minialex.files import check_link
from minialex.io.checkpoint import Checkpoint
from minialex.io.run_folder import RunFolder, run_that_kept
from minialex.io.weight_file import WeightFile
from minialex.io.weights import TORCHVISION, open_weights
from minialex.option_checks import check
from minialex.own_pictures import Pictures, advice, measured
from minialex.presets import DEFAULTS, LEARNING, PRESETS, RATES, RECIPES
from minialex.resume_options import resumed
from minialex.train_options import parser


class Command(NamedTuple):
    """What was asked for.

    chosen       all options of the run
    checkpoint   what to resume, if --resume was given
    start        the weights to fine-tune, if --weights was given
    own_layers   the files with layers that --own-layers names
    advice       what would serve the pictures better, in a sentence
    found        own pictures, if they have been looked for already
    """

    chosen: dict
    checkpoint: Checkpoint | None = None
    start: Checkpoint | WeightFile | None = None
    own_layers: Sequence[Path] = ()
    advice: str | None = None
    found: Found | None = None


def ranks(arguments: Sequence[str]) -> int | None:
    """How many processes the command's `arguments` ask for, if they do."""
    return parser().parse_args(arguments).ranks


def resumed_folder(arguments: Sequence[str]) -> RunFolder | None:
    """The folder of the run that the command's `arguments` resume, if they do."""
    path = parser().parse_args(arguments).resume
    return path and RunFolder(checkpoint_of(path).parent)


def checkpoint_of(path: Path) -> Path:
    """The checkpoint that `--resume path` names; InputError if that is another file."""
    if path.name == "checkpoint.npz":
        return path
    if path.exists() and not path.is_dir():
        run = run_that_kept(path)
        if run:
            ways = f"--resume {run} resumes the run, --weights {path} begins with them"
            raise InputError(f"{path} holds weights only: {ways}")
        wrong = "takes a run's folder or its checkpoint.npz, got the file"
        raise InputError(f"--resume {wrong} {path}")
    return path / "checkpoint.npz"


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
        found = pictures_that_decide(given)
        pictures = found and measured(found)
        about = pictures and not start and advice(pictures)
        chosen = complete(given, start, pictures)
        return Command(chosen, None, start, files, about or None, found)
    path = checkpoint_of(path)
    check_link(path)
    if path.parent.is_dir() and not path.exists():
        again = "a run that ended before its first one starts again with the command that began it"
        raise InputError(f"there is no checkpoint {path}: {again}")
    checkpoint = Checkpoint(path)
    return Command(resumed(given, checkpoint), checkpoint, own_layers=files)


def place_own_pictures(given: dict) -> None:
    """Makes what was named as PICTURES the data set's files, and own pictures the data set where
    only files are named."""
    place = given.pop("pictures")
    if place and given["data_dir"]:
        raise InputError(f"PICTURES is the --data-dir: leave out {place} or --data-dir")
    if place and given["dataset"] not in (None, *OWN):
        raise InputError(f"--dataset {given['dataset']} has its own pictures: leave out {place}")
    given["data_dir"] = place or given["data_dir"]
    if given["data_dir"] and not given["dataset"] and not given["resume"]:
        given["dataset"] = "npz" if is_npz(given["data_dir"]) else "folder"


def pictures_that_decide(given: dict) -> Found | None:
    """The pictures that decide what the options leave open: own ones, where neither a recipe nor a
    model for large pictures is chosen; else None."""
    small = given["model"] in (None, *models.SMALL)
    alone = given["parallel"] in (None, "data")
    if not (given["dataset"] == "folder" and given["data_dir"] and small and alone):
        return None
    if given["recipe"]:
        return None
    data.check_data_dir(given["data_dir"])
    return folder.find(Path(given["data_dir"]))


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
    preset = preset_of(given, start, pictures)
    options = {name: preset.get(name) if value is None else value for name, value in given.items()}
    if "lighting" in options["augment"].split(","):
        options["lighting"] = options["lighting"] or "computed"
    if options["parallel"] == "towers" and options["model"] == "alexnet":
        options["lrn"] = options["lrn"] or "in-towers"
    check(options)
    if options["image_size"] is None and options["model"] not in models.SMALL:
        options["image_size"] = models.image_size(options["model"])
    return options


def preset_of(
    given: dict, start: Checkpoint | WeightFile | None, pictures: Pictures | None
) -> dict:
    """What counts where `given` leaves an option open."""
    dataset = given["dataset"] or "shapes"
    if data.SOURCES[dataset].tests:
        trained = f"a network that was trained on {data.SOURCES[dataset].tests}"
        command = f"python -m minialex.evaluate RUN --dataset {dataset}"
        raise InputError(f"data set {dataset} has only test pictures, for {trained}: {command}")
    preset = DEFAULTS | LEARNING | dict(dataset=dataset, workers=usable_cores()) | PRESETS[dataset]
    if given["recipe"]:
        recipes = RECIPES.get(dataset, {})
        if given["recipe"] not in recipes:
            only = ", ".join(recipes) or "its preset"
            have = [name for name, named in RECIPES.items() if given["recipe"] in named]
            others = f" ({given['recipe']} is for {' and '.join(have)})" if have else ""
            wrong = f"data set {dataset} has no recipe {given['recipe']!r}, only {only}"
            raise InputError(wrong + others)
        preset |= recipes[given["recipe"]]
    if pictures:
        preset |= own_pictures.preset(pictures, given["model"], fine_tuning=start is not None)
    if start:
        about, (*_, side, _) = start.progress["options"], start.progress["pictures"]
        preset |= dict(model=about["model"], lrn=about["lrn"], image_size=side)
        for name in ("init", "pixels"):
            if given[name]:
                raise InputError(f"--weights brings what --{name} would choose: leave out --{name}")
            preset[name] = None
    if given["optimizer"] not in (None, preset["optimizer"]):
        preset["lr"] = RATES[given["optimizer"]]
    return preset
