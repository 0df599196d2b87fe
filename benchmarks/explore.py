"""python -m benchmarks.explore: how soon the explorer's page shows another picture, and how much a
page that is open slows down a training.

Both are measured in a real Chromium, from the choice of a picture until everything is drawn.
"""

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
        pairs = [(rate(watched=False), rate(watched=True)) for _ in range(given.rounds)]
        for alone, watched in pairs:
            print(f"alone {alone:,.0f}, watched {watched:,.0f} images/s")
        ratio = statistics.median(watched / alone for alone, watched in pairs)
        print(f"a training that is watched keeps {ratio:.1%} of its speed (median)")


def page_times(weights: str, show: str, count: int) -> list[float]:
    """How long each of `count` pictures takes until it is drawn, in milliseconds, after a first one
    that is not counted."""
    with serving(weights) as (address, _), browser() as chromium:
        page = chromium.new_page(viewport={"width": 1440, "height": 900})
        page.goto(address)
        page.locator("#answers li").first.wait_for()
        page.check(f"input[value={show}]")
        return [page.evaluate(CHOOSE, i) for i in range(1, count + 2)][1:]


def rate(watched: bool) -> float:
    """The images per second of a training's second epoch, with or without a page that follows
    it."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command: list[Any] = [sys.executable, "-m", "minialex.train", *TRAINING, "--out", out]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as training:
            assert training.stdout is not None
            if not watched:
                return rate_in(training.stdout.read())
            while not (out / "checkpoint.npz").exists():
                time.sleep(0.1)
            with serving(out) as (address, _), browser() as chromium:
                page = chromium.new_page(viewport={"width": 1440, "height": 900})
                page.goto(address)
                page.get_by_role("tab", name="Training").click()
                return rate_in(training.stdout.read())


def rate_in(output: str) -> float:
    """The images per second in the training's last line about an epoch."""
    return float(re.findall(r"([\d,]+) images/s", output)[-1].replace(",", ""))


if __name__ == "__main__":
    run(main)
