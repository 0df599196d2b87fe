"""The tables and the chart of what recipes reach."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchmarks.table import Table
from minialex.figures import drawing, new_figure
from minialex.presets import RECIPES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: What cuda-convnet, Krizhevsky's program before AlexNet, was published with for CIFAR-10: minutes
#: on a GPU of its time, and test accuracy; the first two without crops and mirror images.
CUDA_CONVNET = ((80 / 60, 0.74), (20, 0.82), (25, 0.87), (75, 0.89))

COLOURS = {"minialex": "#c44e52", "PyTorch": "#6680a6", "cuda-convnet": "#555555"}

HEAD = ("recipe", "net", "epochs", "minialex", "test accuracy", "PyTorch", "its test accuracy")


#: The names of all tables that there can be, by data set.
NAMES = {dataset: f"accuracy-{dataset}" for dataset in RECIPES}


def tables(runs: Sequence[dict]) -> list[Table]:
    """A table for each data set, with a row for each recipe."""
    made = []
    for dataset in dict.fromkeys(run["dataset"] for run in runs):
        recipes = dict.fromkeys(run["recipe"] for run in runs if run["dataset"] == dataset)
        rows = [row(runs, dataset, recipe) for recipe in RECIPES[dataset] if recipe in recipes]
        made.append(Table(NAMES[dataset], f"What recipes reach on {dataset}", HEAD, rows, 2))
    return made


def row(runs: Sequence[dict], dataset: str, recipe: str) -> list[str]:
    """The wall clock of a recipe with minialex and with PyTorch, and what they reach: means over
    the runs, which differ in their seed, ± the standard deviation."""
    runs = of(runs, dataset=dataset, recipe=recipe)
    options = runs[0]["options"]
    cells = [recipe, options["model"], str(options["epochs"])]
    for contender in ("minialex", "PyTorch"):
        ends = [run["epochs"][-1] for run in of(runs, contender=contender)]
        if not ends:
            cells += ["–", "–"]
            continue
        seconds, accuracies = zip(*ends, strict=True)
        spread = f" ± {statistics.stdev(accuracies):.2%}" if len(ends) > 1 else ""
        count = "1 run" if len(ends) == 1 else f"{len(ends)} runs"
        accuracy = f"{statistics.mean(accuracies):.2%}{spread} ({count})"
        cells += [wall_clock(statistics.mean(seconds)), accuracy]
    return cells


def of(runs: Sequence[dict], **which: str) -> list[dict]:
    """The runs of the data set, recipe and contender asked for."""
    return [run for run in runs if which.items() <= run.items()]


def wall_clock(seconds: float) -> str:
    """Minutes and seconds: "9 min 27 s"."""
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes} min {seconds:02} s" if minutes else f"{seconds} s"


@drawing
def chart(runs: Sequence[dict]) -> Figure:
    """Test accuracy on CIFAR-10 over the minutes since the start: each recipe's first run as a
    line, the ends of all runs as points, and what was published of cuda-convnet."""
    from matplotlib.ticker import NullLocator, PercentFormatter

    figure = new_figure(8, 4.8)
    axes = figure.subplots()
    for contender in ("minialex", "PyTorch"):
        colour, label = COLOURS[contender], contender
        for recipe in RECIPES["cifar10"]:
            found = of(runs, dataset="cifar10", recipe=recipe, contender=contender)
            if not found:
                continue
            minutes, accuracies = zip(*found[0]["epochs"], strict=True)
            axes.plot([at / 60 for at in minutes], accuracies, color=colour, alpha=0.45)
            ends = [run["epochs"][-1] for run in found]
            places = [at / 60 for at, _ in ends]
            axes.plot(places, [end for _, end in ends], "o", color=colour, label=label)
            label = None  # one line in the legend is enough
            if contender == "minialex":
                at, end = ends[0]
                place = dict(textcoords="offset points", xytext=(6, -11))
                axes.annotate(recipe, (at / 60, end), color=colour, **place)
    minutes, accuracies = zip(*CUDA_CONVNET, strict=True)
    label = "cuda-convnet, on a GPU"
    axes.plot(minutes, accuracies, "s", color=COLOURS["cuda-convnet"], label=label)
    axes.set_xscale("log")
    axes.set_xticks([0.5, 1, 2, 5, 10, 20, 50, 100])
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set(xlabel="minutes since the command was typed", ylabel="test accuracy", ylim=(0.5, 0.95))
    axes.grid(True)
    axes.legend(loc="lower right")
    return figure
