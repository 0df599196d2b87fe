"""The lessons as a small site: notebooks that have been run, on pages with a table of contents."""

import importlib.util
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from minialex.errors import InputError
from minialex.files import atomic_write
from minialex.lessons import notebook
from minialex.lessons.source import Cell, Lesson

#: What builds the pages. They need nothing from elsewhere: MathJax is copied into the site.
PACKAGES = ("sphinx", "myst_nb", "furo", "sphinx-mathjax-offline")

CONFIGURATION = """\
project = "minialex"
html_title = "minialex: the lessons"
html_theme = "furo"
extensions = ["myst_nb", "sphinx-mathjax-offline"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
suppress_warnings = ["myst.xref_missing", "myst.header"]
nb_execution_mode = "cache"
nb_execution_timeout = -1
nb_execution_raise_on_error = True
nb_execution_show_tb = True
html_show_sphinx = False
html_copy_source = False
html_show_sourcelink = False
"""

INDEX = """\
# The lessons

From "what is an array" to AlexNet, trained and taken apart, with every backward pass. Each page is
a lesson that has been run: its text, its code, and what that printed and drew. To run them
yourself, and to type guesses before you see the results, clone minialex and call
`python -m minialex.lessons`.

```{{toctree}}
:maxdepth: 1

{pages}
```

```{{toctree}}
:caption: Solutions
:maxdepth: 1

{solutions}
```
"""


def names(pages: Sequence[Lesson]) -> str:
    """The names of pages, a line each."""
    return "\n".join(page.name for page in pages)


def linked(lesson: Lesson) -> Lesson:
    """The lesson with a link to the page of its solutions at its end."""
    solutions = lesson.solutions()
    if solutions is None:
        return lesson
    link = Cell("markdown", f"[Solutions of the exercises]({solutions.name}.ipynb)", line=0)
    return replace(lesson, cells=[*lesson.cells, link])


def build(lessons: Sequence[Lesson], folder: Path, quick: bool) -> Path:
    """Runs lessons and writes pages of them into a folder: the path of the first. What has been
    run before and has not changed is not run again.

    quick: with smaller numbers. InputError if packages are missing, the folder has other files, or
    a lesson fails.
    """
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(f"pages need {', '.join(missing)}: python -m pip install -e '.[course]'")
    source = folder / ".source"
    if folder.exists() and not source.is_dir() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"expected a new folder or one with pages of lessons, got {folder}")
    source.mkdir(parents=True, exist_ok=True)
    solutions = [found for lesson in lessons if (found := lesson.solutions())]
    index = INDEX.format(pages=names(lessons), solutions=names(solutions))
    for name, text in (("conf.py", CONFIGURATION), ("index.md", index)):
        with atomic_write(source / name) as file:
            file.write_text(text, encoding="utf-8")
    for page in [*map(linked, lessons), *solutions]:
        notebook.write(page, source / f"{page.name}.ipynb", quick)
    if len(lessons) > 1:
        how_long = "some minutes" if quick else "half an hour"
        print(f"The lessons are run: that may take {how_long}.", flush=True)
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html"]
    done = subprocess.run(
        [*command, str(source), str(folder)], check=False, capture_output=True, text=True
    )
    if done.returncode:
        print(done.stdout + done.stderr, file=sys.stderr)
        raise InputError(f"sphinx ended with exit code {done.returncode}; what it says is above")
    return folder / "index.html"
