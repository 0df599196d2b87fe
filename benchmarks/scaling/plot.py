"""The chart of what was measured and of what the model says."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from benchmarks.scaling.measured_tables import faster, modelled
from benchmarks.scaling.predicted_tables import BATCH, EACH, Cluster, clusters, what
from benchmarks.scaling.predictions import ENOUGH, allowed
from minialex.distributed.scheme import SCHEMES
from minialex.figures import drawing, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = dict(zip(SCHEMES, ("#c44e52", "#6680a6", "#d49a3a"), strict=True))

#: The links that are drawn, of each kind of cluster.
STYLES = {
    "cpu": {"1 Gbit/s": ":", "10 Gbit/s": "-", "100 Gbit/s": "--"},
    "gpu": {"InfiniBand 100": ":", "InfiniBand 400": "-"},
}


@drawing
def chart(results: dict) -> Figure:
    """What was measured at the top left; then, modelled, speed-up on one batch and efficiency on a
    growing one for CPUs, and speed-up for GPUs if their work has been counted."""
    figure = new_figure(11, 8.6)
    (measured, first), (second, third) = figure.subplots(2, 2)
    draw_measured(measured, results)
    cpu, *others = clusters(results)
    draw_speedup(first, cpu)
    draw_efficiency(second, cpu)
    if others:
        draw_speedup(third, others[0])
    else:
        third.axis("off")
    for scheme, colour in COLOURS.items():
        measured.plot([], [], "s", color=colour, label=scheme)
    handles = measured.get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=len(SCHEMES) + 1)
    return figure


def draw_measured(axes: Axes, results: dict) -> None:
    """For each net and number of ranks, how many times as fast they are as one process."""
    groups: dict[tuple[str, int], list[dict]] = {}
    for row in results["steps"]:
        groups.setdefault((row["model"], row["ranks"]), []).append(row)
    for place, rows in enumerate(groups.values()):
        for i, row in enumerate(rows):
            draw_bar(axes, place + 0.26 * (i - (len(rows) - 1) / 2), row, results)
    axes.axhline(1, color="black", linewidth=0.8, linestyle="--", zorder=0.5)
    axes.set_xticks(range(len(groups)), [str(ranks) for _, ranks in groups])
    for model in dict.fromkeys(model for model, _ in groups):
        places = [place for place, (name, _) in enumerate(groups) if name == model]
        middle = statistics.mean(places), -0.1
        under = axes.get_xaxis_transform()
        axes.text(*middle, model, transform=under, ha="center", va="top", fontsize=9)
    axes.set_xlabel("ranks", labelpad=20)
    axes.plot([], [], color="black", linewidth=2, label="the model's figure")
    cores, batch = results["machine"]["threads"], results["steps"][0]["batch_size"]
    axes.set(
        title=f"Measured: ranks of one thread on {cores} cores,\n{batch} pictures in a step",
        ylabel="speed, one process with as many threads = 1",
    )


def draw_bar(axes: Axes, place: float, row: dict, results: dict) -> None:
    """The median, a line from quartile to quartile, and the model's figure."""
    ratios = faster(row)
    axes.bar(place, statistics.median(ratios), 0.24, color=COLOURS[row["scheme"]])
    if len(ratios) > 1:
        low, _, high = statistics.quantiles(ratios, n=4, method="inclusive")
        axes.vlines(place, low, high, color="#444444", linewidth=1)
    expected = statistics.median(row["seconds"]["alone"]) / modelled(results, row)[0]
    axes.hlines(expected, place - 0.12, place + 0.12, color="black", linewidth=2)


def draw_speedup(axes: Axes, cluster: Cluster) -> None:
    """On one batch."""
    draw(axes, cluster, cluster.predictions.speedup, lambda ranks: BATCH)
    counts = allowed("data", 1024)
    axes.plot(counts, counts, color="#999999", linewidth=0.8)
    axes.set_yscale("log", base=2)
    axes.set(
        title=f"Modelled: {what(cluster)},\n{BATCH:,} pictures in a step",
        ylabel="times as fast as one rank",
        ylim=(0.5, 1024),
    )
    axes.yaxis.set_major_formatter("{x:g}")


def draw_efficiency(axes: Axes, cluster: Cluster) -> None:
    """On a batch that grows with the ranks."""
    from matplotlib.ticker import PercentFormatter

    draw(axes, cluster, cluster.predictions.efficiency, lambda ranks: EACH * ranks)
    axes.axhline(ENOUGH, color="#999999", linewidth=0.8)
    axes.set(
        title=f"Modelled: {what(cluster)},\n{EACH} pictures a rank",
        ylabel="share of the work not lost",
        ylim=(0, 1.05),
    )
    axes.yaxis.set_major_formatter(PercentFormatter(1))


def draw(axes: Axes, cluster: Cluster, predict, batch_size) -> None:
    """A line for each scheme and link, over the ranks."""
    for scheme, colour in COLOURS.items():
        for name, style in STYLES[cluster.kind].items():
            counts = allowed(scheme, 1024)
            values = [predict(scheme, k, batch_size(k), cluster.links[name]) for k in counts]
            axes.plot(counts, values, style, color=colour, linewidth=1.5)
    for name, style in STYLES[cluster.kind].items():
        axes.plot([], [], style, color="#555555", label=name)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set(xlabel="ranks")
    axes.grid(True)
    axes.legend()
