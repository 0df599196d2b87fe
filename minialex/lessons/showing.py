"""What lessons show and measure: figures, the code of minialex, and how long a call takes."""

import ast
import inspect
import io
import re
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy

from minialex.figures import new_figure
from minialex.files import naming
from minialex.notebook import in_notebook

#: Where lessons save their figures, below the working folder.
FOLDER = Path("runs/lessons")


def shipped(*functions: Callable) -> None:
    """Prints the code of functions or methods of minialex, without their docstrings and folded to
    80 columns."""
    for number, function in enumerate(functions):
        if number:
            print()
        code = textwrap.dedent(inspect.getsource(function))
        definition, lines = ast.parse(code).body[0], code.splitlines()
        assert isinstance(definition, ast.FunctionDef)
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
    if line.lstrip().startswith("#"):
        first = f"{indent}# "
        return textwrap.wrap(line, width, initial_indent="", subsequent_indent=first)
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
    """A matplotlib Figure, sizes in inches, to draw into; saved as runs/lessons/NAME.png, or in a
    notebook shown below the cell."""
    picture = new_figure(width, height)
    yield picture
    if in_notebook():
        from IPython.display import Image, display

        png = io.BytesIO()
        picture.savefig(png, dpi=120)
        display(Image(png.getvalue(), width=96 * width))
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{name}.png"
    with naming(path):
        picture.savefig(path, dpi=120)
    print(f"picture: {path}")


def show_pictures(
    name: str, pictures: Mapping[str, numpy.ndarray], columns: int = 5, signed: bool = False
) -> None:
    """Draws pictures (H, W, C) or maps (H, W) below their titles, as figure() does.

    signed: maps are blue where they are positive and red where they are negative; else they are
    grey, from their smallest number to their largest.
    """
    rows = -(-len(pictures) // columns)
    columns = min(columns, len(pictures))
    with figure(name, 8, rows * (8 / columns + 0.3)) as drawing:
        for number, (title, picture) in enumerate(pictures.items(), start=1):
            axes = drawing.add_subplot(rows, columns, number)
            if signed:
                largest = abs(picture).max()
                axes.imshow(picture, cmap="RdBu", vmin=-largest, vmax=largest)
            else:
                axes.imshow(picture, cmap="gray")
            axes.set_title(title, fontsize=9)
            axes.tick_params(labelsize=7)


def show_lines(
    name: str,
    lines: Mapping[str, tuple[Sequence, Sequence]],
    x: str,
    y: str,
    scale: str = "linear",
) -> None:
    """Draws curves, each a sequence of x and one of y below its label, as figure() does.

    x and y: what the axes are; scale: "linear", or "log" for both of them.
    """
    with figure(name, 7, 3.5) as drawing:
        axes = drawing.add_subplot(xlabel=x, ylabel=y, xscale=scale, yscale=scale)
        for label, points in lines.items():
            axes.plot(*points, ".-", label=label)
        axes.legend()


def seconds(function: Callable, repeat: int = 3) -> float:
    """How many seconds a call of function() takes: the fastest of `repeat` calls."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)
