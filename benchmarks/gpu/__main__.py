"""python -m benchmarks.gpu: is minialex right on this GPU, how fast is it, and beside PyTorch?

Runs every stage for which there is time, the most important first, each in a process of its own,
and writes what it finds to results.json at once: a stop half-way loses nothing. A stage that fails,
crashes or hangs is recorded as such, and the next one runs on a GPU that knows nothing of it.

Needs CuPy; what needs PyTorch or pytest is left out where they are missing.
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType

from benchmarks.gpu import checks, measurements, profile, report
from benchmarks.speed_options import new_folder, sizes, some_of
from minialex import backend, models
from minialex.command import Parser, number, run
from minialex.errors import InputError
from minialex.files import atomic_write

EXAMPLES = """\
  python -m benchmarks.gpu
      about twelve minutes; results in a new folder in runs/
  python -m benchmarks.gpu --minutes 5 --out docs/gpu/h100
  python -m benchmarks.gpu --only speed --models alexnet-cifar
"""

MODELS = ("alexnet", "alexnet-224", "alexnet-owt", "alexnet-cifar")

#: In the order in which they run, with the seconds that each is given of twelve minutes.
STAGES = {
    "versions": (checks.versions, 20),
    "tests": (checks.tests, 240),
    "losses": (checks.losses, 30),
    "training": (checks.training, 40),
    "resume": (checks.resume, 60),
    "speed": (measurements.speed, 240),
    "layers": (profile.layers, 40),
    "kernels": (profile.kernels, 30),
    "pipeline": (measurements.pipeline, 20),
    "recipes": (checks.recipes, 100),
}

#: How many seconds longer than it was given a stage may take before it is stopped. Only those that
#: could take much longer, tests and speed, watch the time themselves.
PATIENCE = 45.0

#: Where that is possible, a new process starts as a copy of this one, which keeps off the GPU.
CONTEXT = multiprocessing.get_context(
    "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
)


def main(arguments: Sequence[str]) -> int:
    """Runs the command with `arguments`; exit code 1 if a stage failed."""
    given = options(arguments)
    problem = without_gpu()
    if problem:
        raise InputError(problem)
    given.out = new_folder(given.out, "gpu")
    results: dict = {}
    end = time.monotonic() + 60 * given.minutes
    for name in given.only or STAGES:
        seconds = STAGES[name][1] * given.minutes / 12
        left = end - time.monotonic()
        if left < 5:
            results[name] = {"left out": "no time was left"}
        else:
            print(f"{name} …", flush=True)
            results[name] = outcome(given, name, min(left, seconds))
        save(results, given.out)
        print(report.line(name, results[name]), flush=True)
    print(f"\n{report.text(results)}\n\nwritten to {given.out}: results.json, report.md")
    return int(any("error" in result for result in results.values()))


def options(arguments: Sequence[str]) -> argparse.Namespace:
    """The options given. The process ends if one is invalid."""
    parser = Parser("gpu", "Checks and measures minialex on an NVIDIA GPU.", EXAMPLES)
    parser.prog = "python -m benchmarks.gpu"
    option = parser.add_argument
    minutes = "for everything; the stages share them (default: 12)"
    option(
        "--minutes", type=number(float, 0, exclusive=True), default=12.0, metavar="M", help=minutes
    )
    only = f"some of the stages {', '.join(STAGES)}"
    option("--only", type=some_of(STAGES), metavar="A,B", help=only)
    option(
        "--models",
        type=some_of(models.MODELS),
        default=MODELS,
        metavar="A,B",
        help=f"whose speed is measured (default: {','.join(MODELS)})",
    )
    batches = "of training; inference also of one picture (default: 128,512)"
    option("--batch-sizes", type=sizes, default=(128, 512), metavar="N,M", help=batches)
    cifar = "with CIFAR-10's binary files, for the stage recipes (default: leave it out)"
    option("--cifar10", type=Path, metavar="DIR", help=cifar)
    option("--out", type=Path, metavar="DIR", help="for the results (default: a new one in runs/)")
    return parser.parse_args(arguments)


def torch_with_cuda() -> tuple[ModuleType | None, str]:
    """(the module torch, ""), or (None, why it cannot compute on the GPU)."""
    try:
        import torch
    except Exception as error:  # a library that clashes raises an OSError
        return None, f"PyTorch: {type(error).__name__}: {' '.join(str(error).split())}"
    if not torch.cuda.is_available():
        return None, f"PyTorch {torch.__version__} finds no GPU"
    return torch, ""


def without_gpu() -> str | None:
    """Why there is no GPU to measure, found out in a process of its own."""
    receiver, sender = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=look_for_gpu, args=(sender,))
    process.start()
    sender.close()
    try:
        found = receiver.recv()
    except EOFError:
        process.join()
        return f"looking for the GPU ended with exit code {process.exitcode}"
    process.join()
    return found


def look_for_gpu(sender: Connection) -> None:
    """Sends what keeps CuPy from working, or None."""
    try:
        backend.get("cupy")
        sender.send(None)
    except InputError as error:
        sender.send(str(error))


def outcome(given: argparse.Namespace, name: str, seconds: float) -> dict:
    """What the stage found in `seconds`, or its error; and how long it took."""
    start = time.monotonic()
    process = CONTEXT.Process(target=run_stage, args=(given, name, seconds))
    process.start()
    try:
        process.join(seconds + PATIENCE)
    except BaseException:  # Ctrl-C does not reach it, as it leads a group of its own
        stop(process)
        raise
    error = None
    if process.is_alive():
        stop(process)
        error = f"it was stopped after {time.monotonic() - start:.0f} s"
    elif process.exitcode:
        error = f"its process ended with exit code {process.exitcode}"
    try:
        result = json.loads((given.out / f"{name}.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        result = {}
    if error:
        result["error"] = error
    return {**result, "seconds": round(time.monotonic() - start, 1)}


def stop(process: multiprocessing.process.BaseProcess) -> None:
    """Kills the process with all that it has started."""
    if hasattr(os, "killpg") and process.pid:
        with contextlib.suppress(ProcessLookupError):  # it has no group yet
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.join()


def run_stage(given: argparse.Namespace, name: str, seconds: float) -> None:
    """Runs the stage and writes what it finds, or its error, to a file of its name; the traceback
    to another one."""
    if hasattr(os, "setpgrp"):
        os.setpgrp()
    # PyTorch's profiler crashes when it starts a second time beside CUDA graphs, unless:
    os.environ |= {"DISABLE_CUPTI_LAZY_REINIT": "1", "TEARDOWN_CUPTI": "0"}
    given.torch, given.without_torch = torch_with_cuda()  # before CuPy: it has libraries of its own
    given.xp = backend.get("cupy")
    given.deadline = time.monotonic() + seconds

    def keep(part: dict) -> None:
        with atomic_write(given.out / f"{name}.json") as file:
            file.write_text(json.dumps(part, default=str), encoding="utf-8")

    given.keep = keep
    try:
        keep(STAGES[name][0](given))
    except (Exception, SystemExit) as error:  # a command's options may be refused
        (given.out / f"{name}.txt").write_text(traceback.format_exc(), encoding="utf-8")
        kind = "" if isinstance(error, InputError) else f"{type(error).__name__}: "
        keep({"error": kind + " ".join(str(error).split())})


def save(results: dict, out: Path) -> None:
    """Writes results.json, report.md and, if there is a speed to draw, speed.png."""
    with atomic_write(out / "results.json") as file:
        file.write_text(json.dumps(results, indent=1, default=str) + "\n", encoding="utf-8")
    with atomic_write(out / "report.md") as file:
        file.write_text(report.text(results) + "\n", encoding="utf-8")
    report.draw(results, out / "speed.png")


if __name__ == "__main__":
    run(main)
