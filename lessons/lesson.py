"""What every lesson uses: steps shown before they run, figures, timing, real data if present.

In a terminal, `python lessons/02_convolution.py` shows the text and the code of a step, runs it and
waits: Enter continues, q quits. In an editor or Jupyter, which run the `# %%` cells one by one, a
step prints only its title: its text is in the cell.
"""

import argparse
import ast
import inspect
import os
import re
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy

from minialex import data
from minialex.data import shapes
from minialex.data.augment import Standardize, centre_views
from minialex.data.download import cache_folder
from minialex.data.published.mnist import DEBIAN
from minialex.data.statistics import standardize_from
from minialex.errors import InputError
from minialex.terminal import styled

#: Where lessons save their figures, below the working folder.
FOLDER = Path("runs/lessons")

in_notebook = "ipykernel" in sys.modules
steps = 0


def read_options() -> argparse.Namespace:
    """--no-pause and --quick; in a notebook, whose command line is not the lesson's, neither."""
    parser = argparse.ArgumentParser(
        usage="python lessons/NN_TOPIC.py [--no-pause] [--quick]",
        description="Shows the text and code of each step, runs it and waits: "
        "Enter continues, q quits.",
    )
    parser.add_argument("--no-pause", action="store_true", help="run without waiting for Enter")
    parser.add_argument(
        "--quick", action="store_true", help="smaller numbers: done in seconds, with less to see"
    )
    return parser.parse_args([] if in_notebook else None)


options = read_options()
quick = options.quick


def step(title: str, text: str = "") -> None:
    """Waits until the reader is done with the last step, then shows the next: title, text, code."""
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
    print(f"\n{styled(f'── {steps}. {title} ' + '─' * (71 - len(title)), 'bold')}\n")
    for paragraph in textwrap.dedent(text).strip("\n").splitlines():
        print(paragraph)
    print()
    for line in code_of_cell(source, tree, sys._getframe(1).f_lineno):
        print(f"  │ {line}".rstrip())
    print(flush=True)


def code_of_cell(source: Path, tree: ast.Module, line: int) -> list[str]:
    """The lines from the statement at `line` to the next cell, without empty lines at the ends."""
    end = next(node.end_lineno for node in tree.body if node.lineno <= line <= node.end_lineno)
    lines = source.read_text(encoding="utf-8").splitlines()[end:]
    cell = lines[: next((i for i, text in enumerate(lines) if text.startswith("# %%")), len(lines))]
    return "\n".join(cell).strip("\n").splitlines()


def wait() -> None:
    """Returns when Enter is pressed; q, Ctrl-C or end of input ends the lesson."""
    try:
        answer = input("\nEnter continues, q quits: ")
    except (EOFError, KeyboardInterrupt):
        answer = "q"
    if answer.strip().lower() in ("q", "quit", "exit"):
        sys.exit(0)


def shipped(*functions: Callable) -> None:
    """Prints the code of functions or methods of minialex, without their docstrings and folded to
    80 columns."""
    for function in functions:
        code = textwrap.dedent(inspect.getsource(function))
        definition, lines = ast.parse(code).body[0], code.splitlines()
        if ast.get_docstring(definition):
            docstring = definition.body[0]
            del lines[docstring.lineno - 1 : docstring.end_lineno]
        for line in lines:
            print(*folded(line), sep="\n")


def folded(line: str, width: int = 80) -> list[str]:
    """A line of code in lines of at most `width` columns, broken after commas or, where
    there is none, a bracket; a comment that does not fit goes above it."""
    indent = " " * (len(line) - len(line.lstrip()))
    if len(line) <= width:
        return [line]
    if "  # " in line:
        code, comment = line.split("  # ")
        return [f"{indent}# {comment}", *folded(code, width)]
    ends = [match.end() for match in re.finditer(r", |\(", line[: width + 1])]
    outside = [end for end in ends if line.count('"', 0, end) % 2 == 0]
    commas = [end for end in outside if line[end - 1] == " "]
    cut = max(commas or outside)
    return [line[:cut].rstrip(), *folded(f"{indent}        {line[cut:]}", width)]


@contextmanager
def figure(name: str, width: float = 8, height: float = 4) -> Iterator:
    """A matplotlib Figure, sizes in inches, to draw into; saved as runs/lessons/NAME.png."""
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
    """How many seconds a call of function() takes: the fastest of `repeat` calls."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


@dataclass
class Pictures:
    """Pictures to learn from and pictures to test on.

    name: the data set they come from; class_names: what the labels stand for;
    images, test_images: uint8 (N, S, S, C); labels, test_labels: (N,);
    x, test_x: the images standardised with `standardize`, float32 (N, S, S, C).
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
    """The first `train` training and `test` test pictures of "fashion-mnist" or "cifar10".

    If the data set is not on this machine, as many shapes are drawn instead. Prints which it is.
    InputError if the data set has fewer pictures.
    """
    dataset = found(name)
    if dataset is None:
        print(f"{name} is not on this machine (lessons/README.md): drawn shapes instead.")
        # Standardising takes the mean and spread of all training pictures: draw enough for both.
        dataset = shapes.load(train_size=max(train, 1000), test_size=test)
    else:
        print(f"The pictures are real: {name}.")
    sizes = len(dataset.train), len(dataset.test)
    if sizes[0] < train or sizes[1] < test:
        raise InputError(
            f"expected {train:,} training and {test:,} test pictures or more, "
            f"{name} on this machine has {sizes[0]:,} and {sizes[1]:,}"
        )
    images = dataset.train.read(range(train), centre_views(train))
    test_images = dataset.test.read(range(test), centre_views(test))
    labels, test_labels = dataset.train.labels[:train], dataset.test.labels[:test]
    standardize = standardize_from(dataset.train)
    return Pictures(
        dataset.name, images, labels, test_images, test_labels, dataset.class_names, standardize
    )


def found(name: str) -> data.Dataset | None:
    """The data set if it is on this machine, else None; downloads nothing.

    Looks in $MINIALEX_DATA, among earlier downloads and in Debian's folder.
    """
    folders = [Path(os.environ.get("MINIALEX_DATA", "no folder")), cache_folder(name), DEBIAN]
    for folder in filter(Path.is_dir, folders):
        try:
            return data.load(name, folder)
        except InputError:
            continue
    return None
