"""What the trainings of ablations.py say: a table, the paper's claims beside it, and a picture, all with their spread."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from minialex.files import atomic_write

#: The name of the net that has everything, in results and tables.
COMPLETE = "nothing"


@dataclass(frozen=True)
class Ablation:
    """One thing taken out of the net, what stands in its place, and what was known.

    claim: the paper's, with its section; original: by how many points top-1 error on ImageNet rises without it in the
    ablation that came with the original program (40.66% with everything), None where it has none.
    """

    thing: str
    instead: str
    claim: str
    original: float | None = None


ABLATIONS = {
    "relu": Ablation(
        "ReLU", "tanh", "25% training error on CIFAR-10 takes tanh six times as long (3.1)"
    ),
    "lrn": Ablation(
        "LRN", "–", "CIFAR-10: 13% error without, 11% with; ImageNet: 1.4 points (3.3)", 1.3
    ),
    "overlap": Ablation(
        "overlapping pools",
        "2×2 pools",
        "0.4 points more error without, and more overfitting (3.4)",
        0.4,
    ),
    "dropout": Ablation(
        "dropout", "–", "without it overfits, substantially, in half the iterations (4.2)"
    ),
    "augmentation": Ablation("augmentation", "–", "without it overfits, substantially (4.1)"),
}

#: Student's t for an interval that holds the true mean 95 times of 100, by the number of seeds; for more, 2.2 is enough.
T95 = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78, 6: 2.57, 7: 2.45, 8: 2.36, 9: 2.31, 10: 2.26}


def errors(results: list[dict], without: str, split: str = "test") -> dict[int, float]:
    """The error in percent of each training of a kind, by its seed."""
    return {
        result["seed"]: result[f"{split}_error"]
        for result in results
        if result["without"] == without
    }


def differences(results: list[dict], without: str) -> list[float]:
    """By how many points the test error is larger without a thing than with everything, for each seed that has both."""
    lacking, complete = errors(results, without), errors(results, COMPLETE)
    return [lacking[seed] - complete[seed] for seed in sorted(lacking.keys() & complete.keys())]


def mean_losses(results: list[dict], without: str) -> list[float]:
    """The training loss of each epoch, the mean over the seeds."""
    runs = [result["losses"] for result in results if result["without"] == without]
    return [statistics.fmean(losses) for losses in zip(*runs, strict=True)]


def standard_error(values: Sequence[float]) -> float:
    """Of the mean of these values; not a number where there is only one."""
    return statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan


def reach(values: Sequence[float]) -> float:
    """How far the 95% interval of the mean of these values goes to either side; not a number where there is only one."""
    return T95.get(len(values), 2.2) * standard_error(values)


def shown(values: Sequence[float], sign: str = "") -> str:
    """The mean of these values and its standard error, "36.1 ± 0.2"; with `sign` "+" a plus where it is positive."""
    mean = f"{statistics.fmean(values):{sign}.1f}"
    return f"{mean} ± {standard_error(values):.1f}" if len(values) > 1 else mean


def verdict(values: Sequence[float]) -> str:
    """What the differences over the seeds say: every claim is that the error is larger without the thing."""
    if len(values) < 2:
        return "one seed does not tell"
    if abs(statistics.fmean(values)) <= reach(values):
        return "no more than chance may give"
    return "worse, as the paper says" if statistics.fmean(values) > 0 else "better, at this scale"


def rows(results: list[dict], kinds: Sequence[str]) -> list[tuple[str, ...]]:
    """For each kind of net: what is taken out, what is there instead, training error, test error, difference, verdict."""
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
    """The table, at most 80 columns wide, then each of the paper's claims beside what came out."""
    seeds = len(errors(results, COMPLETE))
    form = "{:<19}{:<11}{:>14}{:>16}{:>18}"
    lines = [
        form.format("", "", "training", "test", "difference in").rstrip(),
        form.format("taken out", "instead", "error, %", "error, %", "test error"),
        "─" * 78,
        *(form.format(*row[:5]).rstrip() for row in rows(results, kinds)),
        "",
        f"Means over {seeds} seed{'s' * (seeds > 1)}, ± their standard error. A difference is between nets of the",
        "same seed, which start from the same weights and see the same pictures.",
    ]
    for kind, row in zip(kinds, rows(results, kinds)[1:], strict=True):
        original = ABLATIONS[kind].original
        lines += [
            f"\n{row[0]}",
            f"  the paper    {ABLATIONS[kind].claim}",
            f"  its program  {'not measured' if original is None else f'{original:+} points of top-1 error on ImageNet'}",
            f"  here         {row[4]} points: {row[5]}",
            *([f"               {head_start(results)}"] if kind == "relu" else []),
        ]
    return "\n".join(lines)


def markdown(results: list[dict], kinds: Sequence[str]) -> str:
    """The same as one Markdown table."""
    lines = [
        "| taken out | the paper | its program, ImageNet top-1 | training error, % | test error, % | difference | verdict |",
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
    """How soon the training loss with ReLU is where tanh ends."""
    fast, slow = mean_losses(results, COMPLETE), mean_losses(results, "relu")
    epochs = next((epoch for epoch, loss in enumerate(fast, 1) if loss <= slow[-1]), None)
    if epochs is None:
        return f"ReLU's training loss stays above tanh's, {slow[-1]:.2f} after {len(slow)} epochs"
    return (
        f"tanh's training loss after {len(slow)} epochs, {slow[-1]:.2f}, is ReLU's after {epochs}"
    )


def draw(results: list[dict], kinds: Sequence[str], path: Path) -> None:
    """Draws the differences, each seed's and the 95% interval of the mean, and the training losses, into a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.2), layout="constrained")
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
        xlabel="points; small dots: the seeds, bar: 95% interval of the mean",
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
