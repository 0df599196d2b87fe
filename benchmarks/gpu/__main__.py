"""python -m benchmarks.gpu: is minialex right on this GPU, how fast is it, and beside PyTorch?

Runs every stage for which there is time, in the order of importance, and writes what it finds to
results.json at once: a stop half-way loses nothing. A stage that fails is recorded with its error,
and the next one runs. Needs CuPy; what needs PyTorch or pytest is left out where they are missing.
"""

import argparse
import json
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from benchmarks.gpu import checks, measurements, report
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

#: In the order in which they run, with the seconds that each is given of twelve minutes. Only
#: those that could take much longer, tests and speed, watch the time themselves.
STAGES = {
    "versions": (checks.versions, 10),
    "tests": (checks.tests, 240),
    "losses": (checks.losses, 30),
    "training": (checks.training, 40),
    "resume": (checks.resume, 60),
    "speed": (measurements.speed, 240),
    "layers": (measurements.layers, 40),
    "kernels": (measurements.kernels, 30),
    "pipeline": (measurements.pipeline, 30),
}


def main(arguments: Sequence[str]) -> int:
    """Runs the command with `arguments`; exit code 1 if a stage failed."""
    given = options(arguments)
    given.torch, given.without_torch = torch_with_cuda()  # before CuPy: it has libraries of its own
    given.xp = backend.get("cupy")
    given.out = new_folder(given.out, "gpu")
    results: dict = {}
    end = time.monotonic() + 60 * given.minutes
    for name in given.only or STAGES:
        stage, seconds = STAGES[name]
        left = end - time.monotonic()
        if left < 5:
            results[name] = {"left out": "no time was left"}
        else:
            print(f"{name} …", flush=True)
            given.deadline = time.monotonic() + min(left, seconds * given.minutes / 12)
            given.keep = lambda part, name=name: save(results | {name: part}, given.out)
            results[name] = outcome(stage, given, name)
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


def outcome(stage, given: argparse.Namespace, name: str) -> dict:
    """What the stage found, or its error, with the traceback in a file; and how long it took."""
    start = time.monotonic()
    try:
        result = stage(given)
    except Exception as error:
        (given.out / f"{name}.txt").write_text(traceback.format_exc(), encoding="utf-8")
        kind = "" if isinstance(error, InputError) else f"{type(error).__name__}: "
        result = {"error": kind + " ".join(str(error).split())}
    return {**result, "seconds": round(time.monotonic() - start, 1)}


def save(results: dict, out: Path) -> None:
    """Writes results.json, report.md and, if there is a speed to draw, speed.png."""
    with atomic_write(out / "results.json") as file:
        file.write_text(json.dumps(results, indent=1, default=str) + "\n", encoding="utf-8")
    with atomic_write(out / "report.md") as file:
        file.write_text(report.text(results) + "\n", encoding="utf-8")
    report.draw(results, out / "speed.png")


if __name__ == "__main__":
    run(main)
