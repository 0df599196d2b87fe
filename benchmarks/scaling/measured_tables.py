"""Tables of what was measured, beside what the model says of it."""

import statistics
from collections.abc import Iterator, Sequence

from benchmarks.scaling.compute import Compute
from benchmarks.scaling.link import line, link
from benchmarks.scaling.predictions import Predictions
from benchmarks.table import Table


def tables(results: dict) -> Iterator[Table]:
    """All tables that `results` has the measurements for."""
    yield of_machine(results["machine"], results["options"])
    yield of_link(results["link"])
    yield of_batches(results["compute"])
    yield of_steps(results)
    if any("without sums" in row["seconds"] for row in results["steps"]):
        yield of_sums(results)
    if any("unbound" in row["seconds"] for row in results["steps"]):
        yield of_binding(results)


def of_machine(machine: dict, options: dict) -> Table:
    """What it was measured on."""
    about = ["date", "cpu", "threads", "numpy", "blas", "python"]
    head = ["measured on", "processor", "cores", "NumPy", "BLAS", "Python", "rounds"]
    rounds = "2" if options["quick"] == "True" else options["rounds"]
    rows = zip(head, [*(str(machine[name]) for name in about), rounds], strict=True)
    return Table("machine", "This machine", ["", ""], [*map(list, rows)], words=2)


def of_link(found: dict) -> Table:
    """Latency and bandwidth of messages, rounds of sums, and additions."""
    message, fitted = line(found["messages"]), link(found)
    rows = [
        ["a message, one at a time", micro(message.fixed), giga(message.each)],
        ["a round of a sum, both ways", micro(fitted.latency + fitted.own), giga(fitted.byte)],
        ["an addition", "–", giga(fitted.addition)],
    ]
    title = f"Between {found['ranks']} ranks on this machine, measured"
    return Table("link", title, ["", "latency, µs", "GB/s"], rows)


def of_batches(compute: dict) -> Table:
    """How many pictures a second a core trains on, with few and with many in a batch."""
    sizes = list(next(iter(compute.values()))["layers"])
    rows = []
    for model, found in compute.items():
        fitted = Compute.of(found)
        measured = [int(n) / step_seconds(found, n) for n in sizes]
        modelled = [int(n) / fitted.seconds(int(n), found["parameters"]) for n in sizes]
        rows.append([model, "measured", *map(rate, measured)])
        rows.append([model, "modelled", *map(rate, modelled)])
    title = "Pictures per second of a core while all cores compute, by pictures in a batch"
    return Table("batches", title, ["net", "", *map(grouped, sizes)], rows, words=2)


def step_seconds(found: dict, size: str) -> float:
    """The median seconds of all layers and of the update."""
    layers = found["layers"][size].values()
    median = statistics.median
    return sum(median(each) for ways in layers for each in ways) + median(found["update"])


def of_steps(results: dict) -> Table:
    """The steps on many ranks, and how many times as fast they are as one process."""
    rows = []
    for row in results["steps"]:
        rows.append(
            [
                *(row["model"], row["scheme"], str(row["ranks"])),
                with_quartiles([1000 * each for each in row["seconds"]["together"]], 0),
                f"{1000 * modelled(results, row)[0]:.0f}",
                with_quartiles(faster(row), 2),
            ]
        )
    head = ["net", "scheme", "ranks", "ms", "model", "as fast"]
    title = (
        f"Steps of {results['steps'][0]['batch_size']} pictures on ranks of one thread: median "
        "(quartiles), the model's figure, and how many times as fast as one process with as many "
        "threads as there are ranks"
    )
    return Table("steps", title, head, rows, words=2)


def faster(row: dict) -> list[float]:
    """How many times as fast as one process the ranks were in each round."""
    pairs = zip(row["seconds"]["alone"], row["seconds"]["together"], strict=True)
    return [alone / together for alone, together in pairs]


def of_sums(results: dict) -> Table:
    """What adding up gradients costs."""
    rows = []
    for row in results["steps"]:
        if "without sums" in row["seconds"]:
            pairs = zip(row["seconds"]["together"], row["seconds"]["without sums"], strict=True)
            seconds, without = modelled(results, row)
            measured = with_quartiles([one / other for one, other in pairs], 2)
            rows.append([row["model"], str(row["ranks"]), measured, f"{seconds / without:.2f}"])
    title = "Scheme data: time of a step / time of the same without sums, median (quartiles)"
    return Table("sums", title, ["net", "ranks", "measured", "model"], rows)


def of_binding(results: dict) -> Table:
    """What binding each rank to a core gains."""
    rows = []
    for row in results["steps"]:
        if "unbound" in row["seconds"]:
            pairs = zip(row["seconds"]["unbound"], row["seconds"]["together"], strict=True)
            measured = with_quartiles([unbound / bound for unbound, bound in pairs], 2)
            rows.append([row["model"], str(row["ranks"]), measured])
    title = "Scheme data: time of a step on ranks that may use all cores / on ranks bound to one"
    return Table("binding", title, ["net", "ranks", "measured"], rows)


def modelled(results: dict, row: dict) -> tuple[float, float]:
    """The model's seconds of a step on this machine, and those of computing and updating alone. Of
    more ranks than cores some wait for the others."""
    found = Predictions(row["model"], Compute.of(results["compute"][row["model"]]))
    step = found.step(row["scheme"], row["ranks"], row["batch_size"], link(results["link"]))
    slower = max(1.0, row["ranks"] / results["machine"]["threads"])
    own = slower * (step.compute + step.update)
    return own + step.exchange + step.wait, own


def with_quartiles(values: Sequence[float], digits: int) -> str:
    """The median and, in brackets, the quartiles."""
    low, middle, high = (
        statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else 3 * [*values]
    )
    return f"{middle:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def micro(seconds: float) -> str:
    return f"{1e6 * seconds:.1f}"


def giga(seconds_a_byte: float) -> str:
    return f"{1e-9 / seconds_a_byte:.1f}" if seconds_a_byte else "–"


def rate(number: float) -> str:
    return f"{number:.1f}" if number < 99.95 else f"{number:,.0f}"


def grouped(number: str | int) -> str:
    return f"{int(number):,}"
