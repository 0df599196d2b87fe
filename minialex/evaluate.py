"""python -m minialex.evaluate: how good a trained network is on pictures it was not trained on."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy

from minialex import charts, data, figures
from minialex.answers import Answers, answer
from minialex.command import Parser, run, styled
from minialex.data import folder
from minialex.data.augment import centre_views
from minialex.data.batches import Batches
from minialex.data.dataset import Dataset
from minialex.data.skipped import describe_unreadable
from minialex.errors import InputError
from minialex.files import check_replaceable, write_output
from minialex.inference import Trained, add_trained_options, folder_of, trained_of
from minialex.parallel.workers import Workers
from minialex.weights import WEIGHTS_HELP, add_model_option

EXAMPLES = """\
  python -m minialex.evaluate runs/shapes-alexnet-cifar
      a run of minialex.train; confusion.png and mistakes.png go to its folder
  python -m minialex.evaluate runs/long --ten-crop
      over ten views of each picture, as the paper tests
  python -m minialex.evaluate runs/long --data-dir PICTURES --out elsewhere
      its pictures lie elsewhere now, or are others of the same classes
  python -m minialex.evaluate torchvision --data-dir IMAGENET
      the weights that torchvision publishes, on IMAGENET/val/n01440764/*, …
"""

#: Up to so many classes each has a line; of more, so many of the best and of the worst.
ALL_CLASSES, SOME_CLASSES = 20, 8

#: So many mistakes go on the contact sheet.
MISTAKES = 24


def evaluate(
    workers: Workers, batches: Batches, should_stop=lambda: False
) -> dict[str, float] | None:
    """Loss, accuracy (top-1) and top-5 over all of `batches` that can be read; None if should_stop() turned true on the way."""
    answers = answer(workers, batches, should_stop)
    return None if answers is None else answers.scores()


def dataset_of(trained: Trained, data_dir: Path | None = None) -> Dataset:
    """The data set that the network was trained on, from `data_dir` if given; InputError if it has other classes now.

    Of weights that are no run's nobody knows it: theirs are the pictures in the class folders of data_dir/train, if there is
    one, and of data_dir/val, data_dir/test or data_dir itself. InputError without `data_dir`, or as `labelled_files` says.
    """
    options = trained.options
    if options["dataset"] is None:
        if data_dir is None:
            raise InputError(
                f"{trained.path} is of no run, so it brings no pictures: name a folder of them with --data-dir"
            )
        data.check_folder(data_dir)
        train, test = data_dir / "train", folder.evaluation_folder(data_dir) or data_dir
        classified = (
            folder.labelled_files(each, trained.class_names) if each.is_dir() else None
            for each in (train, test)
        )
        return Dataset(
            "folder",
            *(split and trained.images(*split) for split in classified),
            trained.class_names,
        )
    data_dir, seed, crop_padding = (
        data_dir or options["data_dir"],
        options["seed"],
        options["crop_padding"],
    )
    dataset = data.load(options["dataset"], data_dir, trained.image_size, seed, crop_padding)
    if (dataset.class_names, dataset.channels) != (trained.class_names, trained.channels):
        raise InputError(f"{trained.path} was trained on other classes than the data set has now")
    return dataset


def name_of(images, i: int) -> str:
    """The name of the file that picture i comes from, or its number where all pictures are in one file."""
    return Path(images.paths[i]).name if hasattr(images, "paths") else f"picture {i:,}"


def parser() -> Parser:
    """The command's options."""
    about = "Tests a trained network on its data set's test pictures, as its training did\nafter each epoch, and shows "
    about += "where it is wrong: class by class, in confusion.png\nand in mistakes.png, the wrong answers it was surest of."
    p = Parser("evaluate", about, EXAMPLES, usage="WEIGHTS [options]")
    p.add_argument("weights", metavar="WEIGHTS", help=WEIGHTS_HELP)
    add_model_option(p)
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
    p.add_argument(
        "--ten-crop",
        action="store_true",
        help="corners, centre and their mirror images, probabilities averaged",
    )
    add_trained_options(p)
    return p


def main(arguments: Sequence[str]) -> None:
    """Runs the command with `arguments`."""
    given = parser().parse_args(arguments)
    out = given.out or folder_of(given.weights)
    paths = {name: out / f"{name}.png" for name in ("confusion", "mistakes")}
    for path in paths.values():
        check_replaceable(path)  # before the work, not after
    trained = trained_of(given)
    dataset = dataset_of(trained, given.data_dir)
    batch_size = given.batch_size or trained.options["batch_size"]
    batches = Batches(dataset.test, batch_size, trained.standardize, ten_crop=given.ten_crop)
    start = time.perf_counter()
    answers = answer(trained.workers, batches)
    seconds = time.perf_counter() - start
    matrix = answers.confusion(dataset.num_classes)
    pictures = f"{len(answers.labels):,}" + ", ten views of each" * given.ten_crop
    speed = f"{len(answers.labels) / seconds:,.0f}"
    about = {"model": progress_shown(trained), "dataset": dataset.name, "pictures": pictures}
    print(aligned({**about, **scores_shown(answers), "images/s": speed}))
    print("\n" + class_table(matrix, dataset.class_names) + "\n")
    write_output(
        paths["confusion"], charts.confusion(matrix, dataset.class_names, confusion_title(answers))
    )
    write_output(paths["mistakes"], mistakes_sheet(answers, dataset))
    print(aligned(paths))
    if batches.skipped:
        print("\n" + describe_unreadable(batches.skipped))


def progress_shown(trained: Trained) -> str:
    """Which model was trained how far; of weights that are no run's, which model's they are and in what file."""
    epochs, steps = trained.progress["epochs"], trained.progress["steps"]
    where = f"in epoch {epochs + 1}, after step {steps}" if steps else f"after epoch {epochs}"
    return f"{trained.options['model']}, {where if epochs is not None else trained.path.name}"


def scores_shown(answers: Answers) -> dict[str, str]:
    """Loss, top-1 and top-5 as they are printed."""
    scores = answers.scores()
    return {
        "loss": f"{scores['loss']:.4f}",
        "top-1": f"{scores['accuracy']:.2%}",
        "top-5": f"{scores['top5']:.2%}",
    }


def aligned(rows: dict) -> str:
    """A line for each name with what belongs to it, in two columns."""
    return "\n".join(f"{name:<9} {value}" for name, value in rows.items())


def class_table(matrix: numpy.ndarray, class_names: Sequence[str]) -> str:
    """Accuracy class by class, and what each is taken for the most often when it is taken for another.

    Of many classes, the worst and the best. A class that no test picture is of has no line.
    """
    seen = [label for label in range(len(matrix)) if matrix[label].sum()]
    accuracy = {label: matrix[label, label] / matrix[label].sum() for label in seen}
    parts = {"class": seen}
    if len(seen) > ALL_CLASSES:
        ranked = sorted(seen, key=accuracy.get)
        parts = {"the worst": ranked[:SOME_CLASSES], "the best": ranked[: -SOME_CLASSES - 1 : -1]}
    shown = [label for labels in parts.values() for label in labels]
    width = min(28, max(len(class_names[label]) for label in shown))
    lines = []
    for title, labels in parts.items():
        heading = f"{title:<{max(width, 9)}} {'right':>8} {'of':>6}  most often taken for"
        lines += ["", styled(heading, "bold")]
        for label in labels:
            name, total = figures.shortened(class_names[label], width), matrix[label].sum()
            line = f"{name:<{max(width, 9)}} {accuracy[label]:>8.2%} {total:>6,}  "
            lines.append((line + confused_with(matrix, class_names, label)).rstrip())
    return "\n".join(lines[1:])


def confused_with(matrix: numpy.ndarray, class_names: Sequence[str], label: int) -> str:
    """The other class that pictures of this one are taken for the most often, and how often; nothing if they never are."""
    others = matrix[label].copy()
    others[label] = 0
    other = int(others.argmax())
    return (
        f"{figures.shortened(class_names[other], 24)} ({others[other]:,})" if others[other] else ""
    )


def confusion_title(answers: Answers) -> str:
    """What stands above the confusion matrix."""
    return f"{len(answers.labels):,} test pictures, {answers.scores()['accuracy']:.2%} answered rightly"


def mistakes_sheet(answers: Answers, dataset: Dataset) -> bytes:
    """The PNG of the wrong answers that the network was surest of: its answer in red, the right one in green."""
    wrong = answers.surest(right=False)
    title = f"The surest of {len(wrong):,} wrong answers among {len(answers.labels):,}, and what would have been right"
    if not len(wrong):
        title = f"Not one wrong answer among {len(answers.labels):,}"
    shown = wrong[:MISTAKES]
    pictures = (
        dataset.test.read(answers.numbers[shown], centre_views(len(shown))) if len(shown) else []
    )
    captions = []
    for i in shown:
        taken, right = (
            figures.shortened(dataset.class_names[k], 16)
            for k in (answers.answers[i], answers.labels[i])
        )
        name = figures.shortened(name_of(dataset.test, answers.numbers[i]), 22)
        said = (f"{taken} {answers.confidence[i]:.1%}", figures.WRONG)
        captions.append([said, (f"is: {right}", figures.RIGHT), (name, None)])
    return figures.sheet(pictures, captions, title)


if __name__ == "__main__":
    run(main)
