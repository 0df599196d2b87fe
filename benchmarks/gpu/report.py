"""What benchmarks.gpu found: a line for each stage, the tables in Markdown, the chart."""

import statistics
from pathlib import Path

from benchmarks.gpu.measurements import MODES
from minialex import figures
from minialex.files import atomic_write

COLOURS = {"minialex": "#c44e52", "eager": "#b8c4d6", "channels_last": "#8fa3bf"}


def line(name: str, result: dict) -> str:
    """How a stage ended, in one line."""
    seconds = f" ({result['seconds']} s)" if "seconds" in result else ""
    for key in ("error", "left out"):
        if key in result:
            return f"{name}: {key}: {result[key]}{seconds}"
    return f"{name}: done{seconds}"


def text(results: dict) -> str:
    """All tables, in Markdown."""
    parts = ["\n".join(f"- {line(name, result)}" for name, result in results.items())]
    for name, table in TABLES.items():
        if results.get(name, {}).keys() - {"error", "left out", "seconds"}:
            parts += [f"## {name.capitalize()}", table(results[name])]
    return "\n\n".join(part for part in parts if part)


def markdown(head: list[str], rows: list[list[str]], words: int = 1) -> str:
    """A table; all columns but the first `words` are numbers."""
    rule = ["---"] * words + ["---:"] * (len(head) - words)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, rule, *rows))


def versions(result: dict) -> str:
    """What the doctor found."""
    lines = [f"- {what}: {'; '.join(found)}" for what, found in result["doctor"].items()]
    cudnn = f", cuDNN {result['cudnn']}" if "cudnn" in result else ""
    lines.append(f"- PyTorch: {result['torch']}{cudnn}")
    return "\n".join(lines)


def tests(result: dict) -> str:
    """The counts, and which failed."""
    names = ("passed", "failed", "skipped", "errors")
    counts = ", ".join(f"{result[what]} {what}" for what in names)
    stopped = "" if result["all ran"] else "; stopped when their time was over"
    return "\n".join([counts + stopped, *(f"- {name}" for name in result["failures"])])


def losses(result: dict) -> str:
    """A column for each device and precision."""
    names = [name for name, found in result.items() if isinstance(found, list)]
    steps = zip(*(result[name] for name in names), strict=True)
    rows = [[str(i), *(f"{loss:.8f}" for loss in each)] for i, each in enumerate(steps, 1)]
    return markdown(["step", *names], rows)


def training(result: dict) -> str:
    """The default run in a sentence."""
    rate = f"{result['images_per_second']:,.0f} pictures per second"
    return f"{result['run']:.1f} s, {result['test_accuracy']:.2%} right, {rate}"


def resume(result: dict) -> str:
    """How far resumed runs are from one on the CPU."""
    return "\n".join(
        f"- {name}: two steps later weights differ from the CPU's by {apart:.2g} of their size"
        for name, apart in result.items()
        if " to " in name
    )


def speed(result: dict) -> str:
    """Pictures per second, the ratio to PyTorch's best mode, and memory."""
    head = [
        "net",
        "batch",
        "step",
        "products",
        "minialex",
        *MODES,
        "ratio",
        "eager's",
        "MB",
        "MB eager",
    ]
    rows = [row for row in result["rows"] if "error" not in row]
    return markdown(head, [speed_cells(row) for row in rows], words=4)


def speed_cells(row: dict) -> list[str]:
    """A measurement's cells."""
    seconds = row["seconds"]
    peers = [name for name in MODES if name in seconds]
    rates = [
        f"{row['batch_size'] / statistics.median(seconds[name]):,.0f}" if name in seconds else "–"
        for name in ("minialex", *MODES)
    ]
    best = min(peers, key=lambda name: statistics.median(seconds[name]), default=None)
    ratios = [f"{ratio(seconds, name):.2f}" if name in seconds else "–" for name in (best, "eager")]
    memory = [
        f"{row['memory_mb'][n]:,.0f}" if n in peers or n == "minialex" else "–"
        for n in ("minialex", "eager")
    ]
    products = "TF32" if row["tf32"] else "float32"
    return [row["model"], str(row["batch_size"]), row["what"], products, *rates, *ratios, *memory]


def ratio(seconds: dict[str, list[float]], other: str) -> float:
    """The time of `other` divided by minialex's, the median over the rounds."""
    pairs = zip(seconds[other], seconds["minialex"], strict=True)
    return statistics.median(theirs / ours for theirs, ours in pairs)


def layers(result: dict) -> str:
    """The ten costliest passes of each net."""
    parts = [
        f"The card copies {result['TB/s']:.2f} TB/s and multiplies {result['TFLOP/s']:.1f} TFLOP/s."
    ]
    for model, rows in result.items():
        if isinstance(rows, list):
            cells = [[row["layer"], f"{row['ms']:.3f}", f"{row['floor']:.0%}"] for row in rows[:10]]
            parts.append(markdown([model, "ms", "floor"], cells))
    return "\n\n".join(parts)


def kernels(result: dict) -> str:
    """Launches, idle time and the costliest kernels of each net."""
    parts = []
    for model, found in result.items():
        if isinstance(found, dict) and "costliest" in found:
            step = f"{model}: {found['kernels']:.0f} kernels in {found['ms']:.2f} ms"
            parts.append(f"{step}, {found['idle']:.0%} of which the GPU idles between them.")
            cells = [
                [
                    f"`{row['kernel']}`",
                    f"{row['calls']:g}",
                    f"{row['ms']:.3f}",
                    f"{row['share']:.0%}",
                    "–" if row["floor"] is None else f"{row['floor']:.0%}",
                ]
                for row in found["costliest"]
            ]
            parts.append(markdown(["kernel", "calls", "ms", "share", "floor"], cells))
    return "\n\n".join(parts)


def pipeline(result: dict) -> str:
    """The pipeline in a sentence."""
    pictures = f"{result['images/s']:,.0f} pictures of {result['side']}×{result['side']}"
    return f"{pictures} per second reach the GPU; a batch is copied at {result['GB/s']:.1f} GB/s"


def recipes(result: dict) -> str:
    """The recipes, a line each."""
    return "\n".join(
        f"- {name}: {found['run']:.1f} s, {found['test_accuracy']:.2%} right"
        for name, found in result.items()
        if isinstance(found, dict)
    )


TABLES = {
    "versions": versions,
    "tests": tests,
    "losses": losses,
    "training": training,
    "resume": resume,
    "speed": speed,
    "layers": layers,
    "kernels": kernels,
    "pipeline": pipeline,
    "recipes": recipes,
}


def draw(results: dict, path: Path) -> None:
    """Draws training in float32 beside PyTorch, if that was measured."""
    rows = [
        row
        for row in results.get("speed", {}).get("rows", [])
        if row["what"] == "train" and not row["tf32"] and "error" not in row
    ]
    if rows:
        with atomic_write(path) as file:
            file.write_bytes(chart(rows))


@figures.drawing
def chart(rows: list[dict]):
    """Bars of pictures per second: a group for each net and batch."""
    figure = figures.new_figure(8, 1.2 + 0.75 * len(rows))
    axes = figure.subplots()
    names = [name for name in COLOURS if any(name in row["seconds"] for row in rows)]
    height = 0.8 / len(names)
    for k, name in enumerate(names):
        rates = [row["batch_size"] / statistics.median(row["seconds"][name]) for row in rows]
        places = [i + (k - (len(names) - 1) / 2) * height for i in range(len(rows))]
        bars = axes.barh(places, rates, height, color=COLOURS[name], label=name)
        axes.bar_label(bars, [f"{rate:,.0f}" for rate in rates], padding=3, fontsize=8)
    axes.set_yticks(
        range(len(rows)), [f"{row['model']}\n{row['batch_size']} pictures" for row in rows]
    )
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel("pictures per second in training, float32")
    axes.legend(loc="lower right")
    return figure
