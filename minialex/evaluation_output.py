"""How an evaluation is shown: what `evaluate` prints and draws, some of it shared by `report`."""

from collections.abc import Sequence

import numpy

from minialex import figures
from minialex.data.augment import centre_views
from minialex.data.dataset import Dataset
from minialex.data.published.cifar10_c import EXTRA, SEVERITIES
from minialex.evaluation import Answers
from minialex.inference import TrainedNetwork
from minialex.terminal import styled
from minialex.trained_dataset import name_of

#: Up to ALL_CLASSES, each class has a line; beyond, the SOME_CLASSES best and as many of the worst.
ALL_CLASSES, SOME_CLASSES = 20, 8

#: What is said of the views over which answers were averaged.
VIEWS_SHOWN = {
    "centre": "",
    "mirror": ", with their mirror images",
    "ten-crop": ", ten views of each",
}

#: How many mistakes the contact sheet shows.
MISTAKES = 24


def progress_shown(trained: TrainedNetwork) -> str:
    """The model and how far it was trained, or, if the weights are not from a run, their file."""
    epochs, steps = trained.progress["epochs"], trained.progress["steps"]
    where = f"in epoch {epochs + 1}, after step {steps}" if steps else f"after epoch {epochs}"
    return f"{trained.model}, {where if epochs is not None else trained.path.name}"


def pictures_shown(answers: Answers, test_views: str, dataset: Dataset) -> str:
    """How many pictures there were, in which views, and whether they are training pictures that
    were held out."""
    held_out = ", held out of the training pictures" if dataset.val_share else ""
    return f"{len(answers.labels):,}{VIEWS_SHOWN[test_views]}{held_out}"


def scores_shown(answers: Answers) -> dict[str, str]:
    """Loss, top-1 and top-5, formatted."""
    scores = answers.scores()
    return {
        "loss": f"{scores['loss']:.4f}",
        "top-1": f"{scores['accuracy']:.2%}",
        "top-5": f"{scores['top5']:.2%}",
    }


def class_table(matrix: numpy.ndarray, class_names: Sequence[str]) -> str:
    """The accuracy of each class, and which other class it is most often taken for.

    matrix: the confusion matrix. If there are many classes, only the worst and the best are shown.
    A class without test pictures is left out.
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


def severity_table(answers: Answers, corruptions: Sequence[str]) -> str:
    """The accuracy on CIFAR-10-C: a line for each corruption, a column for each severity.

    corruptions: the names of the equal blocks that all pictures make up, each of SEVERITIES equal
        blocks. The means are over the paper's corruptions; those in EXTRA come below.
    """
    right = numpy.zeros(len(corruptions) * SEVERITIES)
    blocks = answers.numbers * len(right) // len(answers.numbers)
    numpy.add.at(right, blocks, answers.places < 1)
    accuracy = (right / numpy.bincount(blocks)).reshape(-1, SEVERITIES)
    rows = {name: [*row, row.mean()] for name, row in zip(corruptions, accuracy, strict=True)}
    papers = numpy.array([rows[name] for name in rows if name not in EXTRA])
    rows = {
        **{name: row for name, row in rows.items() if name not in EXTRA},
        f"mean of these {len(papers)}": papers.mean(axis=0),
        **{name: row for name, row in rows.items() if name in EXTRA},
    }
    widths = [12, *[9] * SEVERITIES]
    columns = ["severity 1", *map(str, range(2, SEVERITIES + 1)), "mean"]
    heading = "".join(name.rjust(width) for name, width in zip(columns, widths, strict=True))
    lines = [styled(f"{'corruption':<17}{heading}", "bold")]
    for name, row in rows.items():
        cells = (f"{value:.2%}".rjust(width) for value, width in zip(row, widths, strict=True))
        lines.append(f"{name:<17}{''.join(cells)}")
    return "\n".join(lines)


def confused_with(matrix: numpy.ndarray, class_names: Sequence[str], label: int) -> str:
    """The other class that class `label` is most often taken for, and how often: "cat (12)".

    Empty if it never is.
    """
    others = matrix[label].copy()
    others[label] = 0
    other = int(others.argmax())
    name = figures.shortened(class_names[other], 24)
    return f"{name} ({others[other]:,})" if others[other] else ""


def confusion_title(answers: Answers) -> str:
    """The title of the confusion matrix."""
    return f"{len(answers.labels):,} test pictures, {answers.scores()['accuracy']:.2%} correct"


def mistakes_sheet(answers: Answers, dataset: Dataset) -> bytes:
    """The PNG of the wrong answers that the network was surest of.

    Below each test picture are the network's answer, in red, and the right one, in green.
    """
    wrong, pictures = answers.surest(right=False), f"{len(answers.labels):,} pictures"
    title = f"The surest of {len(wrong):,} wrong answers to {pictures}, and the right ones"
    if not len(wrong):
        return figures.sheet([], [], f"No wrong answers to {pictures}")
    shown = wrong[:MISTAKES]
    captions = []
    for i in shown:
        taken, right = (
            figures.shortened(dataset.class_names[k], 16)
            for k in (answers.answers[i], answers.labels[i])
        )
        name = figures.shortened(name_of(dataset.test, answers.numbers[i]), 22)
        said = (f"{taken}: {answers.confidence[i]:.1%}", figures.WRONG)
        captions.append([said, (f"is: {right}", figures.RIGHT), (name, None)])
    views = centre_views(len(shown))
    return figures.sheet(dataset.test.read(answers.numbers[shown], views), captions, title)
