"""python train_on_standin.py OPTIONS: the train command, which knows a backend `standin`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "gpu"))

import numpy
import standin

from minialex import backend, options, train
from minialex.command import run

parser = options.parser


def with_standin():
    """The train command's parser, which also takes `standin`."""
    extended = parser()
    option = extended._option_string_actions["--backend"]
    option.choices = (*option.choices, "standin")
    return extended


backend.get = lambda name="auto": standin if name == "standin" else numpy
options.parser = with_standin

if __name__ == "__main__":
    run(train.main)
