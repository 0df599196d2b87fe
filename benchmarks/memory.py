"""python -m benchmarks.memory: the peak memory of a training step and of inference, and PyTorch's.

Each in a process of its own (peak_memory.py). Writes the table of docs/results.md.
"""

import itertools
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from benchmarks.accuracy import report as accuracy
from benchmarks.measure import WHAT
from benchmarks.peak_memory import in_own_process
from benchmarks.peers import import_torch
from benchmarks.speed_options import some_of
from benchmarks.table import Table, write_tables
from minialex import models
from minialex.command import Parser, number, run
from minialex.errors import InputError

EXAMPLES = """\
  python -m benchmarks.memory
      five nets, about five minutes
  python -m benchmarks.memory --models alexnet-224 --batch-size 32
      one of them, only printed
"""

MODELS = ("alexnet", "alexnet-224", "alexnet-owt", "alexnet-d2l", "alexnet-cifar")
PAGE = Path(__file__).parents[1] / "docs" / "results.md"
CONTENDERS = ("minialex", "eager")
NAME = "memory"  #: of the table, on the page
HEAD = ("net", "training, MB", "PyTorch", "share", "inference, MB", "PyTorch", "share")


def main(arguments: Sequence[str]) -> None:
    """Runs the command with `arguments`."""
    parser = Parser("memory", "Measures peak memory, beside PyTorch's (eager).", EXAMPLES)
    parser.prog = "python -m benchmarks.memory"
    option = parser.add_argument
    some = some_of(models.MODELS)
    option(
        "--models", type=some, default=MODELS, metavar="A,B", help=f"default: {','.join(MODELS)}"
    )
    batch = "pictures at a time (default: 128)"
    option("--batch-size", type=number(int, 1), default=128, metavar="N", help=batch)
    page = "whose table to replace (default: docs/results.md, for the five nets and 128 pictures)"
    option("--page", type=Path, metavar="PAGE.MD", help=page)
    given = parser.parse_args(arguments)
    import_torch()
    cases = list(itertools.product(given.models, WHAT, CONTENDERS))
    measured = {}
    for case in tqdm(cases, unit=" processes", leave=False, disable=None):
        model, what, contender = case
        about = dict(model=model, what=what, batch_size=given.batch_size)
        measured[case], problem = in_own_process(contender, **about)
        if problem:
            raise InputError(f"{contender}, {model}, {what}: {problem}")
    table = as_table(measured, given.batch_size)
    print(table.text())
    usual = (given.models, given.batch_size) == (MODELS, 128)
    if given.page or usual:
        write_tables(given.page or PAGE, [table], elsewhere=accuracy.NAMES.values())


def as_table(measured: dict[tuple[str, str, str], int], batch_size: int) -> Table:
    """A row for each model, from the peaks in MB of (model, what, contender)."""
    rows = []
    for model in dict.fromkeys(model for model, *_ in measured):
        row = [model]
        for what in WHAT:
            own, peer = (measured[model, what, contender] for contender in CONTENDERS)
            row += [f"{own:,}", f"{peer:,}", f"{own / peer:.2f}"]
        rows.append(row)
    return Table(NAME, f"Peak memory with {batch_size} pictures, in MB", HEAD, rows)


if __name__ == "__main__":
    run(main)
