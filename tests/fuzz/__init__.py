"""Damaged files for every reader of minialex; `python -m tests.fuzz` is a campaign of them."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "helpers"))  # pytest does it by itself
