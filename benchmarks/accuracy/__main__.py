"""python -m benchmarks.accuracy: how good a recipe gets in how much time, and PyTorch with it.

Each run is a command in a process of its own, and its time the wall clock of all of it, loading and
testing included. With --peer PyTorch trains the same net with the same recipe on the same pictures,
in turn with minialex. What was measured is kept in docs/accuracy.json; the tables and the chart of
docs/results.md show all that is there.
"""

import datetime
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import memory
from benchmarks.accuracy.report import NAMES, chart, of, tables, wall_clock
from benchmarks.machine import machine
from benchmarks.peers import import_torch
from benchmarks.table import check_place, write_tables
from minialex.command import Parser, number, run
from minialex.cores import usable_cores
from minialex.errors import InputError
from minialex.files import atomic_write, write_output
from minialex.presets import RECIPES

EXAMPLES = """\
  python -m benchmarks.accuracy --recipe best --seeds 3
  python -m benchmarks.accuracy --recipe good --seeds 3 --peer --continue
  python -m benchmarks.accuracy --dataset fashion-mnist --recipe best --seeds 1
  python -m benchmarks.accuracy --seeds 0
      tables and chart again, without training
"""

DOCS = Path(__file__).parents[2] / "docs"

#: The commands that train, by what trains.
CONTENDERS = {"minialex": "minialex.train", "PyTorch": "benchmarks.accuracy.peer"}

#: What they print after each epoch (train_messages.epoch_line).
EPOCH = re.compile(r"Epoch \[\d+/\d+\] .*test top-1 ([\d.]+)%")


def main(arguments: Sequence[str]) -> None:
    """Runs the command with `arguments`."""
    parser = Parser("accuracy", "Measures what a recipe reaches, and in how much time.", EXAMPLES)
    parser.prog = "python -m benchmarks.accuracy"
    option = parser.add_argument
    option("--dataset", choices=RECIPES, default="cifar10", help="default: cifar10")
    option("--recipe", default="best", metavar="NAME", help="default: best")
    seeds = "how many runs, with seeds from 0 (default: 3)"
    option("--seeds", type=number(int, 0), default=3, metavar="N", help=seeds)
    option("--peer", action="store_true", help="PyTorch trains, too, in turn")
    option("--data-dir", type=Path, metavar="DIR", help="the data set's files")
    going_on = "make only the runs that accuracy.json lacks, of this machine and these options"
    option("--continue", dest="going_on", action="store_true", help=going_on)
    docs = "where accuracy.json, accuracy.png and results.md are (default: docs)"
    option("--docs", type=Path, default=DOCS, metavar="DIR", help=docs)
    given = parser.parse_args(arguments)
    if given.recipe not in RECIPES[given.dataset]:
        names = ", ".join(RECIPES[given.dataset])
        raise InputError(f"{given.dataset} has the recipes {names}, not {given.recipe!r}")
    kept = given.docs / "accuracy.json"
    runs = kept_runs(kept) if kept.exists() else []
    if not (runs or given.seeds):
        raise InputError(f"there is no {kept} yet: measure with --seeds 1 or more")
    options = RECIPES[given.dataset][given.recipe]
    about = dict(dataset=given.dataset, recipe=given.recipe)
    torch = import_torch().__version__ if given.peer else "not used"
    here = machine(usable_cores(), torch) | {"date": f"{datetime.date.today():%Y-%m-%d}"}
    if given.seeds:
        check_place(given.docs / "results.md", NAMES[given.dataset])
        runs = [run for run in runs if comparable(run, about, options, here)]
    for seed in range(given.seeds):
        contenders = [*CONTENDERS] if given.peer else ["minialex"]
        for contender in contenders if seed % 2 == 0 else reversed(contenders):
            which = about | dict(contender=contender, seed=seed)
            if given.going_on and of(runs, **which):
                continue
            epochs = trained(CONTENDERS[contender], which, given.data_dir)
            runs = [one for one in runs if not which.items() <= one.items()]
            runs.append(which | dict(options=options, epochs=epochs, machine=here))
            with atomic_write(kept) as file:
                file.write_text(json.dumps(runs, indent=1) + "\n", encoding="utf-8")
            seconds, accuracy = epochs[-1]
            print(
                f"seed {seed}  {contender:<9} {accuracy:.2%} in {wall_clock(seconds)}", flush=True
            )
    made = tables(runs)
    write_tables(given.docs / "results.md", made, elsewhere=(memory.NAME, *NAMES.values()))
    write_output(given.docs / "accuracy.png", chart(runs))
    print("\n\n".join(["", *(table.text() for table in made)]))


def kept_runs(path: Path) -> list[dict]:
    """The runs in accuracy.json. InputError if that is not what is in it."""
    try:
        runs = json.loads(path.read_text(encoding="utf-8"))
        tables(runs)
        complete = all(run["machine"]["cpu"] and run["seed"] >= 0 for run in runs)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError):
        complete = False
    if not complete or not isinstance(runs, list):
        raise InputError(f"expected runs as this benchmark keeps them in {path}: move it away")
    return runs


def comparable(run: dict, about: dict, options: dict, here: dict) -> bool:
    """Whether a kept run may stay when those `about` its recipe are measured again: it is of
    another recipe, or had the same options on the same machine."""
    if not about.items() <= run.items():
        return True
    same_machine = all(run["machine"][name] == here[name] for name in ("cpu", "threads", "blas"))
    return same_machine and run["options"] == options


def trained(module: str, which: dict, data_dir: Path | None) -> list[tuple[float, float]]:
    """(seconds since the start, test accuracy) after each epoch of a run; the last one's seconds
    are those of the whole command. InputError if it fails."""
    epochs: list[tuple[float, float]] = []
    options = [f"--{name}={which[name]}" for name in ("dataset", "recipe", "seed")]
    options += [f"--data-dir={data_dir}"] if data_dir else []
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", module, *options, f"--out={folder}/run"]
        start = time.perf_counter()
        line = "it said nothing"
        pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        with subprocess.Popen(command, **pipes) as process:
            for line in process.stdout:
                if found := EPOCH.search(line):
                    epochs.append((time.perf_counter() - start, float(found[1]) / 100))
        seconds = time.perf_counter() - start
    if process.returncode or not epochs:
        raise InputError(f"{module} ended with exit code {process.returncode}: {line.strip()}")
    return [*epochs[:-1], (seconds, epochs[-1][1])]


if __name__ == "__main__":
    run(main)
