"""python -m benchmarks.scaling: how training scales to many ranks, measured here and modelled."""

import argparse
import datetime
import itertools
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from benchmarks.machine import machine
from benchmarks.scaling import measured_tables, predicted_tables
from benchmarks.scaling.launch import mpirun, on_ranks
from benchmarks.scaling.plot import chart
from benchmarks.speed_options import new_folder, sizes, some_of
from benchmarks.table import Table, write_tables
from minialex import models
from minialex.command import Parser, number, run
from minialex.cores import usable_cores
from minialex.distributed.scheme import SCHEMES
from minialex.errors import InputError
from minialex.files import atomic_write, write_output

EXAMPLES = """\
  python -m benchmarks.scaling
      about twenty minutes on two cores
  python -m benchmarks.scaling --quick --models alexnet-cifar
      two minutes
  python -m benchmarks.scaling --from runs/scaling/results.json --page docs/scaling.md
      tables and chart again, without measuring, also on that page
"""

#: Pictures in the batches with which a core is timed, and in those that are counted for a GPU.
BATCH_SIZES, GPU_BATCH_SIZES = (1, 4, 16, 64), (4, 32)


def main(arguments: Sequence[str]) -> None:
    given = options(arguments)
    if given.results:
        results, out = load(given.results), given.results.parent
    else:
        mpirun()
        out = new_folder(given.out, "scaling")
        results = measure(given, out)
    try:
        tables = [*measured_tables.tables(results), *predicted_tables.tables(results)]
        picture = chart(results)
    except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
        if not given.results:
            raise
        raise no_measurement(given.results, error) from None
    written = write(tables, picture, out, given.page)
    print("\n\n".join([*(table.text() for table in tables), written]))


def options(arguments: Sequence[str]) -> argparse.Namespace:
    """The options given. The process ends if one is invalid."""
    parser = Parser("scaling", "Measures and models training on many ranks.", EXAMPLES)
    parser.prog = "python -m benchmarks.scaling"
    option = parser.add_argument
    option(
        "--models",
        type=some_of(models.MODELS),
        default=("alexnet-cifar", "alexnet"),
        metavar="A,B",
        help="clusters are modelled for the last one (default: alexnet-cifar,alexnet)",
    )
    option(
        "--ranks",
        type=sizes,
        default=(1, 2, 4),
        metavar="K,L",
        help="that take steps together (default: 1,2,4)",
    )
    batch = "pictures in a step, of all ranks together (default: 128)"
    option("--batch-size", type=number(int, 1), default=128, metavar="N", help=batch)
    rounds = "how often everything is measured, in turn (default: 10)"
    option("--rounds", type=number(int, 1), default=10, metavar="N", help=rounds)
    option("--quick", action="store_true", help="two rounds, and a core only with small batches")
    again = "shows an earlier measurement instead"
    option("--from", type=Path, dest="results", metavar="RESULTS.JSON", help=again)
    page = "replaces the tables on this page, and draws the chart beside it"
    option("--page", type=Path, metavar="PAGE.MD", help=page)
    option("--out", type=Path, metavar="DIR", help="for the results (default: a new one in runs/)")
    return parser.parse_args(arguments)


def measure(given: argparse.Namespace, out: Path) -> dict:
    """All that is measured or counted, also written to results.json after each part."""
    rounds = ("--rounds", 2 if given.quick else given.rounds)
    batch_sizes = BATCH_SIZES[:-1] if given.quick else BATCH_SIZES
    cores = usable_cores()
    asked = {name: str(value) for name, value in vars(given).items()}
    today = {"date": f"{datetime.date.today():%d %B %Y}".lstrip("0")}
    results: dict = {"machine": machine(cores, "not used") | today, "options": asked}
    results |= {"link": {}, "compute": {}, "gpu": {}, "steps": []}

    def begin(what: str) -> None:
        with atomic_write(out / "results.json") as file:
            file.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        print(f"{what} …", flush=True)

    begin("messages between ranks")
    results["link"] = on_ranks(max(2, cores), "link", *rounds)
    for model in given.models:
        begin(f"{model} on each core")
        of_model = ("--model", model, *rounds)
        found = on_ranks(cores, "compute", *of_model, "--batch-sizes", *batch_sizes)
        results["compute"][model] = found
    for model, ranks, scheme in itertools.product(given.models, given.ranks, SCHEMES):
        if (scheme == "towers" and ranks % 2) or (ranks == 1 and scheme != "data"):
            continue
        begin(f"steps of {model}, {scheme}, {ranks} ranks")
        how = ("--model", model, "--parallel", scheme, "--batch-size", given.batch_size)
        about = dict(model=model, scheme=scheme, ranks=ranks, batch_size=given.batch_size)
        seconds = on_ranks(ranks + 1, "step", *how, *rounds)
        results["steps"].append({**about, "seconds": seconds})
    model = given.models[-1]
    begin(f"counting {model} on a GPU")
    if shutil.which("g++"):
        from benchmarks.scaling import card  # compiles its kernels

        results["gpu"][model] = card.predicted(model, GPU_BATCH_SIZES)
    else:
        print("no model of GPUs: what computes in their place needs the C++ compiler g++")
    begin("tables and chart")
    return results


def load(path: Path) -> dict:
    """What was measured before. InputError if it is not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise no_measurement(path, error) from None


def no_measurement(path: Path, error: Exception) -> InputError:
    reason = f"{type(error).__name__}: {error}"
    return InputError(f"{path} holds no measurement of benchmarks.scaling ({reason})")


def write(tables: Sequence[Table], picture: bytes, out: Path, page: Path | None) -> str:
    """Writes the chart into the folder of the results or, with the tables, to the page; returns
    where everything is."""
    path = page.with_suffix(".png") if page else out / "scaling.png"
    if page:
        write_tables(page, tables)
    write_output(path, picture)
    where = [f"results: {out / 'results.json'}", f"chart:   {path}"]
    return "\n".join([*where, f"tables:  {page}"] if page else where)


if __name__ == "__main__":
    run(main)
