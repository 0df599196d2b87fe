"""The lessons: what they use (figures, timing, real pictures if present), and what shows them.

A lesson is a Python file, lessons/NN_TOPIC.py, of Markdown and code in turn, in the cells that
editors and jupytext know (`# %%`). It is plain Python: `python lessons/NN_TOPIC.py` runs it.
`python -m minialex.lessons NN` steps through it in a terminal.
"""

from minialex.lessons.real_or_drawn import Pictures, pictures
from minialex.lessons.showing import figure, seconds, shipped, show_lines, show_pictures

__all__ = [
    "Pictures",
    "figure",
    "pictures",
    "quick",
    "seconds",
    "shipped",
    "show_lines",
    "show_pictures",
]

#: Whether lessons take smaller numbers, to be done in seconds, with less to see.
quick = False
