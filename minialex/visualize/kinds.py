"""The kinds of picture as the command offers them: each one's help, its options, its call."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from minialex.command import add_common_options, number
from minialex.data.dataset import Dataset
from minialex.errors import InputError
from minialex.inference import TrainedNetwork
from minialex.prediction import files_of
from minialex.trained_dataset import dataset_of
from minialex.visualize import curves, features, filters, nearest, occlusion, saliency
from minialex.visualize.subjects import Subjects, from_files, from_images
from minialex.weight_options import (
    WEIGHTS_HELP,
    add_trained_options,
    add_weight_options,
    trained_of,
)


@dataclass(frozen=True)
class Kind:
    """What the command knows of a kind of picture.

    line, usage, about, examples   for the help
    add_options                    adds its options to its parser
    draw                           the PNG for the options given
    """

    line: str
    usage: str
    about: str
    examples: str
    add_options: Callable[[argparse.ArgumentParser], None]
    draw: Callable[[argparse.Namespace], bytes]


def add_weights_option(p: argparse.ArgumentParser) -> None:
    """Adds --weights, --model and --own-layers."""
    p.add_argument("--weights", required=True, metavar="WEIGHTS", help=f"{WEIGHTS_HELP} (required)")
    add_weight_options(p)


def add_subject_options(p: argparse.ArgumentParser, pictures: str = "*") -> None:
    """Adds the options of a kind that shows pictures: one (`pictures` "?") or any number ("*")."""
    several = pictures == "*"
    about = "files, or folders of them" if several else "a file"
    about += " (default: from the run's test pictures)"
    p.add_argument("pictures", nargs=pictures, metavar="PICTURE", help=about)
    add_weights_option(p)
    p.add_argument(
        "--data-dir", type=Path, metavar="DIR", help="the run's data set (default: as in training)"
    )
    p.add_argument(
        "--seed",
        type=number(int, 0),
        default=0,
        metavar="N",
        help="for choosing test pictures (default: 0)",
    )
    add_trained_options(p)


def subjects(
    given: argparse.Namespace, trained: TrainedNetwork, dataset: Dataset | None = None
) -> Subjects:
    """The pictures that were `given`, or some test pictures of the run, drawn with --seed.

    dataset: the run's, if it is loaded already.
    """
    one = not isinstance(given.pictures, list)
    if given.pictures:
        chosen = from_files(trained, [given.pictures] if one else given.pictures)
        if one and len(chosen.names) > 1:
            raise InputError(f"expected one picture, got {given.pictures} with {len(chosen.names)}")
        return chosen
    dataset = dataset or dataset_of(trained, given.data_dir)
    return from_images(dataset.test, 1 if one else 6, given.seed)


def add_filters_options(p: argparse.ArgumentParser) -> None:
    add_weights_option(p)
    add_common_options(p)


def draw_filters(given: argparse.Namespace) -> bytes:
    return filters.draw(trained_of(given))


def add_features_options(p: argparse.ArgumentParser) -> None:
    add_subject_options(p, pictures="?")
    p.add_argument(
        "--layers", metavar="A,B,…", help="which layers (default: the activations and pools)"
    )


def draw_features(given: argparse.Namespace) -> bytes:
    trained = trained_of(given)
    layers = given.layers.split(",") if given.layers else []
    return features.draw(trained, subjects(given, trained), layers)


def add_saliency_options(p: argparse.ArgumentParser) -> None:
    add_subject_options(p)
    about = "whose logit (default: that of the network's answer)"
    p.add_argument("--class", dest="of_class", metavar="NAME", help=about)


def draw_saliency(given: argparse.Namespace) -> bytes:
    trained = trained_of(given)
    return saliency.draw(trained, subjects(given, trained), given.of_class)


def add_occlusion_options(p: argparse.ArgumentParser) -> None:
    add_subject_options(p)
    about = "whose probability (default: that of the network's answer)"
    p.add_argument("--class", dest="of_class", metavar="NAME", help=about)
    quarter = "the square's side (default: a quarter of the picture's)"
    p.add_argument("--square", type=number(int, 1), metavar="PIXELS", help=quarter)
    places = f"how far it slides (default: {occlusion.PLACES} places a side)"
    p.add_argument("--step", type=number(int, 1), metavar="PIXELS", help=places)


def draw_occlusion(given: argparse.Namespace) -> bytes:
    trained = trained_of(given)
    settings = (given.of_class, given.square, given.step, given.batch_size)
    return occlusion.draw(trained, subjects(given, trained), *settings)


def add_nearest_options(p: argparse.ArgumentParser) -> None:
    add_subject_options(p)
    about = "where to look (default: in the run's training pictures)"
    p.add_argument("--among", type=Path, metavar="DIR", help=about)


def draw_nearest(given: argparse.Namespace) -> bytes:
    trained = trained_of(given)
    if given.among and not given.among.is_dir():
        raise InputError(f"--among {given.among}: expected a folder of pictures")
    dataset = None if given.pictures and given.among else dataset_of(trained, given.data_dir)
    chosen = subjects(given, trained, dataset)
    if given.among:
        images = trained.images(files_of(str(given.among)))
        return nearest.draw(trained, chosen, images, batch_size=given.batch_size)
    assert dataset is not None
    if not dataset.train:
        missing = f"no folder train in {given.data_dir}"
        raise InputError(f"{missing}: name a folder to look in with --among")
    return nearest.draw(trained, chosen, dataset.train, trained.class_names, given.batch_size)


def add_curves_options(p: argparse.ArgumentParser) -> None:
    about = "a run's folder, or a checkpoint"
    p.add_argument("runs", type=Path, nargs="+", metavar="RUN", help=about)


def draw_curves(given: argparse.Namespace) -> bytes:
    return curves.draw(given.runs)


KINDS = {
    "filters": Kind(
        "the first convolution's kernels (the paper's figure 3)",
        "[options]",
        """\
What the first convolution looks for: each of its kernels as a small picture,
like figure 3 of the paper. Each is scaled by its largest weight, so that all
have full contrast; mid-grey is a weight of 0.""",
        """\
  python -m minialex.visualize filters --weights runs/shapes-alexnet-cifar
  python -m minialex.visualize filters --weights runs/long --out filters.png
""",
        add_filters_options,
        draw_filters,
    ),
    "features": Kind(
        "what each layer makes of a picture",
        "[PICTURE] [options]",
        """\
What each layer makes of a picture: for each activation and pool a row with the
maps that respond most strongly, and above them the most probable classes.""",
        """\
  python -m minialex.visualize features --weights runs/shapes-alexnet-cifar
      of a test picture; --seed N takes another
  python -m minialex.visualize features cat.jpg --weights runs/long
  python -m minialex.visualize features cat.jpg --weights runs/long \\
      --layers conv1,relu1,norm1,pool1
""",
        add_features_options,
        draw_features,
    ),
    "saliency": Kind(
        "the pixels that an answer depends on",
        "[PICTURE...] [options]",
        """\
Which pixels an answer depends on: how much the logit of the class changes with
each of them (Simonyan et al. 2013). It is the gradient that trains the weights,
taken one step further back, to the pixels.""",
        """\
  python -m minialex.visualize saliency --weights runs/shapes-alexnet-cifar
      of six test pictures; --seed N takes others
  python -m minialex.visualize saliency cat.jpg dog.jpg --weights runs/long
  python -m minialex.visualize saliency pets.jpg --weights runs/long --class cat
      why it might be a cat, whatever the network takes it for
""",
        add_saliency_options,
        draw_saliency,
    ),
    "occlusion": Kind(
        "the parts of a picture that an answer depends on",
        "[PICTURE...] [options]",
        """\
Which parts of a picture an answer depends on: the probability of the class
while a grey square covers the picture around each pixel (Zeiler and Fergus
2014). Grey is the mean colour of the training pictures.""",
        """\
  python -m minialex.visualize occlusion --weights runs/shapes-alexnet-cifar
      of six test pictures; --seed N takes others
  python -m minialex.visualize occlusion cat.jpg --weights runs/long --square 9
      a smaller square shows finer parts, and fewer of them matter
  python -m minialex.visualize occlusion p.jpg --weights runs/long --class cat
      why it might be a cat, whatever the network takes it for
""",
        add_occlusion_options,
        draw_occlusion,
    ),
    "nearest": Kind(
        "the pictures that the network finds alike (figure 4)",
        "[PICTURE...] [options]",
        """\
Which pictures a network finds alike: beside each picture, the training pictures
whose activations in the last hidden layer, FC7 in AlexNet, are nearest to its
own, as in figure 4 of the paper. Distances are Euclidean.""",
        """\
  python -m minialex.visualize nearest --weights runs/shapes-alexnet-cifar
      to six test pictures; --seed N takes others
  python -m minialex.visualize nearest cat.jpg --weights runs/long
  python -m minialex.visualize nearest cat.jpg --weights runs/long --among DIR
      looks in a folder of pictures and below it
""",
        add_nearest_options,
        draw_nearest,
    ),
    "curves": Kind(
        "loss and accuracy over the epochs, of one run or several",
        "RUN... [options]",
        """\
Loss and accuracy over the epochs, of one run or of several side by side:
training dashed, test solid. Several go to comparison.png in the first's folder.""",
        """\
  python -m minialex.visualize curves runs/long
  python -m minialex.visualize curves runs/adam runs/sgd --out adam-and-sgd.png
""",
        add_curves_options,
        draw_curves,
    ),
}
