"""python -m minialex.report: a run on one HTML page, without scripts, a server or other files."""

import html
from collections.abc import Sequence
from pathlib import Path

import numpy

from minialex import __version__, charts
from minialex.command import Parser, run
from minialex.data.augment import centre_views
from minialex.data.dataset import Dataset
from minialex.errors import InputError
from minialex.evaluation import Answers, answer
from minialex.evaluation_output import (
    confused_with,
    confusion_title,
    pictures_shown,
    progress_shown,
    scores_shown,
)
from minialex.files import check_named, check_replaceable, write_output
from minialex.inference import TrainedNetwork
from minialex.io.description import spelled
from minialex.layer_table import HEADINGS, rows
from minialex.report_page import box, page, section, sheet, table, themed, thumbnail
from minialex.terminal import visible
from minialex.train_messages import typed
from minialex.trained_dataset import dataset_of, name_of
from minialex.visualize.filters import filters, first_convolution
from minialex.weight_options import (
    WEIGHTS_HELP,
    add_trained_options,
    add_weight_options,
    default_out,
    trained_of,
)

EXAMPLES = """\
  python -m minialex.report runs/shapes-alexnet-cifar
      writes report.html in the run's folder
  python -m minialex.report runs/long --out long.html
  python -m minialex.report torchvision --data-dir IMAGENET
      weights that are not from a run: no curves, tested on IMAGENET/val/*/*
"""

#: How many of the surest right answers, and of the surest wrong ones, are shown at most.
SHOWN = 24


def parser() -> Parser:
    """The command's options."""
    about = "Puts a run on one HTML page: scores, curves, confusion matrix, best and worst\n"
    about += "answers, filters, network, options. It needs no other file."
    p = Parser("report", about, EXAMPLES, usage="WEIGHTS [options]")
    p.add_argument("weights", metavar="WEIGHTS", help=WEIGHTS_HELP)
    add_weight_options(p)
    p.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="the data set's files (default: as in training)",
    )
    p.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="the page (default: report.html in the run's folder, else report-WEIGHTS.html here)",
    )
    add_trained_options(p)
    return p


def main(arguments: Sequence[str]) -> None:
    """Runs the command with `arguments`."""
    given = parser().parse_args(arguments)
    out = given.out or default_out(given.weights, "report", ".html")
    check_named(out, ".html")
    check_replaceable(out)  # before the work, not after
    trained = trained_of(given)
    dataset = dataset_of(trained, given.data_dir)
    batch_size = given.batch_size or trained.options["batch_size"]
    batches = trained.batches(dataset.test, batch_size)
    answers = answer(trained.engine, batches, origin=trained.origin)
    path, history = trained.path, trained.progress.get("history")
    name = path.resolve().parent.name if path.name == "checkpoint.npz" else path.name
    write_output(
        out, page(f"{name}: minialex report", contents(trained, name, history, dataset, answers))
    )
    print(visible(str(out)))


def contents(
    trained: TrainedNetwork,
    name: str,
    history: list[dict] | None,
    dataset: Dataset,
    answers: Answers,
) -> list[str]:
    """The sections of the page.

    name: the run's, or the weights'. history: a Trainer's; None if the weights are from elsewhere.
    """
    return [
        header(trained, name, history, answers, dataset),
        *([] if history is None else [section("Curves", curves(name, history))]),
        section("Class by class", confusion(dataset, answers), class_table(dataset, answers)),
        section("Worst answers", *wrong_answers(dataset, answers)),
        section("Best answers", *right_answers(dataset, answers)),
        section("Filters", first_filters(trained)),
        section("Network", table("Layers", HEADINGS, rows(trained.network), numbers=(2, 3, 4))),
        *([] if history is None else [section("Configuration", *configuration(trained))]),
    ]


def header(
    trained: TrainedNetwork,
    name: str,
    history: list[dict] | None,
    answers: Answers,
    dataset: Dataset,
) -> str:
    """The title and the most important figures."""
    scores = scores_shown(answers)
    key = {
        "accuracy (top-1)": scores["top-1"],
        "top-5 accuracy": scores["top-5"],
        "test loss": scores["loss"],
    }
    key |= {
        "test pictures": pictures_shown(answers, trained.test_views, dataset),
        "parameters": f"{trained.network.parameter_count():,}",
    }
    if history:
        key["training time"] = duration(sum(epoch["seconds"] for epoch in history))
    cards = "\n".join(f"<div><dt>{what}</dt><dd>{value}</dd></div>" for what, value in key.items())
    where = trained.source["name"] if trained.source else "labelled pictures"
    words = html.escape(f"{progress_shown(trained)}, on {where}. Made by minialex {__version__}.")
    title = f'<h1>{html.escape(name)}</h1>\n<p class="soft">{words}</p>'
    return f'<header>\n{title}\n<dl class="key">\n{cards}\n</dl>\n</header>'


def duration(seconds: float) -> str:
    """A duration in the unit that suits it: "59 s", "2.5 min", "2.5 h"."""
    if seconds >= 7200:
        return f"{seconds / 3600:.1f} h"
    if seconds >= 120:
        return f"{seconds / 60:.1f} min"
    return f"{seconds:.0f} s"


def curves(name: str, history: list[dict]) -> str:
    """Loss and accuracy over the epochs."""
    if not history:
        return "<p>No epoch is finished yet.</p>"
    images = []
    for quantity in ("loss", "accuracy"):
        train, test = (f"{history[-1][f'{split}_{quantity}']:.4f}" for split in ("train", "test"))
        alt = f"{quantity.capitalize()} over {len(history)} epochs; "
        alt += f"in the last one {train} in training and {test} in the test"
        images.append(themed(alt, charts.curves, {name: history}, (quantity,)))
    return '<div class="pair">\n' + "\n".join(images) + "\n</div>"


def confusion(dataset: Dataset, answers: Answers) -> str:
    """The confusion matrix as a picture.

    The table after it has the diagonal, and the largest of the other numbers in each row.
    """
    matrix, title = answers.confusion(dataset.num_classes), confusion_title(answers)
    alt = f"Confusion matrix: {title}"
    return box(themed(alt, charts.confusion, matrix, dataset.class_names, title), alt, " picture")


def class_table(dataset: Dataset, answers: Answers) -> str:
    """Every class with test pictures, from the lowest accuracy to the highest."""
    matrix = answers.confusion(dataset.num_classes)
    totals = matrix.sum(axis=1)
    labels = sorted(
        numpy.flatnonzero(totals), key=lambda label: matrix[label, label] / totals[label]
    )
    names = dataset.class_names
    cells = [
        (
            names[k],
            f"{matrix[k, k] / totals[k]:.2%}",
            f"{totals[k]:,}",
            confused_with(matrix, names, k),
        )
        for k in labels
    ]
    return table(
        "Accuracy of each class",
        ("class", "right", "of", "most often taken for"),
        cells,
        numbers=(1, 2),
    )


def wrong_answers(dataset: Dataset, answers: Answers) -> list[str]:
    """The wrong answers that the network was surest of."""
    wrong = answers.surest(right=False)
    if not len(wrong):
        return ["<p>There are no wrong answers.</p>"]
    explanation = f"Of {len(wrong):,} wrong answers, those that the network was surest of. "
    explanation += "The pictures are shown as it saw them."
    return [f"<p>{explanation}</p>", answer_sheet(wrong[:SHOWN], dataset, answers)]


def right_answers(dataset: Dataset, answers: Answers) -> list[str]:
    """The surest right answer of each class, at most SHOWN."""
    surest = answers.surest(right=True)
    if not len(surest):
        return ["<p>There are no right answers.</p>"]
    _, first = numpy.unique(answers.labels[surest], return_index=True)  # of each class
    explanation = "<p>For each class, the right answer that the network was surest of.</p>"
    return [explanation, answer_sheet(surest[numpy.sort(first)][:SHOWN], dataset, answers)]


def answer_sheet(shown: numpy.ndarray, dataset: Dataset, answers: Answers) -> str:
    """Test pictures, what they were taken for, and what they are if that is wrong.

    shown: indices into the arrays of `answers`.
    """
    items = []
    pictures = dataset.test.read(answers.numbers[shown], centre_views(len(shown)))
    for i, picture in zip(shown, pictures, strict=True):
        taken, label = (dataset.class_names[k] for k in (answers.answers[i], answers.labels[i]))
        name = name_of(dataset.test, answers.numbers[i])
        right = answers.answers[i] == answers.labels[i]
        alt = f"{name}: taken for {taken}"
        caption = f'<strong class="{"right" if right else "wrong"}">{html.escape(taken)}</strong>'
        caption += f" {answers.confidence[i]:.2%}"
        if not right:
            alt += f", is {label}"
            caption += f"<br>is: {html.escape(label)}"
        caption += f'<br><span class="soft">{html.escape(name)}</span>'
        items.append((thumbnail(picture, alt), caption))
    return sheet(items)


def first_filters(trained: TrainedNetwork) -> str:
    """The first convolution's kernels, or why there are none."""
    try:
        layer, weight, towers = first_convolution(trained.network)
    except InputError as error:
        return f"<p>{html.escape(str(error))}.</p>"
    alt = f"The {len(weight)} kernels of {layer} as small pictures"
    return box(themed(alt, filters, weight, towers, layer), alt, " picture")


def configuration(trained: TrainedNetwork) -> list[str]:
    """Every option of the run, and the command that trains again with them, if one did."""
    options = trained.options
    if "dataset" not in options:  # a script's
        return [settings_table(trained.progress["settings"])]
    given = {name: value for name, value in options.items() if value is not None and name != "out"}
    flags = [typed(name, value) for name, value in given.items()]
    command = " ".join(["python -m minialex.train", *flags])
    explanation = "<p>To train again with these options:</p>"
    return [explanation, f"<pre><code>{html.escape(command)}</code></pre>", settings_table(options)]


def settings_table(settings: dict) -> str:
    """What was set, and to what."""
    cells = [
        (name.replace("_", " "), "not set" if value is None else spelled(value))
        for name, value in settings.items()
    ]
    return table("Options", ("option", "value"), cells, ())


if __name__ == "__main__":
    run(main)
