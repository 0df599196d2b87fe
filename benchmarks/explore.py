"""python -m benchmarks.explore: how soon the explorer's page shows another picture, and how much a
page that is open slows down a training.

Both are measured in a real Chromium, from the choice of a picture until everything is drawn.
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.browser import browser, serving
from minialex.command import Parser, number, run
from minialex.cores import usable_cores
from minialex.distributed.processes import children

EXAMPLES = """\
  python -m benchmarks.explore runs/shapes-alexnet-cifar
  python -m benchmarks.explore --training --rounds 5
"""

#: In the page: chooses picture number `i`, and waits until the next frame after it is drawn.
CHOOSE = """async (i) => {
  const { store, refresh } = await import("/page/store.js");
  const start = performance.now();
  store.state.picture = `test/${i}`;
  await refresh();
  await new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)));
  return performance.now() - start;
}"""

#: What a training with and without a page takes: short enough to be repeated.
TRAINING = ["--epochs", "2", "--log-every", "1000", "--checkpoint-every", "50"]


def main(arguments: Sequence[str]) -> None:
    """Runs the benchmark with `arguments`."""
    about = "Measures how soon the explorer's page answers, and what it costs a training."
    p = Parser("explore", about, EXAMPLES, usage="[WEIGHTS] [options]")
    p.prog = "python -m benchmarks.explore"
    p.add_argument("weights", nargs="?", metavar="WEIGHTS", help="a run with test pictures")
    p.add_argument(
        "--pictures", type=number(int, 1), default=20, metavar="N", help="how many (default: 20)"
    )
    p.add_argument("--training", action="store_true", help="measures a training with a page open")
    p.add_argument(
        "--rounds", type=number(int, 1), default=3, metavar="N", help="pairs (default: 3)"
    )
    given = p.parse_args(arguments)
    if given.weights:
        for show in ("activations", "gradients"):
            times = page_times(given.weights, show, given.pictures)
            middle, worst = statistics.median(times), max(times)
            print(f"{show:<12} median {middle:5.0f} ms, worst of {len(times)} {worst:5.0f} ms")
    if given.training:
        ratios, shares = [], []
        for number_of_round in range(given.rounds):
            order = (False, True) if number_of_round % 2 == 0 else (True, False)
            found = {watched: train(watched) for watched in order}
            (alone, _), (watched, share) = found[False], found[True]
            print(
                f"alone {alone:,.0f}, watched {watched:,.0f} images/s; the page and its server "
                f"take {share:.1%} of the cores' time",
                flush=True,
            )
            ratios.append(watched / alone)
            shares.append(share)
        ratio, share = statistics.median(ratios), statistics.median(shares)
        print(f"medians: {ratio:.1%} of the speed is kept, {share:.1%} of the cores' time is taken")


def page_times(weights: str, show: str, count: int) -> list[float]:
    """How long each of `count` pictures takes until it is drawn, in milliseconds, after a first one
    that is not counted."""
    with serving(weights) as (address, _), browser() as chromium:
        page = chromium.new_page(viewport={"width": 1440, "height": 900})
        page.goto(address)
        page.locator("#answers li").first.wait_for()
        page.check(f"input[value={show}]")
        return [page.evaluate(CHOOSE, i) for i in range(1, count + 2)][1:]


def train(watched: bool) -> tuple[float, float]:
    """The images per second of a training's second epoch, with or without a page that follows it;
    and how much of the cores' time the browser and the explorer's server took from the page's
    opening on, as a share of 1."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command: list[Any] = [sys.executable, "-m", "minialex.train", *TRAINING, "--out", out]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as training:
            assert training.stdout is not None
            if not watched:
                return rate_in(training.stdout.read()), 0.0
            while not (out / "checkpoint.npz").exists():
                time.sleep(0.1)
            with serving(out) as (address, _), browser() as chromium:
                page = chromium.new_page(viewport={"width": 1440, "height": 900})
                page.goto(address)
                page.get_by_role("tab", name="Training").click()
                page.locator("#loss-chart svg").wait_for()
                start, before = time.perf_counter(), others(training.pid)
                output = training.stdout.read()
                taken = others(training.pid) - before
                return rate_in(output), taken / (time.perf_counter() - start) / usable_cores()


def others(training: int) -> float:
    """The seconds of processor time that all that this benchmark has started has taken, except the
    training, a process's number."""
    return sum(processor_time(child) for child in children(os.getpid()) if child != training)


def processor_time(process: int) -> float:
    """The seconds that a process and those that it has started have taken; 0 if it has ended."""
    try:
        _, _, fields = Path(f"/proc/{process}/stat").read_text().rpartition(") ")
    except FileNotFoundError:
        return 0.0
    ticks = sum(map(int, fields.split()[11:15]))  # its own, and those of children that have ended
    running = sum(processor_time(child) for child in children(process))
    return ticks / os.sysconf("SC_CLK_TCK") + running


def rate_in(output: str) -> float:
    """The images per second in the training's last line about an epoch."""
    return float(re.findall(r"([\d,]+) images/s", output)[-1].replace(",", ""))


if __name__ == "__main__":
    run(main)
