"""What every lesson uses: steps that are shown before they run, pictures, clocks, and real data where it is found.

In a terminal, `python lessons/02_convolution.py` shows a step's text and its code, runs it, and waits: Enter goes on, q
leaves. In an editor or Jupyter, which run the `# %%` cells one by one, a step prints its title only: the text is in the cell.
"""

import argparse
import ast
import os
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy

from minialex import data
from minialex.data.augment import Standardize, centre_views
from minialex.data.download import cache_folder
from minialex.data.fashion_mnist import DEBIAN
from minialex.data.statistics import standardize_from
from minialex.errors import InputError

#: Where lessons put their pictures, below the folder they are started in.
FOLDER = Path("runs/lessons")

in_notebook = "ipykernel" in sys.modules
steps = 0


def read_options() -> argparse.Namespace:
    """--no-pause and --quick; in a notebook, whose command line is not the lesson's, neither is given."""
    parser = argparse.ArgumentParser(
        usage="python lessons/NN_TOPIC.py [--no-pause] [--quick]",
        description="A lesson. It shows each step's text and code, runs it and waits: Enter goes on, q leaves.",
    )
    parser.add_argument("--no-pause", action="store_true", help="runs through without waiting")
    parser.add_argument(
        "--quick", action="store_true", help="small numbers: less to see, done in seconds"
    )
    return parser.parse_args([] if in_notebook else None)


options = read_options()
quick = options.quick


def step(title: str, text: str = "") -> None:
    """Begins a step: waits until the reader has seen the one before, then shows the title, the text and the cell's code."""
    global steps
    source = Path(sys._getframe(1).f_code.co_filename)
    if in_notebook or not source.is_file():
        print(title)
        return
    tree = ast.parse(source.read_text(encoding="utf-8"))
    if steps == 0:
        print(ast.get_docstring(tree))
    elif not options.no_pause and sys.stdin.isatty() and sys.stdout.isatty():
        wait()
    steps += 1
    print(f"\n{bold(f'── {steps}. {title} ' + '─' * (71 - len(title)))}\n")
    for paragraph in textwrap.dedent(text).strip("\n").splitlines():
        print(paragraph)
    print()
    for line in code_of_cell(source, tree, sys._getframe(1).f_lineno):
        print(f"  │ {line}".rstrip())
    print(flush=True)


def code_of_cell(source: Path, tree: ast.Module, line: int) -> list[str]:
    """The lines between the statement that stands at `line` and the next cell, without empty ones at the ends."""
    end = next(node.end_lineno for node in tree.body if node.lineno <= line <= node.end_lineno)
    lines = source.read_text(encoding="utf-8").splitlines()[end:]
    cell = lines[: next((i for i, text in enumerate(lines) if text.startswith("# %%")), len(lines))]
    return "\n".join(cell).strip("\n").splitlines()


def wait() -> None:
    """Returns when Enter is pressed; q, Ctrl-C or the end of the input leaves."""
    try:
        answer = input("\nEnter goes on, q leaves: ")
    except (EOFError, KeyboardInterrupt):
        answer = "q"
    if answer.strip().lower() in ("q", "quit", "exit"):
        sys.exit(0)


def bold(text: str) -> str:
    """The text in bold where the output is a terminal."""
    return f"\x1b[1m{text}\x1b[0m" if sys.stdout.isatty() and "NO_COLOR" not in os.environ else text


@contextmanager
def figure(name: str, width: float = 8, height: float = 4) -> Iterator:
    """A matplotlib Figure of so many inches to draw into; at the end it is saved as runs/lessons/NAME.png."""
    from matplotlib.figure import Figure

    picture = Figure(figsize=(width, height), layout="constrained")
    yield picture
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{name}.png"
    picture.savefig(path, dpi=120)
    print(f"picture: {path}")
    if in_notebook:
        from IPython.display import display

        display(picture)


def seconds(function: Callable, repeat: int = 3) -> float:
    """How long a call of function() takes: the quickest of some."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


@dataclass
class Pictures:
    """Some pictures to learn from and some to test on.

    x, test_x: float32 (N, S, S, C), standardised with `standardize`; images, test_images: the same as uint8;
    labels, test_labels: (N,); class_names: what the labels stand for; name: where they are from.
    """

    name: str
    images: numpy.ndarray
    labels: numpy.ndarray
    test_images: numpy.ndarray
    test_labels: numpy.ndarray
    class_names: list[str]
    standardize: Standardize

    def __post_init__(self):
        self.x, self.test_x = self.standardize(self.images), self.standardize(self.test_images)


def pictures(name: str, train: int, test: int) -> Pictures:
    """The first pictures of "fashion-mnist" or "cifar10" if that is on this machine, else of "shapes". Says which."""
    dataset = found(name)
    if dataset is None:
        print(f"{name} is not on this machine (lessons/README.md): drawn shapes instead.")
        dataset = data.load("shapes")
    else:
        print(f"The pictures are real: {name}.")
    images = dataset.train.read(range(train), centre_views(train))
    test_images = dataset.test.read(range(test), centre_views(test))
    labels, test_labels = dataset.train.labels[:train], dataset.test.labels[:test]
    standardize = standardize_from(dataset.train)
    return Pictures(
        dataset.name, images, labels, test_images, test_labels, dataset.class_names, standardize
    )


def found(name: str) -> data.Dataset | None:
    """The data set if its files are in $MINIALEX_DATA, among earlier downloads or in Debian's folder; nothing is downloaded."""
    folders = [Path(os.environ.get("MINIALEX_DATA", "no folder")), cache_folder(name), DEBIAN]
    for folder in filter(Path.is_dir, folders):
        try:
            return data.load(name, folder)
        except InputError:
            continue
    return None
