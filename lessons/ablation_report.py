"""What the runs of ablations.py show: a table with the paper's claims, and a figure."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from minialex.figures import new_figure
from minialex.files import atomic_write

#: The name of the net that has everything, in results and tables.
COMPLETE = "nothing"


@dataclass(frozen=True)
class Ablation:
    """One thing taken out of the net, what takes its place, and what was known.

    claim: the paper's, with its section.
    original: by how many points top-1 error on ImageNet rises without it in the ablations that came
    with the original program (40.66% with everything); None if it was not among them.
    """

    thing: str
    instead: str
    claim: str
    original: float | None = None


ABLATIONS = {
    "relu": Ablation(
        "ReLU",
        "tanh",
        "six times faster than tanh to 25% training error on CIFAR-10 (3.1)",
    ),
    "lrn": Ablation(
        "LRN", "–", "CIFAR-10: 13% error without, 11% with; ImageNet: 1.4 points (3.3)", 1.3
    ),
    "overlap": Ablation(
        "overlapping pools",
        "2×2 pools",
        "0.4 points more error without, and slightly more overfitting (3.4)",
        0.4,
    ),
    "dropout": Ablation(
        "dropout", "–", "substantial overfitting without, in half the iterations (4.2)"
    ),
    "augmentation": Ablation("augmentation", "–", "substantial overfitting without (4.1)"),
}

#: Student's t for a 95% confidence interval of the mean, by the number of seeds; 2.2 beyond these.
T95 = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78, 6: 2.57, 7: 2.45, 8: 2.36, 9: 2.31, 10: 2.26}


def errors(results: list[dict], without: str, split: str = "test") -> dict[int, float]:
    """The error in percent of each run of a kind, by its seed."""
    return {
        result["seed"]: result[f"{split}_error"]
        for result in results
        if result["without"] == without
    }


def differences(results: list[dict], without: str) -> list[float]:
    """Test error without a thing minus that with everything, in points, per seed that has both."""
    lacking, complete = errors(results, without), errors(results, COMPLETE)
    return [lacking[seed] - complete[seed] for seed in sorted(lacking.keys() & complete.keys())]


def mean_losses(results: list[dict], without: str) -> list[float]:
    """The training loss of each epoch, averaged over the seeds."""
    runs = [result["losses"] for result in results if result["without"] == without]
    return [statistics.fmean(losses) for losses in zip(*runs, strict=True)]


def standard_error(values: Sequence[float]) -> float:
    """The standard error of the mean of these values; NaN if there is only one."""
    return statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan


def reach(values: Sequence[float]) -> float:
    """Half the width of the 95% confidence interval of the mean; NaN if there is only one value."""
    return T95.get(len(values), 2.2) * standard_error(values)


def shown(values: Sequence[float], sign: str = "") -> str:
    """The mean of these values ± its standard error, "36.1 ± 0.2"; `sign` "+" shows a plus, too."""
    mean = f"{statistics.fmean(values):{sign}.1f}"
    return f"{mean} ± {standard_error(values):.1f}" if len(values) > 1 else mean


def verdict(values: Sequence[float]) -> str:
    """What the differences over the seeds say about the claim that the error is larger without."""
    if len(values) < 2:
        return "one seed proves nothing"
    if abs(statistics.fmean(values)) <= reach(values):
        return "may be chance"
    return "worse, as the paper says" if statistics.fmean(values) > 0 else "better, at this scale"


def rows(results: list[dict], kinds: Sequence[str]) -> list[tuple[str, ...]]:
    """A row for each kind of net: taken out, instead, both errors, difference, verdict.

    The difference and the verdict are empty for the net that has everything.
    """
    lines = []
    for kind in (COMPLETE, *kinds):
        train, test = (
            shown(list(errors(results, kind, split).values())) for split in ("train", "test")
        )
        compared = differences(results, kind)
        if kind == COMPLETE:
            lines.append((kind, "", train, test, "", ""))
        else:
            thing, instead = ABLATIONS[kind].thing, ABLATIONS[kind].instead
            lines.append((thing, instead, train, test, shown(compared, "+"), verdict(compared)))
    return lines


def report(results: list[dict], kinds: Sequence[str]) -> str:
    """The table, at most 80 columns wide, then each of the paper's claims beside the result."""
    seeds = len(errors(results, COMPLETE))
    form = "{:<19}{:<11}{:>14}{:>16}{:>18}"
    lines = [
        form.format("", "", "training", "test", "difference in").rstrip(),
        form.format("taken out", "instead", "error, %", "error, %", "test error"),
        "─" * 78,
        *(form.format(*row[:5]).rstrip() for row in rows(results, kinds)),
        "",
        f"Means over {seeds} seed{'s' * (seeds > 1)} ± their standard error. "
        "Differences are between nets with",
        "the same seed, which start from the same weights and see the same pictures.",
    ]
    for kind, row in zip(kinds, rows(results, kinds)[1:], strict=True):
        original = ABLATIONS[kind].original
        measured = f"{original:+} points of top-1 error on ImageNet" if original else "not measured"
        lines += [
            f"\n{row[0]}",
            f"  the paper    {ABLATIONS[kind].claim}",
            f"  its program  {measured}",
            f"  here         {row[4]} points: {row[5]}",
            *([f"               {head_start(results)}"] if kind == "relu" else []),
        ]
    return "\n".join(lines)


def markdown(results: list[dict], kinds: Sequence[str]) -> str:
    """The same as one Markdown table."""
    lines = [
        "| taken out | the paper | its program, ImageNet top-1 | training error, % "
        "| test error, % | difference | verdict |",
        "|---|---|---:|---:|---:|---:|---|",
    ]
    for kind, (thing, instead, *figures) in zip(
        (COMPLETE, *kinds), rows(results, kinds), strict=True
    ):
        claim, original = "", "40.66%"
        if kind != COMPLETE:
            claim, original = ABLATIONS[kind].claim, ABLATIONS[kind].original
            original = "–" if original is None else f"{original:+}"
        name = f"{thing} ({instead} instead)" if instead not in ("", "–") else thing
        lines.append(f"| {' | '.join([name, claim, original, *figures])} |")
    return "\n".join(lines) + "\n"


def head_start(results: list[dict]) -> str:
    """After how many epochs ReLU's training loss is as low as tanh's is at the end."""
    fast, slow = mean_losses(results, COMPLETE), mean_losses(results, "relu")
    end = f"tanh's final training loss, {slow[-1]:.2f}, in"
    epochs = next((epoch for epoch, loss in enumerate(fast, 1) if loss <= slow[-1]), None)
    if epochs is None:
        return f"ReLU never reaches {end} {len(slow)} epochs"
    return f"ReLU reaches {end} {epochs} of {len(slow)} epochs"


def draw(results: list[dict], kinds: Sequence[str], path: Path) -> None:
    """Draws a PNG: the differences of all seeds with 95% intervals, and the training losses."""
    figure = new_figure(11, 4.2)
    left, right = figure.subplots(1, 2)
    names = {COMPLETE: "with everything"} | {
        kind: f"without {ABLATIONS[kind].thing}" for kind in kinds
    }
    for place, kind in enumerate(kinds, 1):
        compared, colour = differences(results, kind), f"C{place}"
        left.errorbar(
            statistics.fmean(compared),
            place,
            xerr=reach(compared),
            fmt="o",
            color=colour,
            capsize=4,
        )
        left.plot(compared, [place - 0.2] * len(compared), "o", color=colour, markersize=3)
    left.axvline(0, color="C0")
    left.set_yticks(range(1, len(kinds) + 1), [names[kind] for kind in kinds])
    left.invert_yaxis()
    left.set(
        title="Test error without, minus with",
        xlabel="points; small dots: single seeds, bars: 95% interval of the mean",
    )
    for kind, name in names.items():
        losses = mean_losses(results, kind)
        right.plot(range(1, len(losses) + 1), losses, label=name)
    right.set(title="Training loss, mean over the seeds", xlabel="epoch", ylabel="loss")
    right.legend()
    for axes in (left, right):
        axes.grid(alpha=0.3)
    with atomic_write(path) as file:
        figure.savefig(file, format="png", dpi=120)
