"""A lesson as a Jupyter notebook: the same Markdown, formulas set, pictures below their cells."""

import importlib
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

from minialex.errors import InputError
from minialex.files import atomic_write
from minialex.lessons.source import Lesson

#: What opens notebooks, best first: modules that python -m runs.
PROGRAMS = ("jupyterlab", "notebook")

#: A cell that makes the lesson below it one of smaller numbers.
QUICK = "import minialex.lessons\n\nminialex.lessons.quick = True"


def write(lesson: Lesson, path: Path, quick: bool = False) -> None:
    """Writes a lesson as a notebook; quick: one with smaller numbers. InputError without
    nbformat."""
    text = import_nbformat().writes(notebook(lesson, quick))
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        file.write_text(text, encoding="utf-8")


def notebook(lesson: Lesson, quick: bool = False):
    """The lesson as a notebook of nbformat's. InputError without nbformat."""
    v4 = import_nbformat().v4
    new = {"markdown": v4.new_markdown_cell, "code": v4.new_code_cell}
    cells = [
        new[cell.kind](cell.text, id=f"cell-{number}")
        for number, cell in enumerate(lesson.cells, start=1)
    ]
    if quick:
        hidden = dict(tags=["remove-cell"])
        cells.insert(0, v4.new_code_cell(QUICK, id="quick", metadata=hidden))
    kernel = dict(name="python3", display_name="Python 3", language="python")
    return v4.new_notebook(cells=cells, metadata=dict(kernelspec=kernel))


def import_nbformat() -> ModuleType:
    """The module nbformat. InputError if it is not installed."""
    try:
        return importlib.import_module("nbformat")
    except ImportError:
        raise InputError("notebooks need Jupyter: python -m pip install -e '.[notebook]'") from None


def opened(path: Path) -> bool:
    """Opens a notebook in a browser and returns when Jupyter ends; False if there is no Jupyter."""
    for program in PROGRAMS:
        if importlib.util.find_spec(program):
            subprocess.run([sys.executable, "-m", program, str(path)], check=False)
            return True
    return False
