"""python -m benchmarks.speed: minialex against PyTorch on the same nets, in one process, in turn.

For each model and batch size, PyTorch's twin of the net is built in each of PyTorch's modes and
must give the same logits. Then all contenders, and a large matrix product as the machine's
yardstick, are timed round by round. Peak memory is measured separately, each contender in a process
of its own. Every measured time goes into results.json.
"""

import argparse
import gc
import itertools
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy

from benchmarks import layers, peak_memory, speed_table
from benchmarks.machine import describe, machine
from benchmarks.measure import (
    HOST,
    LEARNING_RATE,
    WHAT,
    DeviceClock,
    Gemm,
    Minialex,
    Plain,
    flops,
    random_batch,
    take_turns,
)
from benchmarks.peers import Peer, check_agreement, import_torch
from benchmarks.speed_options import new_folder, options
from minialex import backend, fast, models, optim
from minialex.batch_memory import check_answers, check_training, of_training
from minialex.command import run
from minialex.distributed.group import ALONE
from minialex.distributed.part import Part
from minialex.distributed.scheme import ONE_PROCESS
from minialex.errors import InputError
from minialex.files import atomic_write
from minialex.network import Network


def main(arguments: Sequence[str]) -> None:
    given = options(arguments)
    if given.layers and given.xp is not numpy:
        raise InputError(
            f"--layers times layers on the CPU only, got --backend {given.backend}: leave it out"
        )
    if given.layers:
        path = new_folder(given.out, "speed") / "layers.json"
        layers.measure(
            given.layers, given.batch_sizes, given.threads, given.rounds, given.algorithm, path
        )
        print(f"written to {path}")
        return
    torch = import_torch()
    if given.xp is not numpy:
        if not torch.cuda.is_available():
            raise InputError(
                "--backend cupy needs PyTorch with CUDA: the one installed finds no GPU"
            )
        given.no_memory = True  # it would be the host's memory, not the card's
    out = new_folder(given.out, "speed")
    found = machine(given.threads, torch.__version__, given.xp)
    print(describe(found), flush=True)
    asked = {name: str(value) for name, value in vars(given).items() if name != "xp"}
    results = {"machine": found, "options": asked, "rows": []}
    for model, batch_size in itertools.product(given.models, given.batch_sizes):
        rows = []
        for row in timed(model, batch_size, given):
            rows.append(row)
            results["rows"].append(row)
            save(results, out)  # at once: an interrupted measurement keeps what it has
            print(progress(row), flush=True)
        for row in [] if given.no_memory else rows:
            row["memory_mb"] = memory(row, given)
            save(results, out)
    speed_table.draw_chart(results["rows"], out / "speed.png")
    print(f"\n{speed_table.table(results['rows'])}\n\nwritten to {out}: results.json, speed.png")


def timed(model: str, batch_size: int, given: argparse.Namespace) -> Iterator[dict]:
    """Yields a row of results for each of given.what.

    All contenders start from the same weights and see the same batch.
    """
    network = models.build(model, rng=numpy.random.default_rng(0))
    if given.xp is numpy:
        check_fit(network, batch_size, given)
    batch = random_batch(network, batch_size)
    contenders, differences = line_up(network, batch, given)
    gemm, clock = (
        Gemm(given.threads, given.xp),
        HOST if given.xp is numpy else DeviceClock(given.xp),
    )
    for what in given.what:
        steps = {name: getattr(contender, WHAT[what]) for name, contender in contenders.items()}
        steps["gemm"] = gemm.multiply
        for step in 2 * list(steps.values()):  # warm-up: memory is mapped, torch.compile compiles
            step()
        seconds = take_turns(
            steps, given.rounds, given.seconds, f"{model}, batch {batch_size}, {what}", clock
        )
        for name in contenders if what == "train" else ():
            loss = float(steps[name]())
            if not math.isfinite(loss):
                raise InputError(
                    f"{model}, batch {batch_size}: expected a finite loss from {name}, got {loss}: "
                    "its times mean nothing"
                )
        products = seconds.pop("gemm")
        yield {
            **dict(model=model, batch_size=batch_size, what=what, algorithm=given.algorithm),
            "flops_per_image": flops(network, what),
            "seconds": seconds,
            "gemm_gflops": [Gemm.FLOPS / 1e9 / s for s in products],
            "logits_differ_by": differences,
        }
        del steps
    del contenders
    gc.collect()


def check_fit(network: Network, batch_size: int, given: argparse.Namespace) -> None:
    """InputError if minialex alone would need more memory than there is."""
    engine = fast.prepare(network, given.threads)
    if "train" in given.what:
        needed = of_training(engine, optim.SGD, Part(network, ONE_PROCESS))
        check_training(needed, batch_size, ALONE)
    else:
        check_answers(engine, batch_size)


def line_up(
    network: Network, batch: tuple[numpy.ndarray, numpy.ndarray], given: argparse.Namespace
) -> tuple[dict, dict]:
    """minialex and PyTorch in each mode, by name, and how much each mode's logits differ.

    Where torch.compile finds no compiler, that mode is removed from given.modes and a line says so.
    """
    common = (network, *batch, given.threads, LEARNING_RATE)
    ours, differences = Minialex(*common, given.xp, given.algorithm), {}
    contenders, logits = {"minialex": ours}, backend.to_host(ours.infer())
    if given.plain:
        contenders["plain"] = Plain(*common)
    device = "cpu" if given.xp is numpy else "cuda"
    for mode in given.modes:
        peer = Peer(mode, network, *batch, given.threads, LEARNING_RATE, device)
        try:
            theirs = peer.infer().cpu().numpy()
        except Exception as error:  # whatever the compiler's absence looks like
            if mode != "compile" or len(given.modes) == 1:
                raise InputError(f"PyTorch cannot run this net, mode {mode}: {error}") from error
            reason = " ".join(str(error).split())[:200]
            print(f"leaving out torch.compile, which does not work here: {reason}")
            given.modes = tuple(name for name in given.modes if name != "compile")
            continue
        differences[mode] = check_agreement(logits, theirs, f"PyTorch {mode}")
        contenders[mode] = peer
    return contenders, differences


def memory(row: dict, given: argparse.Namespace) -> dict[str, int | None]:
    """The peak memory of each of the row's contenders, in MB.

    Where it cannot be measured it is None, and a line says why.
    """
    result = {}
    for name in row["seconds"]:
        of_row = {key: row[key] for key in ("model", "batch_size", "what", "algorithm")}
        result[name], problem = peak_memory.in_own_process(name, threads=given.threads, **of_row)
        if problem:
            print(f"no peak memory of {name}: {problem}")
    return result


def progress(row: dict) -> str:
    """One line about a row that has just been measured."""
    rates = ", ".join(
        f"{name} {speed_table.brief(speed_table.rate(row, name))}" for name in row["seconds"]
    )
    return f"{row['model']}, batch {row['batch_size']}, {row['what']}: {rates} images/s"


def save(results: dict, out: Path) -> None:
    with atomic_write(out / "results.json") as file:
        file.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
