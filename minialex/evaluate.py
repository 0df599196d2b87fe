"""python -m minialex.evaluate: how good a trained network is on pictures it was not trained on."""

import time
from collections.abc import Sequence
from pathlib import Path

from minialex import charts, data
from minialex.command import Parser, add_test_views_option, run
from minialex.data.published.cifar10_c import Blocks
from minialex.data.skipped import describe_unreadable
from minialex.evaluation import answer
from minialex.evaluation_output import (
    class_table,
    confusion_title,
    mistakes_sheet,
    pictures_shown,
    progress_shown,
    scores_shown,
    severity_table,
)
from minialex.files import check_replaceable, write_output
from minialex.terminal import visible
from minialex.trained_dataset import dataset_of
from minialex.weight_options import (
    WEIGHTS_HELP,
    add_trained_options,
    add_weight_options,
    default_out,
    trained_of,
)

EXAMPLES = """\
  python -m minialex.evaluate runs/shapes-alexnet-cifar
      a run of minialex.train; confusion.png and mistakes.png go to its folder
  python -m minialex.evaluate runs/long --test-views ten-crop
      over ten views of each picture, as the paper tests
  python -m minialex.evaluate runs/long --data-dir PICTURES --out elsewhere
      its pictures are elsewhere now, or are others of the same classes
  python -m minialex.evaluate runs/long --dataset cifar10-c --data-dir DIR
      on another data set with its classes: here spoilt pictures, in a table
  python -m minialex.evaluate torchvision --data-dir IMAGENET
      the weights that torchvision publishes, on IMAGENET/val/n01440764/*, …
"""


def parser() -> Parser:
    """The command's options."""
    about = "Tests a trained network on its data set's test pictures, as training does\n"
    about += "after each epoch, and shows where it is wrong: class by class, in confusion.png,\n"
    about += "and in mistakes.png, the wrong answers it was surest of."
    p = Parser("evaluate", about, EXAMPLES, usage="WEIGHTS [options]")
    p.add_argument("weights", metavar="WEIGHTS", help=WEIGHTS_HELP)
    add_weight_options(p)
    p.add_argument(
        "--dataset",
        choices=data.NAMES,
        metavar="NAME",
        help="another data set with the same classes (default: the one of training)",
    )
    p.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="the data set's files (default: as in training)",
    )
    p.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="where the PNGs go (default: to the run's folder, else here)",
    )
    add_test_views_option(p, "as in training")
    add_trained_options(p)
    return p


def main(arguments: Sequence[str]) -> None:
    """Runs the command with `arguments`."""
    given = parser().parse_args(arguments)
    trained = trained_of(given)
    dataset = dataset_of(trained, given.data_dir, given.dataset)
    other = given.dataset
    if trained.source and not dataset.source:
        other = given.data_dir.stem
    views = given.test_views if given.test_views != trained.test_views else None
    of = "".join(f"-{word}" for word in (other, views) if word)  # the plain evaluation's files stay
    names = ("confusion", "mistakes")
    paths = {name: default_out(given.weights, name, f"{of}.png") for name in names}
    if given.out:
        paths = {name: given.out / path.name for name, path in paths.items()}
    for path in paths.values():
        check_replaceable(path)  # before the work, not after
    batch_size = given.batch_size or trained.options["batch_size"]
    batches = trained.batches(dataset.test, batch_size, given.test_views)
    start = time.perf_counter()
    answers = answer(trained.engine, batches, origin=trained.origin)
    seconds = time.perf_counter() - start
    matrix = answers.confusion(dataset.num_classes)
    pictures = pictures_shown(answers, batches.test_views, dataset)
    speed = f"{len(answers.labels) / seconds:,.0f}"
    about = {"model": progress_shown(trained), "dataset": dataset.name, "pictures": pictures}
    blocks = getattr(dataset.test, "images", None)
    if isinstance(blocks, Blocks):  # a mean over all corruptions and severities says little
        print(aligned({**about, "images/s": speed}))
        print("\n" + severity_table(answers, blocks.names))
    else:
        print(aligned({**about, **scores_shown(answers), "images/s": speed}))
    print("\n" + class_table(matrix, dataset.class_names) + "\n")
    title = confusion_title(answers)
    write_output(paths["confusion"], charts.confusion(matrix, dataset.class_names, title))
    write_output(paths["mistakes"], mistakes_sheet(answers, dataset))
    print(aligned({name: visible(str(path)) for name, path in paths.items()}))
    if batches.skipped:
        print("\n" + describe_unreadable(batches.skipped))


def aligned(rows: dict) -> str:
    """Names and values in two columns, a line for each."""
    return "\n".join(f"{name:<9} {value}" for name, value in rows.items())


if __name__ == "__main__":
    run(main)
