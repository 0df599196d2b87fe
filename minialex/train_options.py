"""The training command's options as they are typed, and its --help."""

import argparse
from pathlib import Path

from minialex import data, lower_rate, models, optim, schedules
from minialex.command import Parser, add_common_options, add_test_views_option, number
from minialex.data.augment import AUGMENTATIONS, BRIGHTNESS, DEGREES
from minialex.distributed.scheme import SCHEMES
from minialex.presets import PRESETS, RECIPES
from minialex.training import ENGINES
from minialex.weight_options import add_own_layers_option

EXAMPLES = """\
  python -m minialex.train
      ten kinds of drawn figures: no download, about a minute
  python -m minialex.train --dataset fashion-mnist
  python -m minialex.train --dataset cifar10 --recipe quick
      three of four test pictures right in less than a minute on two cores
  python -m minialex.train --dataset cifar10 --epochs 20 --out runs/long
  python -m minialex.train mnist.npz
      arrays: x_train, y_train, x_test, y_test, or x and y
  python -m minialex.train PICTURES
      your own: PICTURES/CLASS/*.jpg, or PICTURES/train/CLASS/*.jpg and …/val
  python -m minialex.train IMAGENET --recipe 2012
      as in the paper; IMAGENET/train/n01440764/*.JPEG and so on
  python -m minialex.train --model alexnet-d2l --dataset fashion-mnist
      as Dive into Deep Learning does, 224 pixels; a GPU is used if there is one
  python -m minialex.train PETS --weights runs/long
      learns other classes from there; or from --weights torchvision
  python -m minialex.train --dataset cifar10 --ranks 2
      on two processes; on many machines: mpirun --host A,B …
  python -m minialex.train --resume runs/long
      resumes a run that was stopped
  python -m minialex.train --resume runs/own --own-layers net.py --epochs 9
      trains on what a script saved as runs/own/checkpoint.npz (Trainer.save)
"""

#: The help of --augment; argparse wants % doubled.
AUGMENT = (
    "none, or names with commas between: crop, mirror, cutout, "
    f"rotation (up to {DEGREES:.0f} degrees), brightness (up to {BRIGHTNESS:.0%}% more or less), "
    "colour (warmer or colder), lighting (the paper's shift along principal components)"
)


def parser() -> Parser:
    """The command's options. Those not given are None here."""
    about = "Trains AlexNet, or one of its relatives, from scratch.\n"
    about += "Each data set has its own defaults, printed at the start."
    p = Parser("train", about, EXAMPLES, usage="[PICTURES] [options]")
    own = "your own pictures, in class folders or listed (docs/data.md); without: a data set"
    p.add_argument("pictures", nargs="?", type=Path, metavar="PICTURES", help=own)
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
        "--dataset",
        choices=data.NAMES,
        metavar="NAME",
        help=f"{', '.join(PRESETS)} (default: shapes)",
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
        help="the data set's files, or a .npz file (if there is none: downloaded)",
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
    share = (
        "test with this share of the training pictures instead of the test pictures: to choose by "
        "(own pictures without a folder val: 0.1)"
    )
    what.add_argument(
        "--val-share", type=number(float, 0, exclusive=True, below=1), metavar="SHARE", help=share
    )
    add_test_views_option(what, "centre")
    padding = "by how much crops move small pictures, at most their side (default: 4)"
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
    smoothing = "share of each label that is spread over all classes (default: 0)"
    how.add_argument(
        "--label-smoothing", type=number(float, 0, below=1), metavar="S", help=smoothing
    )
    seed = "of everything random; the same bits come of the same seed, machine and --workers "
    how.add_argument("--seed", type=number(int, 0), metavar="N", help=f"{seed}(default: 0)")
    add_common_options(how)
    ranks = "divides the work among K processes, with a core each, as mpirun -n K would start them"
    how.add_argument("--ranks", type=number(int, 1), metavar="K", help=ranks)
    parallel = "what each process that mpirun starts has: the whole net and a share of the pictures"
    parallel += " (default: data); a half of every layer (towers, as in the paper); or that share, "
    parallel += "and of the linear layers a part for all pictures (one-weird-trick)"
    how.add_argument("--parallel", choices=SCHEMES, metavar="SCHEME", help=parallel)
    aware = "the processes' MPI reads and writes GPUs by itself; one that cannot crashes"
    how.add_argument("--cuda-aware-mpi", action=argparse.BooleanOptionalAction, help=aware)
    engine = "plain: the layers of minialex/layers, as they are read (default: fast)"
    how.add_argument("--engine", choices=ENGINES, help=engine)
    workspace = "of a GPU's memory for the convolutions' temporaries (default: 1024)"
    how.add_argument("--gpu-workspace", type=number(int, 1), metavar="MB", help=workspace)

    run = p.add_argument_group("the run")
    run.add_argument(
        "--out", type=Path, metavar="DIR", help="its folder (default: a new one in runs/)"
    )
    run.add_argument("--resume", type=Path, metavar="PATH", help="resumes the run in this folder")
    add_own_layers_option(run)
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
    keep = "keeps the weights of each epoch and each --checkpoint-every step in DIR/weights, for "
    keep += "minialex explore"
    run.add_argument("--keep-weights", action=argparse.BooleanOptionalAction, help=keep)
    nan = "when numbers become infinite or NaN: stop (default); or lower-lr, back to the last "
    nan += f"checkpoint with 1/{lower_rate.FACTOR} of the rate, up to {lower_rate.MOST} times"
    run.add_argument("--on-nan", choices=lower_rate.WAYS, help=nan)
    return p


def augmentation(text: str) -> str:
    """An argparse type: "none", or names from AUGMENTATIONS with commas between."""
    if text != "none" and not set(text.split(",")) <= set(AUGMENTATIONS):
        raise argparse.ArgumentTypeError(
            f"expected none or any of {','.join(AUGMENTATIONS)}, got {text!r}"
        )
    return text
