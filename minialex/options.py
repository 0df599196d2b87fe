"""The training command's options: what can be given, each data set's preset for the rest, what a
resumed run keeps."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from minialex import models, optim, schedules
from minialex.command import Parser, add_common_options, number
from minialex.cores import usable_cores
from minialex.data.augment import AUGMENTATIONS, BRIGHTNESS, DEGREES
from minialex.data.lighting import SOURCES
from minialex.errors import InputError
from minialex.io.checkpoint import Checkpoint
from minialex.io.weights import TORCHVISION, WeightFile, open_weights
from minialex.presets import PRESETS, RECIPES
from minialex.training import ENGINES

EXAMPLES = """\
  python -m minialex.train
      ten kinds of drawn figures: no download, about a minute
  python -m minialex.train --dataset fashion-mnist
  python -m minialex.train --dataset cifar10 --recipe quick
      three of four test pictures right after a minute on two cores
  python -m minialex.train --dataset cifar10 --epochs 20 --out runs/long
  python -m minialex.train --dataset folder --data-dir PICTURES --epochs 30
      your own: PICTURES/train/CLASS/*.jpg and PICTURES/val/CLASS/*.jpg
  python -m minialex.train --dataset folder --data-dir IMAGENET --recipe 2012
      as in the paper; IMAGENET/train/n01440764/*.JPEG and so on
  python -m minialex.train --model alexnet-d2l --dataset fashion-mnist
      as Dive into Deep Learning does, 224 pixels; a GPU is used if there is one
  python -m minialex.train --dataset folder --data-dir PETS --weights runs/long
      learns other classes from there; or from --weights torchvision
  python -m minialex.train --resume runs/long
      resumes a run that was stopped
"""

#: The help of --augment; argparse wants % doubled.
AUGMENT = (
    "none, or names with commas between: crop, mirror, cutout, "
    f"rotation (up to {DEGREES:.0f} degrees), brightness (up to {BRIGHTNESS:.0%}% more or less), "
    "colour (warmer or colder), lighting (the paper's shift along principal components)"
)

#: What a checkpoint's `progress` must hold for a run to go on.
PROGRESS = (
    *("options", "classes", "pictures", "mean", "std", "lighting", "skipped", "epochs"),
    *("steps", "seen", "loss_sum", "correct", "seconds", "learning_rate"),
)

#: What may be said anew when a run is resumed; everything else stays as it was.
FREE_ON_RESUME = (
    "backend",
    "engine",
    "workers",
    "gpu_workspace",
    "data_dir",
    "epochs",
    "max_steps",
    "log_every",
    "checkpoint_every",
)


def parser() -> Parser:
    """The command's options. Those not given are None here."""
    about = "Trains AlexNet, or one of its relatives, from scratch.\n"
    about += "Each data set has its own defaults, printed at the start."
    p = Parser("train", about, EXAMPLES)
    what = p.add_argument_group("what")
    what.add_argument(
        "--model", choices=models.MODELS, metavar="NAME", help=", ".join(models.MODELS)
    )
    what.add_argument(
        "--lrn", choices=models.LRN, help="local response normalisation (default: the model's)"
    )
    begin = "fine-tunes these: a run's, or torchvision's; for other classes with a new last layer"
    what.add_argument("--weights", metavar="WEIGHTS", help=begin)
    what.add_argument(
        "--init",
        choices=("he", "paper"),
        help="initial weights; alexnet has the paper's too (default: he)",
    )
    what.add_argument(
        "--dataset", choices=PRESETS, metavar="NAME", help=f"{', '.join(PRESETS)} (default: shapes)"
    )
    what.add_argument(
        "--recipe",
        metavar="NAME",
        help="; ".join(f"{d}: {', '.join(r)}" for d, r in RECIPES.items()),
    )
    what.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="the data set's files (if there is none: downloaded)",
    )
    what.add_argument(
        "--image-size",
        type=number(int, 1),
        metavar="PIXELS",
        help="side of the pictures (else: the model's)",
    )
    what.add_argument("--augment", type=augmentation, metavar="HOW", help=AUGMENT)
    vectors = (
        "its components: computed from the training pictures (default), imagenet, or a JSON file"
    )
    what.add_argument("--lighting", metavar="WHICH", help=vectors)
    pixels = "centred: 0..255 minus the mean, as in 2012 (default: standardized, to deviation 1)"
    what.add_argument("--pixels", choices=("standardized", "centred"), help=pixels)
    padding = "by how much crops move small pictures (default: 4)"
    what.add_argument("--crop-padding", type=number(int, 0), metavar="PIXELS", help=padding)

    how = p.add_argument_group("how")
    how.add_argument(
        "--epochs", type=number(int, 1), metavar="N", help="passes over the training pictures"
    )
    how.add_argument("--batch-size", type=number(int, 1), metavar="N", help="pictures in a step")
    how.add_argument(
        "--optimizer",
        choices=optim.OPTIMIZERS,
        help="sgd is the paper's, with momentum and weight decay",
    )
    how.add_argument(
        "--lr",
        type=number(float, 0, exclusive=True),
        metavar="RATE",
        help="learning rate, at its highest",
    )
    how.add_argument(
        "--schedule",
        choices=schedules.SCHEDULES,
        metavar="NAME",
        help=", ".join(schedules.SCHEDULES),
    )
    how.add_argument(
        "--momentum",
        type=number(float, 0, below=1),
        metavar="M",
        help="of sgd and muon (default: 0.9)",
    )
    how.add_argument(
        "--weight-decay",
        type=number(float, 0),
        metavar="D",
        help="how strongly weights are drawn to 0",
    )
    smoothing = "share of each label that is dealt out to all classes (default: 0)"
    how.add_argument(
        "--label-smoothing", type=number(float, 0, below=1), metavar="S", help=smoothing
    )
    how.add_argument(
        "--seed", type=number(int, 0), metavar="N", help="of everything random (default: 0)"
    )
    add_common_options(how)
    engine = "plain: the layers of minialex/layers, as they are read (default: fast)"
    how.add_argument("--engine", choices=ENGINES, help=engine)
    workspace = "of a GPU's memory for the convolutions' temporaries (default: 1024)"
    how.add_argument("--gpu-workspace", type=number(int, 1), metavar="MB", help=workspace)

    run = p.add_argument_group("the run")
    run.add_argument(
        "--out", type=Path, metavar="DIR", help="its folder (default: a new one in runs/)"
    )
    run.add_argument("--resume", type=Path, metavar="PATH", help="resumes the run in this folder")
    run.add_argument(
        "--max-steps", type=number(int, 1), metavar="N", help="stops after N steps in all"
    )
    run.add_argument(
        "--log-every", type=number(int, 1), metavar="STEPS", help="how often to print the loss"
    )
    run.add_argument(
        "--checkpoint-every",
        type=number(int, 1),
        metavar="STEPS",
        help="saves so often, not only each epoch",
    )
    return p


def augmentation(text: str) -> str:
    """An argparse type: "none", or names from AUGMENTATIONS with commas between."""
    if text != "none" and not set(text.split(",")) <= set(AUGMENTATIONS):
        raise argparse.ArgumentTypeError(
            f"expected none or any of {','.join(AUGMENTATIONS)}, got {text!r}"
        )
    return text


def read(
    arguments: Sequence[str],
) -> tuple[dict, Checkpoint | None, Checkpoint | WeightFile | None]:
    """All options of the run, the checkpoint to go on from if --resume was given, and the weights
    to begin with if any were."""
    given = vars(parser().parse_args(arguments))
    given |= {name: str(given[name].absolute()) for name in ("data_dir", "out") if given[name]}
    if given["lighting"] not in (None, *SOURCES):
        given["lighting"] = str(Path(given["lighting"]).absolute())
    if given["weights"] not in (None, TORCHVISION):
        given["weights"] = str(Path(given["weights"]).absolute())
    path = given.pop("resume")
    if path is None:
        start = open_weights(given["weights"], given["model"]) if given["weights"] else None
        return complete(given, start), None, start
    if path.name != "checkpoint.npz":
        if path.exists() and not path.is_dir():
            raise InputError(
                f"--resume takes a run's folder or its checkpoint.npz, got the file {path}"
            )
        path = path / "checkpoint.npz"
    checkpoint = Checkpoint(path)
    return resumed(given, checkpoint), checkpoint, None


def complete(given: dict, start: Checkpoint | WeightFile | None = None) -> dict:
    """The options `given`, with a default or the data set's preset for each that is None.

    image_size stays None, "as the data set has them", for a model made for small pictures. Where
    there are weights to `start` with, their model, picture size and way of standardising count
    instead.
    """
    dataset = given["dataset"] or "shapes"
    preset = dict(
        dataset=dataset,
        backend="auto",
        engine="fast",
        workers=usable_cores(),
        gpu_workspace=1024,
        momentum=0.9,
        seed=0,
    )
    preset |= dict(init="he", pixels="standardized", label_smoothing=0.0) | PRESETS[dataset]
    if given["recipe"]:
        recipes = RECIPES.get(dataset, {})
        if given["recipe"] not in recipes:
            only = ", ".join(recipes) or "its preset"
            raise InputError(f"data set {dataset} has no recipe {given['recipe']!r}, only {only}")
        preset |= recipes[given["recipe"]]
    if start:
        about = start.progress["options"]
        preset |= dict(
            model=about["model"], lrn=about["lrn"], image_size=start.progress["pictures"][-2]
        )
        for name in ("init", "pixels"):
            if given[name]:
                raise InputError(f"--weights brings what --{name} would choose: leave out --{name}")
            preset[name] = None
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
    if options["image_size"] is None and options["model"] not in models.SMALL:
        options["image_size"] = models.image_size(options["model"])
    return options


def resumed(given: dict, checkpoint: Checkpoint) -> dict:
    """The checkpoint's options with those of FREE_ON_RESUME that are `given`; InputError if another
    one is and differs."""
    checkpoint.require(PROGRESS)
    options = dict(checkpoint.progress["options"])
    if options.keys() != given.keys():
        raise InputError(f"{checkpoint.path} has other options than this version of the command")
    for name, value in given.items():
        if value is None:
            continue
        flag = f"--{name.replace('_', '-')}"
        if name == "out":
            raise InputError(f"--resume goes on in {checkpoint.path.parent}: leave out --out")
        if name not in FREE_ON_RESUME and value != options[name]:
            trained = f"{checkpoint.path} was trained with {flag} {options[name]}"
            raise InputError(f"{trained}: it cannot be resumed with {value}")
        options[name] = value
    options["max_steps"] = given[
        "max_steps"
    ]  # where the earlier part stopped is no reason to stop again
    if checkpoint.progress["epochs"] >= options["epochs"]:
        done = f"{checkpoint.path} has finished its {options['epochs']} epochs"
        raise InputError(f"{done}: to train longer, give a larger --epochs")
    return options
