"""python train_on_standin.py OPTIONS: the train command, which knows a backend `standin`."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy

from minialex import backend, options, train
from minialex.command import run


def with_standin(parser: Callable) -> Callable:
    """The train command's parser, which also takes --backend standin."""

    def extended():
        p = parser()
        option = p._option_string_actions["--backend"]
        option.choices = (*option.choices, "standin")
        return p

    return extended


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1] / "gpu"))
    import standin

    backend.get = lambda name="auto": standin if name == "standin" else numpy
    options.parser = with_standin(options.parser)
    run(train.main)
