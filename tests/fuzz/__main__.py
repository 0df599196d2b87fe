"""python -m tests.fuzz: a campaign of damaged files.

Each reader of minialex gets files that are damaged in all kinds of ways, and may end in a right
result or an InputError, within 10 seconds and 1 GB. Readers run in processes of their own, so that
one which dies is noticed, too. Exit code 1 if there was any fault.
"""

import multiprocessing
import os
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Sequence
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess
from pathlib import Path

from minialex.command import Parser, number, run
from minialex.errors import one_line
from tests.fuzz import guided
from tests.fuzz.formats import FORMATS
from tests.fuzz.trials import SECONDS, Fault, trial

EXAMPLES = """\
  python -m tests.fuzz --minutes 60
  python -m tests.fuzz --formats idx,png --minutes 1 --seed 1000000
      other damage than the last time
  python -m tests.fuzz --guided png --minutes 60
      damage that goes where none has been, by atheris
"""

#: The trials of one process.
EACH = 50

FORK = multiprocessing.get_context("fork")  # fast: minialex is imported once


def main(arguments: Sequence[str]) -> int:
    """Runs the campaign with `arguments`; whether there was a fault."""
    p = Parser("fuzz", "Gives damaged files to every reader of minialex.", EXAMPLES)
    p.prog = "python -m tests.fuzz"
    p.add_argument(
        "--minutes", type=number(float, 0, exclusive=True), default=10.0, metavar="N",
        help="how long (default: 10)",
    )  # fmt: skip
    p.add_argument("--formats", metavar="A,B", help=f"some of {', '.join(FORMATS)} (default: all)")
    p.add_argument(
        "--seed", type=number(int, 0), default=0, metavar="N", help="the first one (default: 0)"
    )
    p.add_argument("--guided", choices=FORMATS, metavar="A", help="a format for atheris")
    given = p.parse_args(arguments)
    if given.guided:
        guided.campaign(FORMATS[given.guided], given.minutes)
    names = given.formats.split(",") if given.formats else list(FORMATS)
    for name in names:
        if name not in FORMATS:
            p.error(f"there is no format {name!r}: expected one of {', '.join(FORMATS)}")
    counts, faults = campaign(names, given.seed, time.monotonic() + 60 * given.minutes)
    for name in names:
        read, refused = counts[name][True], counts[name][False]
        print(f"{name:<24}{read + refused:>9,} files {read:>9,} read {refused:>9,} refused")
    total = sum(tried.total() for tried in counts.values())
    print(f"{total:,} damaged files, {len(faults)} faults")
    return 1 if faults else 0


def campaign(
    names: Sequence[str], seed: int, end: float
) -> tuple[dict[str, Counter[bool]], list[str]]:
    """Goes through the formats in turn until the time `end`: how many files of each could be read
    and could not, and the faults, which are printed as they appear."""
    counts: dict[str, Counter[bool]] = {name: Counter() for name in names}
    faults: list[str] = []
    running: list[Part] = []
    started = 0
    while running or time.monotonic() < end:
        while len(running) < (os.cpu_count() or 1) and time.monotonic() < end:
            name = names[started % len(names)]
            running.append(Part(name, seed + EACH * (started // len(names))))
            started += 1
        for part in list(running):
            for told in part.news():
                if isinstance(told, bool):
                    counts[part.name][told] += 1
                else:
                    faults.append(told)
                    print(told, flush=True)
            if part.over:
                running.remove(part)
        time.sleep(0.02)
    return counts, faults


class Part:
    """A process that does EACH trials of a format, starting with the seed `first`."""

    def __init__(self, name: str, first: int):
        self.name, self.seed, self.over = name, first, False
        self.last = first + EACH
        self.heard = time.monotonic()
        self.ear, mouth = FORK.Pipe(duplex=False)
        self.process: ForkProcess = FORK.Process(target=trials, args=(name, first, mouth))
        self.process.start()
        mouth.close()

    def news(self) -> list[bool | str]:
        """What each trial has ended in since the last call: read, refused, or a fault in words.

        A process that has died, or whose trial takes twice the time that it may, is one, too.
        """
        told: list[bool | str] = []
        try:
            while self.ear.poll():
                told.append(self.ear.recv())
                self.seed, self.heard = self.seed + 1, time.monotonic()
            if time.monotonic() - self.heard > 2 * SECONDS:
                self.process.kill()
                told.append(f"{self.name}, seed {self.seed}: does not end")
                self.over = True
        except EOFError:
            self.process.join()
            if self.seed < self.last:
                told.append(f"{self.name}, seed {self.seed}: exit code {self.process.exitcode}")
            self.over = True
        return told


def trials(name: str, first: int, mouth: Connection) -> None:
    """In a process of its own: EACH trials, whose outcomes it sends."""
    warnings.simplefilter("ignore")
    for stream in (1, 2):  # decoders of pictures write there themselves
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    for seed in range(first, first + EACH):
        with tempfile.TemporaryDirectory() as folder:
            try:
                mouth.send(trial(FORMATS[name], seed, Path(folder)))
            except Fault as fault:
                mouth.send(one_line(fault))


if __name__ == "__main__":
    run(main)
