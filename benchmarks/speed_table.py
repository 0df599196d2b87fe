"""python -m benchmarks.speed_table FILE…: table and chart of what benchmarks.speed measured.

Several files are merged, so that a long measurement can be made in parts; if two of them have the
same row, the later file counts.
"""

import json
import statistics
from collections.abc import Sequence
from pathlib import Path

from benchmarks.machine import describe
from benchmarks.peers import MODES
from minialex.command import Parser, run
from minialex.errors import InputError
from minialex.figures import new_figure

EXAMPLES = """\
  python -m benchmarks.speed_table runs/speed/results.json
  python -m benchmarks.speed_table runs/speed/results.json runs/speed-2/results.json --markdown
  python -m benchmarks.speed_table runs/speed/results.json --chart speed.png
"""

TITLES = {"train": "Training step (forward, loss, backward, update)", "infer": "Inference"}
LEGEND = """\
c_last   PyTorch in channels_last
ratio    time of PyTorch's best mode / minialex's: median and range over rounds
GEMM     minialex's FLOP/s (counted as direct convolution) / a large product's
GB       peak memory of a process with minialex / with PyTorch eager"""

#: The chart's bars.
COLOURS = {
    "minialex": "#c44e52",
    "plain": "#e3b1a8",
    "eager": "#b8c4d6",
    "channels_last": "#8fa3bf",
    "compile": "#6680a6",
}
LABELS = {"minialex": "minialex", "plain": "minialex, the layers as they are read"}


def main(arguments: Sequence[str]) -> None:
    parser = Parser("speed_table", "Shows what benchmarks.speed measured.", EXAMPLES)
    parser.prog = "python -m benchmarks.speed_table"
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="results.json of a measurement"
    )
    parser.add_argument("--markdown", action="store_true", help="the table in Markdown")
    parser.add_argument(
        "--chart", type=Path, metavar="PNG", help="draws the bar chart into this file"
    )
    given = parser.parse_args(arguments)
    machines, rows = load(given.files)
    print("\n".join(map(describe, machines)), end="\n\n")
    print(markdown(rows) if given.markdown else table(rows))
    if given.chart:
        draw_chart(rows, given.chart)


def load(files: Sequence[Path]) -> tuple[list[dict], list[dict]]:
    """The machines, each once, and the rows of all `files`.

    InputError for a file that does not exist or holds no measurement.
    """
    machines, rows = [], {}
    for file in files:
        try:
            results = json.loads(file.read_text(encoding="utf-8"))
            machine, measured = results["machine"], results["rows"]
            describe(machine), list(map(cells, measured))  # both fail where something is missing
            machines += [machine] if machine not in machines else []
            rows |= {(row["model"], row["batch_size"], row["what"]): row for row in measured}
        except FileNotFoundError:
            raise InputError(f"there is no file {file}") from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"{file} holds no measurement of benchmarks.speed ({type(error).__name__}: {error})"
            ) from None
    return machines, list(rows.values())


def rate(row: dict, contender: str) -> float:
    """Pictures per second in the median round."""
    return row["batch_size"] / statistics.median(row["seconds"][contender])


def best_mode(row: dict) -> str:
    """PyTorch's fastest mode, by the median."""
    return min(
        (mode for mode in MODES if mode in row["seconds"]),
        key=lambda mode: statistics.median(row["seconds"][mode]),
    )


def ratios(row: dict, contender: str = "minialex") -> list[float]:
    """How many times as fast as PyTorch's best mode the contender was in each round."""
    pairs = zip(row["seconds"][best_mode(row)], row["seconds"][contender], strict=True)
    return [best / its for best, its in pairs]


def gemm_share(row: dict) -> float:
    """minialex's FLOP/s, counted as direct convolution, relative to a large matrix product's.

    Winograd convolution can take it above 1.
    """
    gflops = rate(row, "minialex") * row["flops_per_image"] / 1e9
    return gflops / statistics.median(row["gemm_gflops"])


def memory(row: dict, contender: str) -> float | None:
    """Peak memory in MB, or None where it was not measured."""
    return row.get("memory_mb", {}).get(contender)


def brief(number: float | None, whole_from: float = 100) -> str:
    """A number in a few characters: one decimal below `whole_from`, else none."""
    return "–" if number is None else f"{number:.{1 if number < whole_from - 0.05 else 0}f}"


def times(ratio: float) -> str:
    """A ratio in four characters."""
    return f"{ratio:.{2 if ratio < 9.995 else 1}f}"


def cells(row: dict) -> list[str]:
    """The row's figures as text.

    Rates of minialex and of each mode, ratio, range of the ratio, share of the GEMM rate.
    """
    rates = [
        brief(rate(row, name) if name in row["seconds"] else None) for name in ("minialex", *MODES)
    ]
    each = ratios(row)
    return [
        *rates,
        times(statistics.median(each)),
        f"{times(min(each))}–{times(max(each))}",
        f"{gemm_share(row):.0%}",
    ]


def table(rows: Sequence[dict]) -> str:
    """The rows as text of at most 80 columns, training first, then inference, and a legend."""
    form = "{:<14}{:>5}{:>9}{:>7}{:>7}{:>8}{:>6}{:>11}{:>5}{:>8}"
    lines = []
    for what, title in TITLES.items():
        chosen = [row for row in rows if row["what"] == what]
        if not chosen:
            continue
        lines += [f"{title}, images/s", f"{'PyTorch':>42}"]
        lines.append(
            form.format(
                "model",
                "batch",
                "minialex",
                "eager",
                "c_last",
                "compile",
                "ratio",
                "range",
                "GEMM",
                "GB",
            )
        )
        for row in chosen:
            megabytes = [memory(row, name) for name in ("minialex", "eager")]
            gigabytes = "/".join(brief(mb and mb / 1000, whole_from=10) for mb in megabytes)
            lines.append(form.format(row["model"], row["batch_size"], *cells(row), gigabytes))
        lines.append("")
    return "\n".join([*lines, LEGEND])


def markdown(rows: Sequence[dict]) -> str:
    """The same as Markdown tables, with the memory in MB."""
    heads = (
        "model",
        "batch",
        "minialex",
        *MODES,
        "ratio",
        "range",
        "GEMM",
        "MB minialex",
        "MB eager",
    )
    lines = []
    for what, title in TITLES.items():
        lines += [
            f"{title}, images/s:",
            "",
            f"| {' | '.join(heads)} |",
            "|---" + "|---:" * (len(heads) - 1) + "|",
        ]
        for row in rows:
            if row["what"] == what:
                megabytes = [str(memory(row, name) or "–") for name in ("minialex", "eager")]
                figures = [row["model"], str(row["batch_size"]), *cells(row), *megabytes]
                lines.append(f"| {' | '.join(figures)} |")
        lines.append("")
    return "\n".join(lines)


def draw_chart(rows: Sequence[dict], path: Path) -> None:
    """Draws the training speeds at the largest batch size, relative to PyTorch's best mode.

    Without rows of training it draws those of inference. path: the PNG file to write.
    """
    what = "train" if any(row["what"] == "train" for row in rows) else "infer"
    largest = max(row["batch_size"] for row in rows if row["what"] == what)
    chosen = [row for row in rows if (row["what"], row["batch_size"]) == (what, largest)]
    plain = ("plain",) * any("plain" in row["seconds"] for row in chosen)
    contenders = ("minialex", *plain, *MODES)
    width = 0.8 / len(contenders)
    figure = new_figure(10, 4.8)
    axes = figure.subplots()
    for place, name in enumerate(contenders):
        colour = COLOURS[name]
        shown = [(i, row) for i, row in enumerate(chosen) if name in row["seconds"]]
        heights = [statistics.median(ratios(row, name)) for _, row in shown]
        label = LABELS.get(name, f"PyTorch {name}")
        bars = axes.bar(
            [i + width * (place - (len(contenders) - 1) / 2) for i, _ in shown],
            heights,
            0.95 * width,
            label=label,
            color=colour,
        )
        # A white box hides the dashed line behind the figures.
        paper = dict(facecolor="white", edgecolor="none", pad=0.5)
        axes.bar_label(
            bars, [brief(rate(row, name)) for _, row in shown], fontsize=8, padding=2, bbox=paper
        )
        if name == "minialex":
            above = [f"{height:.2f}×" for height in heights]
            axes.bar_label(bars, above, fontsize=12, fontweight="bold", color=colour, padding=13)
    axes.axhline(1, color="black", linewidth=0.8, linestyle="--", zorder=0.5)
    axes.set_xticks(range(len(chosen)), [row["model"] for row in chosen])
    axes.set(
        ylabel="speed, PyTorch's best mode = 1",
        title=f"{TITLES[what]} at batch {largest}; above the bars: images/s",
    )
    axes.set_ylim(0, 1.15 * axes.get_ylim()[1])
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=len(contenders), frameon=False)
    figure.savefig(path, format="png", dpi=100)


if __name__ == "__main__":
    run(main)
