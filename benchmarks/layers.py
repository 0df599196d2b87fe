"""python -m benchmarks.speed --layers MODEL: the time of a training step, layer by layer."""

import json
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import numpy
from threadpoolctl import threadpool_limits

from benchmarks.measure import Gemm, random_batch, seconds_a_call, set_algorithm
from minialex import fast, models
from minialex.files import atomic_write
from minialex.layers import SoftmaxCrossEntropy
from minialex.network import Network

FORM = "{:<12}{:>10}{:>10}{:>9}{:>11}{:>11}{:>8}{:>8}"


def measure(
    model: str, batch_sizes: Sequence[int], threads: int, rounds: int, algorithm: str, path: Path
) -> None:
    """Prints a table for each batch size and writes all figures to `path`.

    One thread with one BLAS thread works on its share of the batch, as each of an engine's threads
    does in the convolutional part; the other cores are idle.
    """
    tables = []
    for batch_size in batch_sizes:
        share = max(1, batch_size // threads)
        network = models.build(model, rng=numpy.random.default_rng(0))
        engine = fast.prepare(network)
        set_algorithm(engine, algorithm)
        with threadpool_limits(1, user_api="blas"):
            passes, gemm = (
                [time_layers(engine, *random_batch(network, share)) for _ in range(rounds + 1)][1:],
                Gemm(1),
            )
            gflops = (
                Gemm.FLOPS
                / 1e9
                / statistics.median(seconds_a_call(gemm.multiply, 0) for _ in range(rounds))
            )
        rows = summed(network, share, passes)
        print(
            f"{model}, {share} of {batch_size} pictures on one core, "
            f"large product: {gflops:.0f} GFLOP/s"
        )
        print_table(rows, gflops)
        tables.append(
            {
                "model": model,
                "batch_size": batch_size,
                "share": share,
                "gemm_gflops": gflops,
                "layers": rows,
            }
        )
        with atomic_write(path) as file:
            file.write_text(json.dumps(tables, indent=1) + "\n", encoding="utf-8")


def time_layers(
    engine: fast.Engine, x: numpy.ndarray, labels: numpy.ndarray
) -> dict[str, list[float]]:
    """For each layer, the seconds of forward and of backward in one training step on the batch."""
    seconds, loss = {}, SoftmaxCrossEntropy()
    engine.draw(x)
    names = [step.name for step in engine.steps]
    layers = dict(zip(names, [*engine.split[0], *engine.whole], strict=True))
    for name, layer in layers.items():
        start = time.perf_counter()
        x = layer.forward(x, True)
        seconds[name] = [time.perf_counter() - start]
    loss.forward(x, labels)
    dy = loss.backward()
    for name, layer in reversed(layers.items()):
        start = time.perf_counter()
        dy = layer.backward(dy)
        seconds[name].append(time.perf_counter() - start)
    return seconds


def summed(network: Network, share: int, passes: list[dict]) -> list[dict]:
    """One row for each layer and a last one for all of them together.

    A row has the median seconds of forward and of backward and the FLOPs of each, for `share`
    pictures, and the multiply-adds of one picture.
    """
    rows = []
    for i, (name, macs) in enumerate(network.macs().items()):
        forward, backward = (
            statistics.median(seconds[name][k] for seconds in passes) for k in (0, 1)
        )
        flops = [2 * share * macs, (2 if i == 0 else 4) * share * macs]
        rows.append({"name": name, "macs": macs, "seconds": [forward, backward], "flops": flops})
    total = {
        key: [sum(row[key][k] for row in rows) for k in (0, 1)] for key in ("seconds", "flops")
    }
    return [*rows, {"name": "all", "macs": sum(row["macs"] for row in rows), **total}]


def print_table(rows: list[dict], gemm_gflops: float) -> None:
    """Prints milliseconds, multiply-adds per picture, GFLOP/s, and the share of the GEMM rate.

    The last is for forward and backward together.
    """
    print(FORM.format("layer", "forward", "backward", "share", "multiply-", "GFLOP/s", "", "of"))
    print(FORM.format("", "ms", "ms", "of time", "adds, M", "forward", "back", "GEMM"))
    for row in rows:
        (forward, backward), both = row["seconds"], sum(row["seconds"])
        figures = [
            f"{1e3 * forward:.1f}",
            f"{1e3 * backward:.1f}",
            f"{both / sum(rows[-1]['seconds']):.1%}",
        ]
        if row["macs"]:
            rates = [
                work / 1e9 / seconds
                for work, seconds in zip(row["flops"], row["seconds"], strict=True)
            ]
            share = sum(row["flops"]) / 1e9 / both / gemm_gflops
            figures += [
                f"{row['macs'] / 1e6:.1f}",
                *(f"{rate:.0f}" for rate in rates),
                f"{share:.0%}",
            ]
        print(FORM.format(row["name"], *figures, *[""] * (7 - len(figures))).rstrip())
    print()
